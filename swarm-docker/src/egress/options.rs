//! What agents that may reach listed hosts need on this machine.

use std::path::PathBuf;

/// A program for the forwarder, and a place for sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EgressOptions {
    /// A program of this machine that calls [`forward`](crate::egress_forward) with its last two arguments, an address and
    /// a path, and does nothing else. It goes into an image of its own, with the libraries that it needs.
    pub program: PathBuf,
    /// Its arguments before those two.
    pub args: Vec<String>,
    /// A folder that is readable by nobody else, for the sockets of agents that run. Made if it is not there. One for
    /// each [`home`](crate::DockerOptions::home).
    pub folder: PathBuf,
}
