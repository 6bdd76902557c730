//! `swarm project trust`

use std::path::PathBuf;

use clap::Args;

use super::super::Context;
use crate::{error::CliError, exit_code::Exit, session::Session};

#[derive(Debug, Args)]
pub(crate) struct Trust {
    /// Its folder
    #[arg(default_value = ".")]
    project_dir: PathBuf,
}

impl Trust {
    pub(crate) fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        // Makes the home folder if there is none.
        drop(Session::results(&config)?);
        let folder = config.folders.absolute(&self.project_dir);
        let project = config.projects().trust(&folder)?;
        context.out.answer(&project, || {
            format!("{} is trusted", project.path.display())
        })?;
        Ok(Exit::Ok)
    }
}
