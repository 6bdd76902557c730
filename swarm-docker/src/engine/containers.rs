//! Requests about one container.

use std::{collections::HashMap, pin::Pin};

use bollard::{
    body_full,
    container::LogOutput,
    errors::Error as ClientError,
    models::{ContainerCreateBody, ContainerStateStatusEnum},
    query_parameters::{
        AttachContainerOptionsBuilder, ContainerArchiveInfoOptionsBuilder,
        CreateContainerOptionsBuilder, DownloadFromContainerOptionsBuilder, EventsOptionsBuilder,
        KillContainerOptionsBuilder, ListContainersOptionsBuilder, LogsOptionsBuilder,
        RemoveContainerOptionsBuilder, RenameContainerOptionsBuilder,
        UploadToContainerOptionsBuilder, WaitContainerOptionsBuilder,
    },
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use swarm_core::{refs::ImageStamp, runtime::OutputStream};
use tokio::io::AsyncWrite;

use super::{Engine, Failure};
use crate::container::LOG_SIZE;

/// A piece of output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) stream: OutputStream,
    pub(crate) bytes: Bytes,
}

/// Why a stream of output broke off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamError(pub(crate) Failure);

/// Output, in the order in which the engine has it.
pub(crate) type Chunks = Pin<Box<dyn Stream<Item = Result<Chunk, StreamError>> + Send>>;

/// How much of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogPart {
    /// From the beginning to what is there now.
    All,
    /// From the beginning to the end of the container.
    AllToCome,
    /// The newest chunk.
    Last,
}

/// Both directions of a container.
pub(crate) struct Attached {
    pub(crate) output: Chunks,
    pub(crate) input: Pin<Box<dyn AsyncWrite + Send>>,
}

/// Whether a signal reached anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Killed {
    Delivered,
    NotRunning,
}

/// How a container is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) running: bool,
    /// Whether somebody is removing it.
    pub(crate) going: bool,
    pub(crate) exited: bool,
    pub(crate) exit_code: i64,
    pub(crate) oom_killed: bool,
    /// RFC 3339.
    pub(crate) started_at: String,
    /// RFC 3339.
    pub(crate) finished_at: String,
    /// Where programs are looked for; empty if nobody says.
    pub(crate) path: String,
    /// The image, by the name that the container was made with and by its id.
    pub(crate) image: ImageStamp,
    /// How many bytes its log has at least before the first of them are forgotten; `None` if none ever are.
    pub(crate) log_size: Option<u64>,
}

/// A container that was looked for by its labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) id: String,
    /// Without the slash that engines put before it.
    pub(crate) name: String,
    pub(crate) labels: HashMap<String, String>,
}

impl Engine {
    /// Makes a container, and returns its id.
    pub(crate) async fn create(
        &self,
        name: &str,
        body: ContainerCreateBody,
    ) -> Result<String, Failure> {
        let options = CreateContainerOptionsBuilder::new().name(name).build();
        Ok(self.docker.create_container(Some(options), body).await?.id)
    }

    /// Connects to the output of a container, and to its stdin if `stdin`.
    ///
    /// When this returns, the engine holds the output for us: nothing is missed if the start comes after it.
    pub(crate) async fn attach(&self, id: &str, stdin: bool) -> Result<Attached, Failure> {
        let options = AttachContainerOptionsBuilder::new()
            .stream(true)
            .stdin(stdin)
            .stdout(true)
            .stderr(true)
            .build();
        let attached = self.docker.attach_container(id, Some(options)).await?;
        Ok(Attached {
            output: Box::pin(attached.output.map(chunk)),
            input: attached.input,
        })
    }

    /// Starts a container.
    pub(crate) async fn start(&self, id: &str) -> Result<(), Failure> {
        Ok(self.docker.start_container(id, None).await?)
    }

    /// Waits until a started container is not running, and returns its exit status.
    pub(crate) async fn wait(&self, id: &str) -> Result<i64, Failure> {
        // "next-exit" would wait for ever if the request came after the end.
        self.wait_for(id, "not-running").await
    }

