//! `swarm type show`

use clap::Args;
use serde::Serialize;
use swarm_core::types::TypeError;

use super::super::Context;
use crate::{error::CliError, exit_code::Exit};

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The type
    name: String,
    /// Leave the types that it mentions as they are written
    #[arg(long)]
    as_written: bool,
}

#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    definition: &'a str,
}

impl Show {
    pub(crate) fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let types = context.config()?.types()?;
        let definition = self.definition(&types)?;
        let shown = Shown {
            name: &self.name,
            definition: &definition,
        };
        context.out.answer(&shown, || definition.clone())?;
        Ok(Exit::Ok)
    }

    fn definition(&self, types: &swarm_core::types::TypeRegistry) -> Result<String, TypeError> {
        let expanded = types.definition(&self.name)?;
        if self.as_written
            && let Some(text) = types.text(&self.name)?
        {
            return Ok(text);
        }
        Ok(expanded)
    }
}
