//! `swarm runs approve` and `swarm runs reject`

use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use swarm_core::{
    RunView, SwarmError,
    error_code::ErrorCode,
    ids::RunId,
    journal::{RunEvent, RunJournal},
    machine::Cursor,
    run_view::Approval,
    suggest::{did_you_mean, nearest},
    time::SystemClock,
};

use super::super::Context;
use crate::{error::CliError, execute::known, exit_code::Exit};

#[derive(Debug, Args)]
pub(crate) struct Answer {
    /// The run
    run: RunId,
    /// What asks, such as the name of a step, if several do
    name: Option<String>,
    /// What you say about it
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

#[derive(Serialize)]
struct Answered<'a> {
    run_id: &'a RunId,
    name: &'a str,
    question: &'a str,
    approved: bool,
    /// Whether some process goes on with the run right now.
    is_driven: bool,
}

impl Answer {
    pub(crate) async fn execute(self, context: &Context, approved: bool) -> Result<Exit, CliError> {
        let session = context.session()?;
        let view = known(&session, &self.run).await?;
        if view.end().is_some() {
            return Err(SwarmError::RunEnded(self.run).into());
        }
        let (at, approval) = self.asked(&view)?;
        let journal = RunJournal::new(Arc::clone(&session.log), Arc::new(SystemClock), &self.run);
        let ours = journal
            .append(vec![RunEvent::ApprovalAnswered {
                at: at.clone(),
                approved,
                note: self.note.clone(),
            }])
            .await?;
        // Somebody may have answered at the same time. Who comes first in the log counts.
        let events = journal.read().await?;
        let first = events.iter().find(|(_, event)| {
            matches!(event, RunEvent::ApprovalAnswered { at: other, .. } if other == at)
        });
        if first.is_none_or(|(recorded, _)| recorded.sequence != ours) {
            return Err(CliError::new(
                ErrorCode::InvalidInput,
                format!(
                    "somebody else has just answered `{}` of run {}; `swarm runs show {1}` shows how it went on",
                    approval.name, self.run
                ),
            ));
        }
        let answered = Answered {
            run_id: &self.run,
            name: approval.name.as_str(),
            question: &approval.question,
            approved,
            is_driven: session.is_live(&self.run),
        };
        context.out.answer(&answered, || human(&answered))?;
        Ok(Exit::Ok)
    }

    /// The question that is meant: the only one that is open, or the one that is named.
    fn asked<'v>(&self, view: &'v RunView) -> Result<(&'v Cursor, &'v Approval), CliError> {
        let open = view.approvals.iter();
        let open: Vec<_> = open.filter(|(_, asked)| asked.approved.is_none()).collect();
        let names = || open.iter().map(|(_, asked)| asked.name.as_str());
        let run = &view.run;
        let wrong = |message: String| CliError::new(ErrorCode::InvalidInput, message);
        match (&self.name, open.as_slice()) {
            (_, []) => Err(wrong(format!(
                "nothing in run {run} waits for an answer; `swarm runs show {run}` shows how it stands"
            ))),
            (None, [only]) => Ok(*only),
            (None, _) => Err(wrong(format!(
                "several questions of run {run} are open; say which one is answered: {}",
                names().collect::<Vec<_>>().join(", ")
            ))),
            (Some(name), open) => open
                .iter()
                .find(|(_, asked)| asked.name.as_str() == name)
                .copied()
                .ok_or_else(|| {
                    wrong(format!(
                        "nothing called `{name}` in run {run} waits for an answer{}",
                        did_you_mean(nearest(name, names()))
                    ))
                }),
        }
    }
}

fn human(answered: &Answered<'_>) -> String {
    let Answered { run_id, name, .. } = answered;
    let what = if answered.approved {
        "approved"
    } else {
        "rejected"
    };
    let then = if answered.is_driven {
        String::new()
    } else {
        format!("; nobody drives the run, and `swarm runs resume {run_id}` goes on")
    };
    format!("{name} of run {run_id} is {what}{then}")
}
