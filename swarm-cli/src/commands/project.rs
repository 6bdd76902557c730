//! `swarm project`

mod forget;
mod list;
mod trust;
mod wrap;

use clap::Subcommand;

use super::Context;
use crate::{error::CliError, exit_code::Exit};

#[derive(Debug, Subcommand)]
pub(crate) enum Project {
    /// Make the sandboxes of a project usable by name from everywhere
    Wrap(wrap::Wrap),
    /// Let the sandboxes of a project use your accounts, MCP servers and folders in ways of their own
    Trust(trust::Trust),
    /// List the projects that are wrapped or trusted
    List(list::List),
    /// Take back that a project was wrapped or trusted
    Forget(forget::Forget),
}

impl Project {
    pub(crate) fn execute(self, context: &Context) -> Result<Exit, CliError> {
        match self {
            Self::Wrap(command) => command.execute(context),
            Self::Trust(command) => command.execute(context),
            Self::List(list::List {}) => list::List::execute(context),
            Self::Forget(command) => command.execute(context),
        }
    }
}
