//! `swarm image build`

use std::path::{Path, PathBuf};

use clap::Args;
use swarm_docker::ImageRecipe;

use super::{super::Context, human, value};
use crate::{error::CliError, exit_code::Exit, runtime};

/// Where distributions put a busybox.
const BUSYBOXES: [&str; 2] = ["/bin/busybox", "/usr/bin/busybox"];
/// What the image is made from if this machine has no busybox of its own.
const FALLBACK_BASE: &str = "busybox:stable";

#[derive(Debug, Args)]
pub(crate) struct Build {
    /// Name of the image [default: the setting `image`]
    #[arg(long, value_name = "NAME")]
    tag: Option<String>,
    /// Make it from this image, which the engine fetches if it does not have it
    #[arg(long, value_name = "IMAGE", conflicts_with = "busybox")]
    from: Option<String>,
    /// Make it from nothing but this statically linked busybox
    #[arg(long, value_name = "FILE")]
    busybox: Option<PathBuf>,
}

impl Build {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let docker = runtime::connect(&config.settings).await?;
        let recipe = match (self.from, self.busybox) {
            (Some(base), _) => ImageRecipe::From { base },
            (None, Some(path)) => ImageRecipe::FromBusybox {
                path: config.folders.absolute(&path),
            },
            (None, None) => recipe(),
        };
        let name = self.tag.unwrap_or(config.settings.image);
        let built = docker.build_image(&name, &recipe).await?;
        context.out.answer(&value(&built), || human(&built))?;
        Ok(Exit::Ok)
    }
}

/// The busybox of this machine if it has one, else one from a registry.
pub(crate) fn recipe() -> ImageRecipe {
    match BUSYBOXES.iter().map(Path::new).find(|path| path.is_file()) {
        Some(path) => ImageRecipe::FromBusybox {
            path: path.to_owned(),
        },
        None => ImageRecipe::From {
            base: FALLBACK_BASE.to_owned(),
        },
    }
}
