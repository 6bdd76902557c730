//! `swarm encrypt`

use clap::Args;
use serde::Serialize;
use swarm_core::{error_code::ErrorCode, ids::RefId};

use super::Context;
use crate::{error::CliError, execute::known, exit_code::Exit, session::Session};

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
    /// Who has judged it, and may have quoted it.
    judged_by: Vec<RefId>,
}

impl Encrypted {
    fn human(&self) -> String {
        let mut lines = vec![format!(
            "{} is encrypted; `swarm decrypt {} --key-id {}` reads it",
            self.id, self.id, self.key_id
        )];
        if !self.judged_by.is_empty() {
            lines.push(
                "who judged it may have quoted it, which is not encrypted; to encrypt that, too:"
                    .to_owned(),
            );
        }
        let commands = self.judged_by.iter();
        lines.extend(commands.map(|judge| format!("  swarm encrypt {judge}")));
        lines.join("\n")
    }
}

impl Encrypt {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let session = context.session()?;
        refuse_while_needed(&session, &self.id).await?;
        // They quote it until it is encrypted: afterwards nobody does.
        let judged_by = session.store.judges_of(&self.id).await?;
        let sealed = session.store.encrypt(&self.id).await?;
        let answer = Encrypted {
            id: sealed.id,
            key_id: sealed.key_id,
            status: "encrypted",
            judged_by,
        };
        context.out.answer(&answer, || answer.human())?;
        Ok(Exit::Ok)
    }
}

/// A run that is not over may need the result for what comes next, and could then never end well.
async fn refuse_while_needed(session: &Session, id: &RefId) -> Result<(), CliError> {
    let run = &id.run;
    match known(session, run).await {
        Ok(view) if view.end().is_none() => Err(CliError::new(
            ErrorCode::RefBusy,
            format!(
                "ref {id} belongs to run {run}, which is not over and may need it; let it end, `swarm runs resume {run}` it, \
                 or `swarm runs kill {run}` it, and encrypt the ref then"
            ),
        )),
        // What was brought in, and what is older than the log, belongs to no run.
        _ => Ok(()),
    }
}
