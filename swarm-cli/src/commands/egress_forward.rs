//! `swarm egress-forward`: what runs in the forwarder of an agent that may reach listed hosts. Not for people.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

use crate::{error::CliError, exit_code::Exit};

#[derive(Debug, Args)]
pub(crate) struct EgressForward {
    /// The address to listen on
    address: SocketAddr,
    /// The socket to copy to and from
    socket: PathBuf,
}

impl EgressForward {
    pub(crate) async fn execute(self) -> Result<Exit, CliError> {
        match swarm_docker::egress_forward(self.address, &self.socket).await {
            Ok(never) => match never {},
            Err(error) => Err(CliError::file("listen for", &self.socket, &error)),
        }
    }
}