    /// Waits until a container is gone.
    pub(crate) async fn wait_removed(&self, id: &str) -> Result<(), Failure> {
        match self.wait_for(id, "removed").await {
            Ok(_) => Ok(()),
            Err(failure) if failure.is_missing() => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    async fn wait_for(&self, id: &str, condition: &str) -> Result<i64, Failure> {
        loop {
            let options = WaitContainerOptionsBuilder::new()
                .condition(condition)
                .build();
            let mut answers = Box::pin(self.docker.wait_container(id, Some(options)));
            return match answers.next().await {
                Some(Ok(answer)) => match answer.error.and_then(|error| error.message) {
                    Some(message) if !message.is_empty() => Err(Failure::Garbled(message)),
                    _ => Ok(answer.status_code),
                },
                // The client reports a status other than zero as an error.
                Some(Err(ClientError::DockerContainerWaitError { code, error }))
                    if error.is_empty() =>
                {
                    Ok(code)
                }
                // Some engines answer nothing, not even headers, until the container ends.
                Some(Err(ClientError::RequestTimeoutError)) => continue,
                Some(Err(error)) => Err(error.into()),
                None => Err(Failure::Unreachable(
                    "the connection ended before the container did".to_owned(),
                )),
            };
        }
    }

    /// Sends a signal.
    pub(crate) async fn kill(&self, id: &str, signal: &str) -> Result<Killed, Failure> {
        let options = KillContainerOptionsBuilder::new().signal(signal).build();
        match self.docker.kill_container(id, Some(options)).await {
            Ok(()) => Ok(Killed::Delivered),
            Err(error) => match Failure::from(error) {
                failure if failure.is_conflict() => Ok(Killed::NotRunning),
                // What older engines say if it ended between their check and their signal.
                Failure::Status { message, .. } if message.contains("is not running") => {
                    Ok(Killed::NotRunning)
                }
                failure => Err(failure),
            },
        }
    }

    /// Removes a container with its volumes, running or not. Fine if it is gone, or going.
    pub(crate) async fn remove(&self, id: &str) -> Result<(), Failure> {
        let options = RemoveContainerOptionsBuilder::new()
            .force(true)
            .v(true)
            .build();
        match self.docker.remove_container(id, Some(options)).await {
            Ok(()) => Ok(()),
            Err(error) => match Failure::from(error) {
                failure if failure.is_missing() => Ok(()),
                failure if failure.is_conflict() && failure.problem().contains("in progress") => {
                    self.wait_removed(id).await
                }
                failure => Err(failure),
            },
        }
    }

    /// Gives a container another name.
    pub(crate) async fn rename(&self, id: &str, name: &str) -> Result<(), Failure> {
        let options = RenameContainerOptionsBuilder::new().name(name).build();
        Ok(self.docker.rename_container(id, options).await?)
    }

    /// Unpacks a tar at `path` inside.
    pub(crate) async fn upload(&self, id: &str, path: &str, tar: Vec<u8>) -> Result<(), Failure> {
        let options = UploadToContainerOptionsBuilder::new().path(path).build();
        Ok(self
            .docker
            .upload_to_container(id, Some(options), body_full(Bytes::from(tar)))
            .await?)
    }

    /// How a container is; `None` if it is not there.
    pub(crate) async fn state(&self, id: &str) -> Result<Option<State>, Failure> {
        let (state, config, host_config, digest) =
            match self.docker.inspect_container(id, None).await {
                Ok(container) => (
                    container.state.unwrap_or_default(),
                    container.config.unwrap_or_default(),
                    container.host_config.unwrap_or_default(),
                    container.image.unwrap_or_default(),
                ),
                Err(error) => {
                    let failure = Failure::from(error);
                    return if failure.is_missing() {
                        Ok(None)
                    } else {
                        Err(failure)
                    };
                }
            };
        let status = state.status;
        let env = config.env.unwrap_or_default();
        let log = host_config.log_config.and_then(|log| log.config);
        Ok(Some(State {
            running: state.running.unwrap_or_default(),
            going: matches!(
                status,
                Some(ContainerStateStatusEnum::REMOVING | ContainerStateStatusEnum::DEAD)
            ) || state.dead.unwrap_or_default(),
            exited: status == Some(ContainerStateStatusEnum::EXITED),
            exit_code: state.exit_code.unwrap_or_default(),
            oom_killed: state.oom_killed.unwrap_or_default(),
            started_at: state.started_at.unwrap_or_default(),
            finished_at: state.finished_at.unwrap_or_default(),
            path: env
                .iter()
                .find_map(|variable| variable.strip_prefix("PATH="))
                .unwrap_or_default()
                .to_owned(),
            image: ImageStamp {
                name: config.image.unwrap_or_default(),
                digest,
            },
            log_size: log.and_then(|log| log.get(LOG_SIZE)?.parse().ok()),
        }))
    }

    /// The permission bits of a file inside; `None` if there is none. The container need not run.
    pub(crate) async fn mode_of(&self, id: &str, path: &str) -> Result<Option<u32>, Failure> {
        let options = ContainerArchiveInfoOptionsBuilder::new().path(path).build();
        let found = self
            .docker
            .get_container_archive_info(id, Some(options))
            .await;
        match found {
            Ok(file) => Ok(Some(file.file_mode & 0o777)),
            Err(error) => match Failure::from(error) {
                failure if failure.is_missing() => Ok(None),
                failure => Err(failure),
            },
        }
    }

    /// The first `most` bytes of a file inside, as a tar of which it is the only entry, perhaps cut off; `None` if there is none.
    /// The container need not run. If a link is there, the entry is the link.
    pub(crate) async fn archive_of(
        &self,
        id: &str,
        path: &str,
        most: usize,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let options = DownloadFromContainerOptionsBuilder::new()
            .path(path)
            .build();
        let mut chunks = Box::pin(self.docker.download_from_container(id, Some(options)));
        let mut tar = Vec::new();
        while let Some(chunk) = chunks.next().await {
            match chunk {
                Ok(chunk) => tar.extend_from_slice(&chunk),
                Err(error) => match Failure::from(error) {
                    failure if failure.is_missing() => return Ok(None),
                    failure => return Err(failure),
                },
            }
            if tar.len() >= most {
                break;
            }
        }
        Ok(Some(tar))
    }

    /// Whether the kernel's memory killer was in this container at some time in the past.
    ///
    /// The engine keeps this as an event of its own. What it says in the state of a container depends on
    /// whether it heard of the kill before it heard of the end, which is a race inside the engine.
    pub(crate) async fn had_oom_event(&self, id: &str, until: &str) -> Result<bool, Failure> {
        let options = EventsOptionsBuilder::new()
            .since("0")
            .until(until)
            .filters(&HashMap::from([
                ("container", vec![id]),
                ("event", vec!["oom"]),
            ]))
            .build();
        let mut events = Box::pin(self.docker.events(Some(options)));
        match events.next().await {
            Some(Ok(_)) => Ok(true),
            Some(Err(error)) => Err(error.into()),
            None => Ok(false),
        }
    }

    /// What a container has printed.
    ///
    /// Each chunk begins with the time at which it was printed, and a space.
    pub(crate) fn log(&self, id: &str, part: LogPart) -> Chunks {
        let options = LogsOptionsBuilder::new()
            .follow(part == LogPart::AllToCome)
            .tail(if part == LogPart::Last { "1" } else { "all" })
            .stdout(true)
            .stderr(true)
            .timestamps(true)
            .build();
        Box::pin(self.docker.logs(id, Some(options)).map(chunk))
    }

    /// All containers, in whatever state, that have every one of these labels.
    pub(crate) async fn find(&self, labels: &[(&str, &str)]) -> Result<Vec<Found>, Failure> {
        let labels: Vec<String> = labels
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let options = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&HashMap::from([("label", labels)]))
            .build();
        let containers = self.docker.list_containers(Some(options)).await?;
        Ok(containers
            .into_iter()
            .filter_map(|container| {
                let name = container.names.unwrap_or_default().into_iter().next();
                Some(Found {
                    id: container.id?,
                    name: name.unwrap_or_default().trim_start_matches('/').to_owned(),
                    labels: container.labels.unwrap_or_default(),
                })
            })
            .collect())
    }
}

fn chunk(output: Result<LogOutput, ClientError>) -> Result<Chunk, StreamError> {
    let (stream, bytes) = match output {
        Ok(LogOutput::StdOut { message }) => (OutputStream::Stdout, message),
        Ok(LogOutput::StdErr { message }) => (OutputStream::Stderr, message),
        Ok(LogOutput::StdIn { message }) => (OutputStream::Stdout, message.slice(..0)),
        // A container without a terminal has no such output: this is the engine talking in the middle of
        // the stream, or the rest of a chunk that was cut off.
        Ok(LogOutput::Console { message }) => {
            let text = String::from_utf8_lossy(&message);
            let text: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
            return Err(StreamError(Failure::Garbled(text)));
        }
        Err(error) => return Err(StreamError(error.into())),
    };
    Ok(Chunk { stream, bytes })
}
