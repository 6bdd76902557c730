//! `swarm encrypt`

use clap::Args;
use serde::Serialize;
use swarm_core::ids::RefId;

use super::Context;
use crate::{error::CliError, exit_code::Exit};

#[derive(Debug, Args)]
pub(crate) struct Encrypt {
    /// The result
    #[arg(value_name = "REF")]
    id: RefId,
}

#[derive(Serialize)]
struct Encrypted {
    #[serde(rename = "ref")]
    id: RefId,
    key_id: String,
    status: &'static str,
}

impl Encrypt {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let sealed = context.results()?.encrypt(&self.id).await?;
        let answer = Encrypted {
            id: sealed.id,
            key_id: sealed.key_id,
            status: "encrypted",
        };
        context.out.answer(&answer, || {
            format!(
                "{} is encrypted; `swarm decrypt {} --key-id {}` reads it",
                answer.id, answer.id, answer.key_id
            )
        })?;
        Ok(Exit::Ok)
    }
}
