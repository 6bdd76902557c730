//! Images for agents: whether there is one, and how one is made.

mod build;
mod certificates;
mod context;
mod elf;
pub(crate) mod forwarder;
mod kinds;
mod missing;
mod program;
mod recipe;
mod rootfs;

use std::collections::HashMap;

pub(crate) use build::build;
pub(crate) use context::Body;
pub use kinds::{AgentCli, DEFAULT_BASE, DEFAULT_IMAGE, default_image};
pub use missing::{BuildMissing, BuildNews, TellBuild};
pub(crate) use missing::{hint, provide};
pub use recipe::ImageRecipe;
use swarm_core::{runtime::RuntimeError, time::Timestamp};

use crate::engine::Engine;

/// An image that an engine has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageInfo {
    /// The name that was asked for.
    pub name: String,
    /// Its id, which stands for its content.
    pub id: String,
    /// Its name in a registry, with the digest there; `None` if it was built here.
    pub digest: Option<String>,
    /// When it was made; zero if the engine does not say.
    pub created: Timestamp,
    /// Its size in bytes.
    pub size: u64,
    /// What is known of its making; `None` if it was not built by a recipe of ours.
    pub made: Option<ImageOrigin>,
}

/// How an image was made, as its labels say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageOrigin {
    /// The kind of agents that it is for.
    pub kind: String,
    /// A word for the recipe, such as `install` or `program`.
    pub method: String,
    /// The hash of the recipe. Files of this machine that went into it do not count.
    pub recipe: String,
    /// Whether the same recipe would be another one today.
    pub has_changed: bool,
}

impl ImageOrigin {
    fn of(labels: &HashMap<String, String>) -> Option<Self> {
        let label = |name| labels.get(name).cloned();
        let recipe = label(recipe::LABEL_RECIPE)?;
        Some(Self {
            kind: label(recipe::LABEL_KIND)?,
            method: label(recipe::LABEL_METHOD)?,
            has_changed: ImageRecipe::hash_today(labels).as_ref() != Some(&recipe),
            recipe,
        })
    }
}

/// The image of this name, if the engine has it.
pub(crate) async fn show(engine: &Engine, name: &str) -> Result<Option<ImageInfo>, RuntimeError> {
    let found = engine
        .image(name)
        .await
        .map_err(|failure| engine.error("look up the image", failure))?;
    Ok(found.map(|found| ImageInfo {
        name: name.to_owned(),
        made: ImageOrigin::of(&found.labels),
        id: found.id,
        digest: found.digest,
        created: timestamp(&found.created),
        size: found.size,
    }))
}

fn timestamp(text: &str) -> Timestamp {
    let millis = text.parse().map_or(0, jiff::Timestamp::as_millisecond);
    Timestamp::from_millis(u64::try_from(millis).unwrap_or_default())
}
