//! `swarm sandbox`

mod list;
mod save;
mod show;

use clap::Subcommand;

use super::Context;
use crate::{error::CliError, exit_code::Exit};

#[derive(Debug, Subcommand)]
pub(crate) enum Sandbox {
    /// Save what the arguments say under a name
    Save(Box<save::Save>),
    /// List the sandboxes that can be used by name
    List(list::List),
    /// Show a sandbox with every field decided
    Show(show::Show),
}

impl Sandbox {
    pub(crate) fn execute(self, context: &Context) -> Result<Exit, CliError> {
        match self {
            Self::Save(command) => command.execute(context),
            Self::List(list::List {}) => list::List::execute(context),
            Self::Show(command) => command.execute(context),
        }
    }
}
