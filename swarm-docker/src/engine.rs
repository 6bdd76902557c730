//! The connection to an engine. Nothing outside this module makes a request, and no error of the client
//! library leaves it.

mod containers;
mod images;
mod resources;

use std::{path::PathBuf, time::Duration};

use bollard::{API_DEFAULT_VERSION, Docker, errors::Error as ClientError};
use swarm_core::runtime::RuntimeError;
use tokio::time::timeout;

pub(crate) use containers::{Attached, Chunk, Chunks, Found, Killed, LogPart, State, StreamError};
pub(crate) use images::{BuildFailure, BuildSteps};
pub(crate) use resources::FoundNetwork;

use crate::container::LogDriver;

/// Where an engine listens if nobody says otherwise.
const DEFAULT_ENDPOINT: &str = "unix:///var/run/docker.sock";
/// An engine that does not answer within this time is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long any one request may take to be answered, in seconds.
const REQUEST_TIMEOUT_SECS: u64 = 120;
/// From this minor version of the API on, read-only mounts are so all the way down.
const RECURSIVE_READ_ONLY: usize = 44;

/// What differs from engine to engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EngineTraits {
    /// The best log driver that can be read back.
    pub(crate) log: LogDriver,
    /// Whether what is mounted below a read-only mount is read-only, too.
    pub(crate) recursive_read_only: bool,
    /// Whether it can put a small init before the agent, which then is not process 1. Process 1 is deaf to
    /// most signals and has to reap the children of others, which few programs expect.
    pub(crate) init: bool,
    /// Whether a file of the host that is mounted has the same owner inside, and nothing else keeps that owner from it: it
    /// has its own users where it runs without root, and labels where `SELinux` is on.
    pub(crate) plain_binds: bool,
}

/// What an engine says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineInfo {
    /// Where it listens.
    pub endpoint: String,
    /// Its version, such as `27.3.1`.
    pub version: String,
    /// The version of its API that is used, such as `1.41`.
    pub api_version: String,
    /// The operating system of its containers, such as `linux`.
    pub os: String,
    /// Their processor, such as `amd64`.
    pub arch: String,
    /// Whether it runs without root.
    pub rootless: bool,
}

/// A handle on an engine. Cheap to clone; each request uses a connection of its own.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    docker: Docker,
    endpoint: String,
    pub(crate) traits: EngineTraits,
}

/// What may tell of a GPU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GpuHints {
    /// The runtimes of containers, by name.
    pub(crate) runtimes: Vec<String>,
    /// Devices that were found, such as `nvidia.com/gpu=0`. Older engines name none.
    pub(crate) devices: Vec<String>,
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nobody answered, or the connection broke.
    Unreachable(String),
    /// The engine took too long.
    TimedOut,
    /// The engine refused.
    Status {
        /// The HTTP status.
        code: u16,
        /// What it said.
        message: String,
    },
    /// It answered something that makes no sense.
    Garbled(String),
}

impl Failure {
    /// Whether the thing does not exist.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Status { code: 404, .. })
    }

    /// Whether the thing is in a state that forbids the request, such as a name in use.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Status { code: 409, .. })
    }

    /// Whether it cannot be removed because somebody uses it.
    pub(crate) fn is_in_use(&self) -> bool {
        matches!(
            self,
            Self::Status {
                code: 403 | 409,
                ..
            }
        )
    }

    /// What the engine said, or what kept it from saying anything.
    pub(crate) fn problem(&self) -> &str {
        match self {
            Self::Unreachable(problem) | Self::Garbled(problem) => problem,
            Self::TimedOut => "it did not answer in time",
            Self::Status { message, .. } => message,
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::DockerResponseServerError {
                status_code,
                message,
            } => Self::Status {
                code: status_code,
                message: message.trim().to_owned(),
            },
            ClientError::RequestTimeoutError => Self::TimedOut,
            ClientError::SocketNotFoundError(_) => {
                Self::Unreachable("there is no such socket".to_owned())
            }
            ClientError::HyperLegacyError { err } => Self::Unreachable(innermost(&err)),
            ClientError::HyperResponseError { err } => Self::Unreachable(innermost(&err)),
            ClientError::IOError { err } => Self::Unreachable(err.to_string()),
            other => Self::Garbled(other.to_string()),
        }
    }
}

/// The last error of a chain; the outer ones only say that a client failed.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

