//! `swarm type`

mod list;
mod show;

use clap::Subcommand;

use super::Context;
use crate::{error::CliError, exit_code::Exit};

#[derive(Debug, Subcommand)]
pub(crate) enum Type {
    /// List the types that can be used by name
    List(list::List),
    /// Show a type with every type that it mentions
    Show(show::Show),
}

impl Type {
    pub(crate) fn execute(self, context: &Context) -> Result<Exit, CliError> {
        match self {
            Self::List(list::List {}) => list::List::execute(context),
            Self::Show(command) => command.execute(context),
        }
    }
}
