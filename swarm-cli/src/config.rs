//! Settings: flag, then environment, then project, then user, then default.
//!
//! The only place of this program that reads the environment.

mod environment;
mod explain;
mod file;
mod folders;
mod invalid;
mod layer;
mod origin;
mod setting;
mod shelves;

use std::{
    collections::BTreeMap,
    num::{NonZeroU16, NonZeroUsize},
    path::{Path, PathBuf},
    time::Duration,
};

pub(crate) use explain::explain;
use figment2::{
    Figment,
    providers::{Format as _, Toml},
    value::Value,
};
pub(crate) use folders::Folders;
use layer::Layer;
use origin::Origin;
use serde::{Deserialize, Serialize};
use setting::Setting;
pub(crate) use shelves::Shelves;
use swarm_core::{
    agents,
    error_code::ErrorCode,
    resources::{DEFAULT_MAX_CONCURRENT, DEFAULT_QUEUE_TIMEOUT, PoolLimits},
    runtime::DEFAULT_MAX_OUTPUT,
    spec::ByteSize,
};

use swarm_docker::{DEFAULT_IMAGE, default_image};
use swarm_http::compat::USUAL_PORT;
use swarm_http::engines::RuntimeKind;

use crate::{args::Overrides, error::CliError};

/// Capacity of a named pool: `SWARM_RESOURCE_gpu=2`.
const POOL_PREFIX: &str = "SWARM_RESOURCE_";
/// Image of a kind: `SWARM_IMAGE_CLAUDE=mine:1`.
const IMAGE_PREFIX: &str = "SWARM_IMAGE_";
/// With less than this an agent could not even say what went wrong.
const LEAST_OUTPUT: ByteSize = ByteSize::new(64 << 10);
/// What a repository may set about those who work in it. Where state is kept, and whether agents are
/// isolated, is not its business.
const PROJECT_KEYS: [&str; 5] = [
    "agents",
    "image",
    "max_concurrent",
    "queue_timeout",
    "resources",
];

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

impl From<RuntimeChoice> for RuntimeKind {
    fn from(choice: RuntimeChoice) -> Self {
        match choice {
            RuntimeChoice::Auto => Self::Auto,
            RuntimeChoice::Docker => Self::Docker,
            RuntimeChoice::Process => Self::Process,
        }
    }
}

impl From<RuntimeKind> for RuntimeChoice {
    fn from(kind: RuntimeKind) -> Self {
        match kind {
            RuntimeKind::Auto => Self::Auto,
            RuntimeKind::Docker => Self::Docker,
            RuntimeKind::Process => Self::Process,
        }
    }
}

/// Whether a variable of the environment with this name sets something.
pub(crate) fn is_setting(variable: &str) -> bool {
    Setting::is_set_by(variable)
}

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Where runs and results are kept.
    pub(crate) home: PathBuf,
    /// Where agents run.
    pub(crate) runtime: RuntimeChoice,
    /// The image of agents that name none, and whose kind has none.
    pub(crate) image: String,
    /// What holds for one kind of agents.
    pub(crate) agents: BTreeMap<String, AgentSettings>,
    /// The socket or address of the engine; empty for the usual one.
    pub(crate) docker_host: String,
    /// How many messages and other things each peer may send in a minute; 0 for as many as it likes.
    pub(crate) messages_per_minute: u16,
    /// Whether runs are driven by the command that asks for them, and not by the daemon.
    pub(crate) local: bool,
    /// For how many hours messages are kept that were seen.
    pub(crate) keep_messages: u32,
    /// Where the daemon listens; 0 for the usual port, or any that is free.
    pub(crate) port: u16,
    /// Whether programs of claude-peers and claude-swarm are let in.
    pub(crate) compat: bool,
    /// Where those look for their broker.
    pub(crate) compat_port: NonZeroU16,
    /// A file with prices of models, which win over those that are built in; empty for none.
    pub(crate) prices: PathBuf,
    /// Agents at once.
    pub(crate) max_concurrent: NonZeroUsize,
    /// Bytes that each agent may print.
    pub(crate) max_output: ByteSize,
    /// Seconds that an agent waits for its turn.
    pub(crate) queue_timeout: f64,
    /// Agents at once per named pool.
    pub(crate) resources: BTreeMap<String, NonZeroUsize>,
}

/// What can be set for one kind of agents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgentSettings {
    /// The image of those that name none.
    pub(crate) image: String,
}

impl Settings {
    fn defaults(folders: &Folders) -> Self {
        Self {
            home: folders.data.clone(),
            runtime: RuntimeChoice::Auto,
            image: DEFAULT_IMAGE.to_owned(),
            agents: agents::names()
                .map(|kind| {
                    let image = default_image(kind);
                    (kind.to_owned(), AgentSettings { image })
                })
                .collect(),
            docker_host: String::new(),
            messages_per_minute: 60,
            local: false,
            keep_messages: 24,
            port: 0,
            compat: false,
            compat_port: NonZeroU16::new(USUAL_PORT).unwrap_or(NonZeroU16::MIN),
            prices: PathBuf::new(),
            max_concurrent: NonZeroUsize::new(DEFAULT_MAX_CONCURRENT).unwrap_or(NonZeroUsize::MIN),
            max_output: DEFAULT_MAX_OUTPUT,
            queue_timeout: DEFAULT_QUEUE_TIMEOUT.as_secs_f64(),
            resources: BTreeMap::new(),
        }
    }

