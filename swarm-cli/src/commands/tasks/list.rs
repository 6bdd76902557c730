//! `swarm tasks list`

use clap::{Args, ValueEnum};
use swarm_http::operations::tasks;
use swarm_peers::{Task, task::TaskState};

use super::super::Context;
use crate::{
    daemon::{Daemon, Speaker},
    error::CliError,
    exit_code::Exit,
    output::{first_line, table::table},
};

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Whose
    #[arg(long, value_enum, default_value_t)]
    role: RoleArg,
    /// Only those that are so far
    #[arg(long, value_enum)]
    state: Option<StateArg>,
    #[command(flatten)]
    speaker: Speaker,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum RoleArg {
    /// Those that you are to do
    Assignee,
    /// Those that you handed over
    Assigner,
    /// Both, and those that anybody may claim
    #[default]
    All,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum StateArg {
    /// Nobody has begun
    Pending,
    /// Somebody works on it
    InProgress,
    /// It is done
    Completed,
    /// It will not be done
    Rejected,
}

impl List {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let list = tasks::List {
            role: match self.role {
                RoleArg::Assignee => tasks::Role::Assignee,
                RoleArg::Assigner => tasks::Role::Assigner,
                RoleArg::All => tasks::Role::All,
            },
            state: self.state.map(|state| match state {
                StateArg::Pending => TaskState::Pending,
                StateArg::InProgress => TaskState::InProgress,
                StateArg::Completed => TaskState::Completed,
                StateArg::Rejected => TaskState::Rejected,
            }),
        };
        let found = Daemon::reach(context, &self.speaker)
            .await?
            .call(&list)
            .await?
            .tasks;
        context.out.list(&found, || human(&found))?;
        Ok(Exit::Ok)
    }
}

fn human(found: &[Task]) -> String {
    if found.is_empty() {
        return "no tasks".to_owned();
    }
    let rows = found.iter().map(|task| {
        [
            task.id.to_string(),
            task.state.as_str().to_owned(),
            task.from.to_string(),
            task.to
                .as_ref()
                .map_or_else(|| "anybody".to_owned(), ToString::to_string),
            first_line(&task.description, 60),
            first_line(task.result.as_deref().unwrap_or_default(), 40),
        ]
    });
    table(["task", "is", "from", "to", "what", "result"], rows)
}
