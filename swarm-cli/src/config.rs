//! Settings: flag, then environment, then project, then user, then default.
//!
//! The only place of this program that reads the environment.

mod explain;
mod folders;

use std::{collections::BTreeMap, num::NonZeroUsize, path::PathBuf, time::Duration};

pub(crate) use explain::explain;
use figment2::{
    Figment, Metadata, Profile, Provider,
    providers::{Env, Format as _, Serialized, Toml},
    value::{Dict, Map},
};
pub(crate) use folders::Folders;
use serde::{Deserialize, Serialize};
use swarm_core::{
    error_code::ErrorCode,
    resources::{DEFAULT_MAX_CONCURRENT, DEFAULT_QUEUE_TIMEOUT, PoolLimits},
};

use crate::{args::Overrides, error::CliError};

/// The image of agents that name none.
const DEFAULT_IMAGE: &str = "swarm-agent:latest";
/// Capacity of a named pool: `SWARM_RESOURCE_gpu=2`.
const POOL_PREFIX: &str = "SWARM_RESOURCE_";
/// What a repository may set about those who work in it. Where state is kept, and whether agents are
/// isolated, is not its business.
const PROJECT_KEYS: [&str; 4] = ["image", "max_concurrent", "queue_timeout", "resources"];

/// Where agents run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RuntimeChoice {
    /// In containers if an engine answers, else as processes.
    Auto,
    /// In containers.
    Docker,
    /// As processes, without isolation.
    Process,
}

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Where runs and results are kept.
    pub(crate) home: PathBuf,
    /// Where agents run.
    pub(crate) runtime: RuntimeChoice,
    /// The image of agents that name none.
    pub(crate) image: String,
    /// The socket or address of the engine; empty for the usual one.
    pub(crate) docker_host: String,
    /// Agents at once.
    pub(crate) max_concurrent: NonZeroUsize,
    /// Seconds that an agent waits for its turn.
    pub(crate) queue_timeout: f64,
    /// Agents at once per named pool.
    pub(crate) resources: BTreeMap<String, NonZeroUsize>,
}

impl Settings {
    fn defaults(folders: &Folders) -> Self {
        Self {
            home: folders.data.clone(),
            runtime: RuntimeChoice::Auto,
            image: DEFAULT_IMAGE.to_owned(),
            docker_host: String::new(),
            max_concurrent: NonZeroUsize::new(DEFAULT_MAX_CONCURRENT).unwrap_or(NonZeroUsize::MIN),
            queue_timeout: DEFAULT_QUEUE_TIMEOUT.as_secs_f64(),
            resources: BTreeMap::new(),
        }
    }

    /// How much of everything there is.
    pub(crate) fn pool_limits(&self) -> PoolLimits {
        PoolLimits {
            slots: self.max_concurrent,
            pools: self.resources.clone(),
            queue_timeout: Duration::try_from_secs_f64(self.queue_timeout)
                .unwrap_or(DEFAULT_QUEUE_TIMEOUT),
        }
    }
}

/// Settings, and where each came from.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) settings: Settings,
    pub(crate) folders: Folders,
    figment: Figment,
}

/// Reads everything that is set, anywhere.
pub(crate) fn load(overrides: &Overrides) -> Result<Config, CliError> {
    let folders = Folders::find()?;
    let mut figment = Figment::from(Layer {
        name: "default",
        values: Settings::defaults(&folders),
    })
    .merge(Toml::file(folders.user_config()).search(false));
    if let Some(project) = folders.project_config() {
        let project = Toml::file(project).search(false);
        refuse_foreign_keys(&project, &folders)?;
        figment = figment.merge(project);
    }
    let figment = figment.merge(environment()).merge(pools()).merge(Layer {
        name: "command line",
        values: overrides,
    });
    let settings: Settings = figment.extract().map_err(|error| invalid(&error))?;
    if !(settings.queue_timeout.is_finite() && settings.queue_timeout > 0.0) {
        return Err(CliError::usage(format!(
            "queue_timeout is {}; it must be a number of seconds above zero",
            settings.queue_timeout
        )));
    }
    let settings = Settings {
        home: folders.absolute(&settings.home),
        ..settings
    };
    Ok(Config {
        settings,
        folders,
        figment,
    })
}

fn environment() -> Env {
    Env::raw()
        .only(&[
            "SWARM_HOME",
            "SWARM_RUNTIME",
            "SWARM_IMAGE",
            "SWARM_MAX_CONCURRENT",
            "SWARM_QUEUE_TIMEOUT",
            "DOCKER_HOST",
        ])
        .map(|key| {
            let key = key.as_str().to_ascii_lowercase();
            key.strip_prefix("swarm_").unwrap_or(&key).to_owned().into()
        })
}

/// Pools keep the case of their names, so they cannot go through the lower-casing of the others.
fn pools() -> Layer<BTreeMap<&'static str, BTreeMap<String, serde_json::Value>>> {
    let number = |text: String| match text.parse::<u64>() {
        Ok(number) => number.into(),
        Err(_) => text.into(),
    };
    let pools: BTreeMap<String, serde_json::Value> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter_map(|(name, value)| {
            Some((name.strip_prefix(POOL_PREFIX)?.to_owned(), number(value)))
        })
        .collect();
    Layer {
        name: "environment",
        values: BTreeMap::from([("resources", pools)]),
    }
}

/// Values with a name for where they came from.
struct Layer<T> {
    name: &'static str,
    values: T,
}

impl<T: Serialize> Provider for Layer<T> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment2::Error> {
        Serialized::defaults(&self.values).data()
    }
}

fn refuse_foreign_keys(
    project: &figment2::providers::Data<Toml>,
    folders: &Folders,
) -> Result<(), CliError> {
    let set: BTreeMap<String, figment2::value::Value> = Figment::from(project)
        .extract()
        .map_err(|error| invalid(&error))?;
    match set.keys().find(|key| !PROJECT_KEYS.contains(&key.as_str())) {
        Some(key) => Err(CliError::new(
            ErrorCode::Refused,
            format!(
                "{} sets `{key}`, which a project may not; set it in {}",
                folders.project_config().unwrap_or_default().display(),
                folders.user_config().display()
            ),
        )),
        None => Ok(()),
    }
}

fn invalid(error: &figment2::Error) -> CliError {
    CliError::usage(format!(
        "invalid setting: {error}; `swarm config explain` shows all settings"
    ))
}