    /// The image of agents of `kind` that name none.
    pub(crate) fn image_of(&self, kind: &str) -> &str {
        let agents = self.agents.get(kind);
        agents.map_or(&self.image, |agents| &agents.image)
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
        name: Layer::DEFAULT,
        values: Settings::defaults(&folders),
    })
    .merge(Toml::file(file::checked(folders.user_config())?).search(false));
    if let Some(project) = folders.project_config() {
        let project = file::inside(file::checked(project)?)?;
        let project = Toml::file(project).search(false);
        refuse_foreign_keys(&project, &folders)?;
        figment = figment.merge(project);
    }
    let figment = figment
        .merge(Layer {
            name: Layer::ENVIRONMENT,
            values: environment::environment()?,
        })
        .merge(Layer {
            name: Layer::COMMAND_LINE,
            values: overrides,
        });
    let settings: Settings = figment
        .extract()
        .map_err(|error| invalid::unreadable(&error))?;
    let mut config = Config {
        settings: Settings {
            home: folders.absolute(&settings.home),
            ..settings.clone()
        },
        folders,
        figment,
    };
    config.decide_images()?;
    let must_be = |key, found: &dyn std::fmt::Display| {
        Err(invalid::must_be(&[key], &config.origin(&[key]), found))
    };
    if settings.home.as_os_str().is_empty() {
        // It would be the current folder, wherever that is.
        return must_be("home", &"empty");
    }
    if settings.max_output < LEAST_OUTPUT {
        return must_be("max_output", &settings.max_output);
    }
    if usize::from(settings.messages_per_minute) > swarm_peers::settings::MAX_RATE {
        return must_be("messages_per_minute", &settings.messages_per_minute);
    }
    if settings.keep_messages == 0 {
        return must_be("keep_messages", &settings.keep_messages);
    }
    if Duration::try_from_secs_f64(settings.queue_timeout).is_ok_and(|timeout| !timeout.is_zero()) {
        Ok(config)
    } else {
        must_be("queue_timeout", &settings.queue_timeout)
    }
}

impl Config {
    /// An image that is set for all agents is also that of the kinds for which none is set.
    fn decide_images(&mut self) -> Result<(), CliError> {
        let kinds: Vec<String> = self.settings.agents.keys().cloned().collect();
        for kind in kinds {
            if agents::names().all(|known| known != kind) {
                let path = ["agents", kind.as_str()];
                return Err(invalid::unknown_kind(&path, &self.origin(&path)));
            }
            let (origin, _) = self.origin_of_image(&kind);
            if origin != Origin::Default && !self.has_own_image(&kind) {
                let image = self.settings.image.clone();
                self.settings.agents.insert(kind, AgentSettings { image });
            }
        }
        Ok(())
    }

    /// Whether somebody set an image for agents of `kind` alone.
    fn has_own_image(&self, kind: &str) -> bool {
        self.origin(&["agents", kind, "image"]) != Origin::Default
    }

    /// Where the image of agents of `kind` was set, and under which name.
    fn origin_of_image<'a>(&self, kind: &'a str) -> (Origin, Vec<&'a str>) {
        if kind != "command" && self.has_own_image(kind) {
            let path = vec!["agents", kind, "image"];
            (self.origin(&path), path)
        } else {
            (self.origin(&["image"]), vec!["image"])
        }
    }

    /// The project whose settings name the image of agents of `kind`.
    pub(crate) fn project_of_image(&self, kind: &str) -> Option<&Path> {
        let (origin, _) = self.origin_of_image(kind);
        let file = self.folders.project_config()?;
        if origin == Origin::File(file) {
            self.folders.project.as_deref()
        } else {
            None
        }
    }

    /// The name of an image that is built for agents of `kind`.
    pub(crate) fn tag_of(&self, kind: &str) -> String {
        if kind == "command" || self.has_own_image(kind) {
            self.settings.image_of(kind).to_owned()
        } else {
            // What is set for all agents is not the image of one kind.
            default_image(kind)
        }
    }

    /// Where the value at `path` was set.
    fn origin(&self, path: &[&str]) -> Origin {
        let Some((key, below)) = path.split_first() else {
            return Origin::Default;
        };
        let mut value = self.figment.find_value(key).ok();
        // Not by a dotted path: the name of a pool may have a dot in it.
        for key in below {
            value = value
                .and_then(Value::into_dict)
                .and_then(|mut values| values.remove(*key));
        }
        Origin::of(value.and_then(|value| self.figment.get_metadata(value.tag())))
    }
}

fn refuse_foreign_keys(
    project: &figment2::providers::Data<Toml>,
    folders: &Folders,
) -> Result<(), CliError> {
    let set: BTreeMap<String, Value> = Figment::from(project)
        .extract()
        .map_err(|error| invalid::unreadable(&error))?;
    match set.keys().find(|key| !PROJECT_KEYS.contains(&key.as_str())) {
        Some(key) if Setting::of(key).is_none() => {
            let file = folders.project_config().unwrap_or_default();
            Err(invalid::unknown(key, &Origin::File(file)))
        }
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
