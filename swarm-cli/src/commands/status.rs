//! `swarm status`

use clap::Args;
use serde_json::json;
use swarm_http::{Client, operations::daemon::Status as Ask};

use super::Context;
use crate::{daemon, error::CliError, exit_code::Exit};

#[derive(Debug, Args)]
pub(crate) struct Status {}

impl Status {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let home = daemon::home(context)?;
        if !home.is_running() {
            context.out.answer(&json!({"running": false}), || {
                "no daemon is running; whatever needs one starts it".to_owned()
            })?;
            return Ok(Exit::Failed);
        }
        let mut client = Client::connect(&home).await?;
        let status = client.call(&Ask {}).await?;
        let url = format!("http://{}", client.address().listens);
        let shown = json!({
            "running": true, "url": url, "version": status.version, "pid": status.pid, "since": status.since,
            "peers": status.peers, "connections": status.connections, "waiting": status.waiting, "head": status.head,
            "runs": status.runs,
        });
        context.out.answer(&shown, || {
            let peers = status.peers;
            let mine = env!("CARGO_PKG_VERSION");
            let other = if status.version == mine {
                String::new()
            } else {
                format!("\nthis command is version {mine}; `swarm restart` starts the daemon anew with it")
            };
            format!(
                "swarm {} listens at {url} (process {}) since {}\n{peers} peers are here, {} connections, {} messages wait, {} runs are under way{other}",
                status.version,
                status.pid,
                status.since,
                status.connections,
                status.waiting,
                status.runs
            )
        })?;
        Ok(Exit::Ok)
    }
}
