//! `swarm tasks`

mod list;

use clap::{Args, Subcommand};
use swarm_http::{Operation, operations::tasks};
use swarm_peers::{Task, TaskId};

use super::Context;
use crate::{
    daemon::{Daemon, Speaker},
    error::CliError,
    exit_code::Exit,
    words::words,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Tasks {
    /// List tasks
    List(list::List),
    /// Hand work to a peer, or to whoever claims it first
    Delegate(Delegate),
    /// Take a task: nobody else can then
    Claim(Claim),
    /// Say that a task is done
    Complete(Close),
    /// Say that a task will not be done
    Reject(Close),
}

#[derive(Debug, Args)]
pub(crate) struct Delegate {
    /// What is to be done; `-` reads it from stdin
    #[arg(required = true, value_name = "WORDS")]
    description: Vec<String>,
    /// To whom: an id or a name [default: whoever claims it first]
    #[arg(long)]
    to: Option<String>,
    /// Until when, in words
    #[arg(long)]
    deadline: Option<String>,
    #[command(flatten)]
    speaker: Speaker,
}

#[derive(Debug, Args)]
pub(crate) struct Claim {
    /// Its number
    task: u64,
    #[command(flatten)]
    speaker: Speaker,
}

#[derive(Debug, Args)]
pub(crate) struct Close {
    /// Its number
    task: u64,
    /// What came of it, or why not; `-` reads it from stdin
    #[arg(value_name = "WORDS")]
    words: Vec<String>,
    #[command(flatten)]
    speaker: Speaker,
}

impl Close {
    fn said(&self) -> Result<Option<String>, CliError> {
        if self.words.is_empty() {
            return Ok(None);
        }
        words(&self.words).map(Some)
    }
}

impl Tasks {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        match self {
            Self::List(command) => command.execute(context).await,
            Self::Delegate(command) => {
                let delegate = tasks::Delegate {
                    description: words(&command.description)?,
                    to: command.to,
                    deadline: command.deadline,
                };
                change(context, &command.speaker, &delegate).await
            }
            Self::Claim(command) => {
                let task = TaskId(command.task);
                change(context, &command.speaker, &tasks::Claim { task }).await
            }
            Self::Complete(command) => {
                let (task, result) = (TaskId(command.task), command.said()?);
                change(context, &command.speaker, &tasks::Complete { task, result }).await
            }
            Self::Reject(command) => {
                let (task, reason) = (TaskId(command.task), command.said()?);
                change(context, &command.speaker, &tasks::Reject { task, reason }).await
            }
        }
    }
}

async fn change(
    context: &Context,
    speaker: &Speaker,
    operation: &impl Operation<Answer = Task>,
) -> Result<Exit, CliError> {
    let task = Daemon::reach(context, speaker)
        .await?
        .call(operation)
        .await?;
    context.out.answer(&task, || {
        let to = match &task.to {
            Some(to) => format!("for {to}"),
            None => "for whoever claims it".to_owned(),
        };
        format!("task {} {to}: {}", task.id, task.state.as_str())
    })?;
    Ok(Exit::Ok)
}
