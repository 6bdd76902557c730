//! `swarm wrap`

use std::path::PathBuf;

use clap::Args;

use super::Context;
use crate::{error::CliError, exit_code::Exit, session::Session};

#[derive(Debug, Args)]
pub(crate) struct Wrap {
    /// The file or folder
    path: PathBuf,
}

impl Wrap {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let store = Session::results(&config)?;
        let path = config.folders.absolute(&self.path);
        let wrapped = store.wrap(&path).await?;
        context.out.answer(&wrapped, || wrapped.id.to_string())?;
        Ok(Exit::Ok)
    }
}
