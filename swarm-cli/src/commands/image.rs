//! `swarm image`

mod build;
mod show;

use clap::Subcommand;
use swarm_docker::ImageInfo;

pub(crate) use self::build::recipe;
use super::Context;
use crate::{error::CliError, exit_code::Exit, output::table::size};

#[derive(Debug, Subcommand)]
pub(crate) enum Image {
    /// Build the image that agents run in
    Build(build::Build),
    /// Show the image that agents run in
    Show(show::Show),
}

impl Image {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        match self {
            Self::Build(command) => command.execute(context).await,
            Self::Show(command) => command.execute(context).await,
        }
    }
}

/// The image for a machine.
fn value(image: &ImageInfo) -> serde_json::Value {
    serde_json::json!({
        "name": image.name,
        "id": image.id,
        "digest": image.digest,
        "created": image.created.to_string(),
        "size": image.size,
    })
}

fn human(image: &ImageInfo) -> String {
    format!(
        "name     {}\nid       {}\ndigest   {}\nsize     {}\ncreated  {}",
        image.name,
        image.id,
        image.digest.as_deref().unwrap_or("none, it was built here"),
        size(image.size),
        image.created,
    )
}
