//! `swarm image`

mod build;
mod show;

use clap::Subcommand;
use swarm_core::{
    agents::kind_of,
    spec::Agent,
    time::{Clock as _, SystemClock},
};
use swarm_docker::{ImageInfo, ImageOrigin};

pub(crate) use self::build::recipe;
use super::Context;
use crate::{error::CliError, exit_code::Exit, output::table::size};

/// Agents without a CLI of their own.
const COMMAND: &str = "command";

#[derive(Debug, Subcommand)]
pub(crate) enum Image {
    /// Build the image that agents of a kind run in
    Build(Box<build::Build>),
    /// Show the image that agents of a kind run in
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

/// The kind that was named.
fn kind(named: Option<&str>) -> Result<&'static str, CliError> {
    match named {
        None | Some(COMMAND) => Ok(COMMAND),
        Some(name) => Ok(kind_of(&Agent::Named(name.to_owned()))?.name()),
    }
}

/// The image for a machine.
fn value(image: &ImageInfo) -> serde_json::Value {
    let made = image.made.as_ref();
    serde_json::json!({
        "name": image.name,
        "kind": made.map(|made| &made.kind),
        "digest": image.id,
        "registry_digest": image.digest,
        "size": image.size,
        "created": image.created.to_string(),
        "age_seconds": age(image).as_secs(),
        "method": made.map(|made| &made.method),
        "recipe": made.map(|made| &made.recipe),
        "recipe_has_changed": made.map(|made| made.has_changed),
    })
}

fn human(image: &ImageInfo) -> String {
    let mut lines = vec![
        ("name", image.name.clone()),
        ("digest", image.id.clone()),
        ("size", size(image.size)),
        ("age", format!("{} ({})", in_words(image), image.created)),
        ("recipe", recipe_in_words(image.made.as_ref())),
    ];
    if let Some(digest) = &image.digest {
        lines.push(("registry", digest.clone()));
    }
    let lines = lines.iter();
    let lines: Vec<String> = lines
        .map(|(name, value)| format!("{name:<9}{value}"))
        .collect();
    lines.join("\n")
}

fn recipe_in_words(made: Option<&ImageOrigin>) -> String {
    let Some(made) = made else {
        return "none, it was not built by swarm".to_owned();
    };
    let what = format!("{} for agents of kind {}", made.method, made.kind);
    if made.has_changed {
        let kind = if made.kind == COMMAND {
            String::new()
        } else {
            format!(" {}", made.kind)
        };
        format!("{what}; it has changed since: `swarm image build{kind}` builds it again")
    } else {
        format!("{what}; it has not changed since")
    }
}

fn age(image: &ImageInfo) -> std::time::Duration {
    SystemClock.now().since(image.created)
}

/// `3 days`
fn in_words(image: &ImageInfo) -> String {
    let seconds = age(image).as_secs();
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7200 => (seconds / 60, "minute"),
        7200..172_800 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}
