//! `swarm restart`

use clap::Args;
use serde_json::json;

use super::{Context, stop::stop};
use crate::{
    daemon::{self, Daemon, Speaker},
    error::CliError,
    exit_code::Exit,
};

#[derive(Debug, Args)]
pub(crate) struct Restart {}

impl Restart {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        stop(&daemon::home(context)?).await?;
        let daemon = Daemon::reach(context, &Speaker::default()).await?;
        let client = daemon.client();
        let address = client.address();
        let url = format!("http://{}", address.listens);
        let shown = json!({"url": url, "pid": address.pid, "version": address.version});
        context.out.answer(&shown, || {
            format!(
                "swarm {} listens at {url} (process {})",
                address.version, address.pid
            )
        })?;
        Ok(Exit::Ok)
    }
}
