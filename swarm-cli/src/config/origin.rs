//! Where a value was set, in the words of whoever set it.

use std::path::PathBuf;

use figment2::{Metadata, Source};

use super::{IMAGE_PREFIX, POOL_PREFIX, layer::Layer, setting::Setting};

/// Where a value was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Default,
    File(PathBuf),
    Environment,
    CommandLine,
}

impl Origin {
    pub(super) fn of(metadata: Option<&Metadata>) -> Self {
        let Some(metadata) = metadata else {
            return Self::Default;
        };
        match &metadata.source {
            Some(Source::File(path)) => Self::File(path.clone()),
            _ if metadata.name == Layer::ENVIRONMENT => Self::Environment,
            _ if metadata.name == Layer::COMMAND_LINE => Self::CommandLine,
            _ => Self::Default,
        }
    }

    /// The name under which the value at `path` was set here; none if nobody set it.
    pub(super) fn name(&self, path: &[&str]) -> Option<String> {
        let dotted = || {
            let keys: Vec<String> = path.iter().map(|key| written(key)).collect();
            keys.join(".")
        };
        match self {
            Self::Default => None,
            Self::File(file) => Some(format!("{} in {}", dotted(), file.display())),
            Self::Environment => Some(match path {
                ["resources", pool] => format!("{POOL_PREFIX}{pool}"),
                ["agents", kind, ..] => format!("{IMAGE_PREFIX}{}", kind.to_uppercase()),
                [key, ..] => Setting::of(key).map_or_else(dotted, |setting| match setting.also {
                    Some(also) => format!("{} or {also}", setting.variable),
                    None => setting.variable.to_owned(),
                }),
                [] => "the environment".to_owned(),
            }),
            Self::CommandLine => Some(format!("--{}", dotted())),
        }
    }
}

/// A key as TOML has it.
fn written(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(is_bare) {
        key.to_owned()
    } else {
        format!("{key:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_one_that_was_written() {
        let file = Origin::File("/etc/swarm.toml".into());
        for (origin, path, name) in [
            (
                Origin::Environment,
                &["max_concurrent"][..],
                Some("SWARM_MAX_CONCURRENT"),
            ),
            (Origin::Environment, &["docker_host"], Some("DOCKER_HOST")),
            (
                Origin::Environment,
                &["resources", "Gpu.0"],
                Some("SWARM_RESOURCE_Gpu.0"),
            ),
            (
                Origin::Environment,
                &["agents", "claude", "image"],
                Some("SWARM_IMAGE_CLAUDE"),
            ),
            (
                file.clone(),
                &["agents", "claude", "image"],
                Some("agents.claude.image in /etc/swarm.toml"),
            ),
            (file.clone(), &["image"], Some("image in /etc/swarm.toml")),
            (
                file.clone(),
                &["resources", "db"],
                Some("resources.db in /etc/swarm.toml"),
            ),
            (
                file,
                &["resources", "a.b"],
                Some("resources.\"a.b\" in /etc/swarm.toml"),
            ),
            (Origin::CommandLine, &["home"], Some("--home")),
            (Origin::Default, &["home"], None),
        ] {
            assert_eq!(origin.name(path).as_deref(), name);
        }
    }
}
