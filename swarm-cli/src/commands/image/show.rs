//! `swarm image show`

use clap::Args;
use swarm_core::runtime::RuntimeError;

use super::{super::Context, human, value};
use crate::{error::CliError, exit_code::Exit, runtime};

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Name of the image [default: the setting `image`]
    image: Option<String>,
}

impl Show {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let docker = runtime::connect(&config.settings).await?;
        let name = self.image.unwrap_or(config.settings.image);
        let found = docker.show_image(&name).await?;
        let found = found.ok_or(RuntimeError::ImageMissing { image: name })?;
        context.out.answer(&value(&found), || human(&found))?;
        Ok(Exit::Ok)
    }
}
