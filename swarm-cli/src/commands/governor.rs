//! `swarm governor`

mod delete;
mod list;
mod save;
mod show;

use clap::Subcommand;

use swarm_core::suggest::did_you_mean;
use swarm_pipeline::NotFound;

use super::Context;
use crate::{error::CliError, exit_code::Exit};

#[derive(Debug, Subcommand)]
pub(crate) enum Governor {
    /// Save one under a name
    Save(Box<save::Save>),
    /// List the governors that can be used by name
    List(list::List),
    /// Show what a governor decides by
    Show(show::Show),
    /// Remove a governor that was saved
    Delete(delete::Delete),
}

impl Governor {
    pub(crate) fn execute(self, context: &Context) -> Result<Exit, CliError> {
        match self {
            Self::Save(command) => command.execute(context),
            Self::List(list::List {}) => list::List::execute(context),
            Self::Show(command) => command.execute(context),
            Self::Delete(command) => command.execute(context),
        }
    }
}

fn not_found(error: &NotFound) -> CliError {
    let hint = did_you_mean(error.suggestion.as_deref());
    CliError::new(error.code, format!("{}{hint}", error.message))
}