impl Engine {
    /// Connects, and agrees on a version of the API.
    pub(crate) async fn connect(endpoint: Option<&str>) -> Result<Self, RuntimeError> {
        let endpoint = endpoint.unwrap_or(DEFAULT_ENDPOINT).to_owned();
        let unavailable = |problem: String| RuntimeError::EngineUnavailable {
            endpoint: endpoint.clone(),
            problem,
        };
        let docker = if let Some(path) = endpoint.strip_prefix("unix://") {
            Docker::connect_with_unix(path, REQUEST_TIMEOUT_SECS, API_DEFAULT_VERSION)
        } else if endpoint.starts_with("tcp://") || endpoint.starts_with("http://") {
            Docker::connect_with_http(&endpoint, REQUEST_TIMEOUT_SECS, API_DEFAULT_VERSION)
        } else {
            return Err(unavailable(
                "an endpoint is written unix:///path/of/socket or tcp://host:port".to_owned(),
            ));
        }
        .map_err(|error| unavailable(Failure::from(error).problem().to_owned()))?;

        let agreed = async {
            let docker = docker.negotiate_version().await?;
            let (version, info) = tokio::try_join!(docker.version(), docker.info())?;
            Ok::<_, ClientError>((docker, version, info))
        };
        let (docker, version, info) = timeout(CONNECT_TIMEOUT, agreed)
            .await
            .map_err(|_| unavailable(format!("no answer within {}s", CONNECT_TIMEOUT.as_secs())))?
            .map_err(|error| unavailable(Failure::from(error).problem().to_owned()))?;

        let has = |wanted: fn(&str) -> bool| {
            let mut parts = version.components.iter().flatten();
            parts.any(|part| wanted(&part.name) && part.version != "N/A")
        };
        let podman = has(|name| name.starts_with("Podman"));
        let api = docker.client_version();
        Ok(Self {
            docker,
            endpoint,
            traits: EngineTraits {
                log: if podman {
                    LogDriver::JsonFile
                } else {
                    LogDriver::Local
                },
                recursive_read_only: podman
                    || (api.major_version, api.minor_version) >= (1, RECURSIVE_READ_ONLY),
                // Docker lists the init only if it is installed; asking for one that is not fails every start.
                init: has(|name| name.ends_with("-init") || name.ends_with("tini")),
                plain_binds: !info.security_options.iter().flatten().any(|option| {
                    ["rootless", "userns", "selinux"]
                        .iter()
                        .any(|name| option.contains(name))
                }),
            },
        })
    }

    /// Its socket, if it is on this machine.
    pub(crate) fn socket(&self) -> Option<PathBuf> {
        self.endpoint.strip_prefix("unix://").map(PathBuf::from)
    }

    /// The error for a request that failed before its agent had started.
    pub(crate) fn error(&self, doing: &'static str, failure: Failure) -> RuntimeError {
        match failure {
            Failure::Unreachable(problem) => RuntimeError::EngineUnavailable {
                endpoint: self.endpoint.clone(),
                problem,
            },
            Failure::TimedOut => RuntimeError::EngineUnavailable {
                endpoint: self.endpoint.clone(),
                problem: format!("it did not {doing} in time"),
            },
            Failure::Status { message, .. } => RuntimeError::Engine {
                doing,
                problem: message,
            },
            Failure::Garbled(problem) => RuntimeError::Engine { doing, problem },
        }
    }

    /// The error for a request about an agent that had started.
    pub(crate) fn lost(&self, failure: &Failure) -> RuntimeError {
        let gone = |problem: String| RuntimeError::EngineUnavailable {
            endpoint: self.endpoint.clone(),
            problem,
        };
        match failure {
            Failure::Status { code: 404, .. } => {
                RuntimeError::Lost("its container was removed by somebody else".to_owned())
            }
            Failure::Status { message, .. } => RuntimeError::Lost(message.clone()),
            Failure::Garbled(problem) => RuntimeError::Lost(problem.clone()),
            Failure::Unreachable(problem) => gone(format!(
                "it stopped answering while an agent ran ({problem})"
            )),
            Failure::TimedOut => gone("it did not answer in time while an agent ran".to_owned()),
        }
    }

    /// What the engine says of itself.
    pub(crate) async fn info(&self) -> Result<EngineInfo, RuntimeError> {
        let doing = "describe itself";
        let failed = |error: ClientError| self.error(doing, error.into());
        let version = self.docker.version().await.map_err(failed)?;
        let info = self.docker.info().await.map_err(failed)?;
        let api = self.docker.client_version();
        Ok(EngineInfo {
            endpoint: self.endpoint.clone(),
            version: version.version.unwrap_or_default(),
            api_version: api.to_string(),
            os: version.os.unwrap_or_default(),
            arch: version.arch.unwrap_or_default(),
            rootless: info
                .security_options
                .iter()
                .flatten()
                .any(|option| option.contains("rootless")),
        })
    }

    /// What the engine says of GPUs without being asked for one.
    pub(crate) async fn gpu_hints(&self) -> Result<GpuHints, Failure> {
        let info = self.docker.info().await?;
        let runtimes = info.runtimes.unwrap_or_default().into_keys();
        let devices = info.discovered_devices.unwrap_or_default().into_iter();
        Ok(GpuHints {
            runtimes: runtimes.collect(),
            devices: devices.filter_map(|device| device.id).collect(),
        })
    }

    /// The engine's own time, as it writes it.
    pub(crate) async fn time(&self) -> Result<String, Failure> {
        Ok(self.docker.info().await?.system_time.unwrap_or_default())
    }
}
