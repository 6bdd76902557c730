//! `swarm pipeline schema`

use clap::Args;

use crate::{error::CliError, exit_code::Exit, output};

#[derive(Debug, Args)]
pub(crate) struct Schema {}

impl Schema {
    pub(crate) fn execute(self) -> Result<Exit, CliError> {
        let Self {} = self;
        let schema = format!("{:#}\n", swarm_pipeline::schema());
        output::raw(&schema.into_bytes().into())?;
        Ok(Exit::Ok)
    }
}
