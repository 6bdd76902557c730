//! `swarm project forget`

use std::path::PathBuf;

use clap::Args;

use super::super::Context;
use crate::{error::CliError, exit_code::Exit, session::Session};

#[derive(Debug, Args)]
pub(crate) struct Forget {
    /// Its folder, which may be gone
    #[arg(default_value = ".")]
    project_dir: PathBuf,
}

impl Forget {
    pub(crate) fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        // Makes the home folder if there is none.
        drop(Session::results(&config)?);
        let folder = config.folders.absolute(&self.project_dir);
        let forgotten = config.projects().forget(&folder)?.ok_or_else(|| {
            CliError::usage(format!(
                "{} is neither wrapped nor trusted; `swarm project list` shows what is",
                folder.display()
            ))
        })?;
        context.out.answer(&forgotten, || {
            format!("{} is forgotten", forgotten.path.display())
        })?;
        Ok(Exit::Ok)
    }
}
