//! `swarm image show`

use clap::Args;
use swarm_core::runtime::RuntimeError;

use super::{super::Context, COMMAND, human, kind, value};
use crate::{error::CliError, exit_code::Exit, runtime};

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The kind of agents, such as `claude`, or an image by its name and tag [default: command]
    #[arg(value_name = "KIND|NAME:TAG")]
    which: Option<String>,
}

impl Show {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let is_name = |which: &&str| which.contains([':', '/', '@']);
        let (name, hint) = match self.which.as_deref() {
            Some(name) if is_name(&name) => (name.to_owned(), "pull or build it".to_owned()),
            which => {
                let kind = kind(which)?;
                let build = match kind {
                    COMMAND => "swarm image build".to_owned(),
                    kind => format!("swarm image build {kind}"),
                };
                let name = config.settings.image_of(kind).to_owned();
                (name, format!("build it with `{build}`"))
            }
        };
        let docker = runtime::connect(&config.settings).await?;
        let found = docker.show_image(&name).await?;
        let found = found.ok_or(RuntimeError::ImageMissing { image: name, hint })?;
        context.out.answer(&value(&found), || human(&found))?;
        Ok(Exit::Ok)
    }
}
