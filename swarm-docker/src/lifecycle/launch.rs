//! From a job to a running container.

use std::{io::Read, pin::Pin, sync::Arc, time::Duration};

use swarm_core::{
    ids::RefId,
    refs::ImageStamp,
    runtime::{AgentJob, RuntimeError},
};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _},
    sync::oneshot,
    task::spawn_blocking,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::Running;
use crate::{
    container::{self, LABEL_AGENT, LABEL_HOME, LABEL_RUN},
    docker_runtime::Inner,
    egress::Gateway,
    engine::{Attached, Engine, Failure},
    image, inputs, mounts,
    output::Source,
    prompt::Prompt,
    reaper::Guard,
};

/// How often the name of a container is freed before giving up.
const ATTEMPTS: u32 = 3;
/// How often a container is started while its network is not usable.
const NETWORK_ATTEMPTS: u32 = 50;
/// How long the others have to agree on one network.
const NETWORK_PAUSE: Duration = Duration::from_millis(100);
/// How long an engine may take to accept a short prompt.
const GIVE_PROMPT: Duration = Duration::from_secs(30);

/// A container that is not started yet.
pub(super) struct Created {
    pub(super) guard: Guard,
    /// Folder inside, and the tar to unpack there.
    uploads: Vec<(String, Vec<u8>)>,
}

/// A prompt on its way in.
pub(super) struct Feeding {
    pub(super) prompt: Box<dyn Read + Send + Sync>,
    pub(super) stdin: Pin<Box<dyn AsyncWrite + Send>>,
}

/// Makes the container of `job`; `None` if it was stopped while its image was built.
pub(super) async fn create(
    inner: &Inner,
    job: &AgentJob,
    prompt: &Prompt,
    gateway: Option<&Gateway>,
    stop: &CancellationToken,
) -> Result<Option<Created>, RuntimeError> {
    let Inner {
        engine, options, ..
    } = inner;
    let sandbox = &job.sandbox;
    let sources = sources(inner, job).await?;
    let mut volumes = inputs::plan(sandbox)?;
    volumes.extend(inputs::home(&job.invocation));
    let uploads = volumes
        .iter()
        .map(|volume| {
            let tar = volume.tar(options.user);
            let tar = tar.map_err(|error| {
                RuntimeError::Start(format!("its input files cannot be packed: {error}"))
            })?;
            Ok((volume.folder.clone(), tar))
        })
        .collect::<Result<_, RuntimeError>>()?;
    inner
        .network
        .prepare(engine, options, &sandbox.network)
        .await?;
    let reads_stdin = !matches!(prompt, Prompt::Empty);
    let mut body = container::body(job, &sources, &volumes, options, engine.traits, reads_stdin);
    if let Some(host_config) = &mut body.host_config
        && let Some(network) = gateway.and_then(Gateway::network)
    {
        host_config.network_mode = Some(network);
    }
    let name = match prompt {
        Prompt::Empty | Prompt::Short(_) => container::name(&job.id),
        Prompt::Long(_) => container::name_while_feeding(&job.id),
    };

    let mut attempt = 1;
    let mut provided = false;
    loop {
        match guarded_create(inner, &name, body.clone()).await {
            Ok(guard) => return Ok(Some(Created { guard, uploads })),
            Err(failure) if failure.is_conflict() && attempt < ATTEMPTS => {
                attempt += 1;
                if !free_name(inner, job, &name).await? {
                    return Err(engine.error("create the container", failure));
                }
            }
            Err(failure) if lacks_image(&failure) => {
                let image = container::image(job, options);
                // Once: somebody may remove it as quickly as it is built.
                if provided || sandbox.image.is_some() {
                    return Err(RuntimeError::ImageMissing {
                        image: image.to_owned(),
                        hint: image::hint(job.kind, sandbox.image.is_none()),
                    });
                }
                // Only this is cut short: whoever drops a request for a container must wait for its removal.
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return Ok(None),
                    built = image::provide(inner, job.kind, image) => built?,
                }
                provided = true;
            }
            Err(failure) => return Err(not_created(engine, job, failure)),
        }
    }
}

/// The real paths of the mounts. Those of an engine on another machine only it can check.
async fn sources(inner: &Inner, job: &AgentJob) -> Result<Vec<String>, RuntimeError> {
    let mounts = job.sandbox.mounts.clone();
    if mounts.is_empty() {
        return Ok(Vec::new());
    }
    let forbidden = inner.forbidden();
    if forbidden.engine.is_none() {
        return Ok(mounts.into_iter().map(|mount| mount.host_path).collect());
    }
    spawn_blocking(move || mounts::resolve(&mounts, &forbidden))
        .await
        .map_err(|error| RuntimeError::Start(format!("its mounts cannot be checked: {error}")))?
}

/// Makes a container in a task of its own. If our future is dropped before the engine has answered, the
/// task still learns the id, and the guard that nobody takes removes the container.
pub(crate) async fn guarded_create(
    inner: &Inner,
    name: &str,
    body: bollard::models::ContainerCreateBody,
) -> Result<Guard, Failure> {
    let (answer, answered) = oneshot::channel();
    let (engine, reaper) = (inner.engine.clone(), Arc::clone(&inner.reaper));
    let name = name.to_owned();
    inner.tasks.spawn(async move {
        let created = engine.create(&name, body).await;
        drop(answer.send(created.map(|id| Guard::new(reaper, id))));
    });
    answered.await.unwrap_or_else(|_| {
        Err(Failure::Garbled(
            "the async runtime was shut down".to_owned(),
        ))
    })
}

/// Removes what holds the name of our container, if it is an earlier one of the same agent.
async fn free_name(inner: &Inner, job: &AgentJob, name: &str) -> Result<bool, RuntimeError> {
    let engine = &inner.engine;
    let failed = |failure| engine.error("free the name of the container", failure);
    let mut earlier = find(inner, &job.id).await.map_err(failed)?;
    // Not its forwarder, which is there already.
    earlier.retain(|container| container.name == name);
    for container in &earlier {
        engine.remove(&container.id).await.map_err(failed)?;
    }
    Ok(!earlier.is_empty())
}

/// The containers of the agent `id`.
pub(crate) async fn find(inner: &Inner, id: &RefId) -> Result<Vec<crate::engine::Found>, Failure> {
    let labels = [
        (LABEL_RUN, id.run.as_str()),
        (LABEL_AGENT, id.agent.as_str()),
        (LABEL_HOME, inner.options.home.as_str()),
    ];
    inner.engine.find(&labels).await
}

fn lacks_image(failure: &Failure) -> bool {
    matches!(failure, Failure::Status { code: 404, message } if message.to_lowercase().contains("image"))
}

fn not_created(engine: &Engine, job: &AgentJob, failure: Failure) -> RuntimeError {
    match &failure {
        Failure::Status { message, .. }
            if message.contains("source path does not exist") || message.contains("statfs ") =>
        {
            let known = job.sandbox.mounts.iter();
            let path = known
                .map(|mount| &mount.host_path)
                .find(|path| message.contains(path.as_str()));
            RuntimeError::MountMissing {
                path: path.cloned().unwrap_or_else(|| "its source".to_owned()),
                problem: "no such file or directory on the machine of the engine".to_owned(),
            }
        }
        _ => engine.error("create the container", failure),
    }
}

/// Puts the input files in, connects to the output, gives the prompt if it is short, and starts.
pub(super) async fn start(
    inner: &Inner,
    job: &AgentJob,
    created: &Created,
    prompt: Prompt,
) -> Result<Running, RuntimeError> {
    let engine = &inner.engine;
    let id = created.guard.id();
    for (folder, tar) in &created.uploads {
        engine
            .upload(id, folder, tar.clone())
            .await
            .map_err(|failure| engine.error("put the input files in", failure))?;
    }
    let mut attempt = 1;
    let mut image;
    let Attached { output, input } = loop {
        // Each time: an engine closes the connection when a start fails.
        let attached = async {
            let attached = attach(engine, id, &prompt).await;
            attached.map_err(|failure| engine.error("attach to the container", failure))
        };
        let (attached, found) = tokio::try_join!(attached, image_of(engine, id))?;
        image = found;
        match engine.start(id).await {
            Ok(()) => break attached,
            // Somebody removed the network since it was last used, or several processes make it right now.
            Err(failure) if lacks_network(&failure) && attempt < NETWORK_ATTEMPTS => {
                if attempt > 1 {
                    sleep(NETWORK_PAUSE).await;
                }
                attempt += 1;
                inner.network.forget().await;
                inner
                    .network
                    .prepare(engine, &inner.options, &job.sandbox.network)
                    .await?;
            }
            Err(failure) => return Err(not_started(engine, job, failure)),
        }
    };
    Ok(Running {
        source: Source::Live(output),
        feeding: match prompt {
            Prompt::Empty | Prompt::Short(_) => None,
            Prompt::Long(prompt) => Some(Feeding {
                prompt,
                stdin: input,
            }),
        },
        already: Duration::ZERO,
        since: Instant::now(),
        image,
    })
}

/// Which image a container really has: the name that it was made with may stand for another one by now.
async fn image_of(engine: &Engine, id: &str) -> Result<ImageStamp, RuntimeError> {
    match engine.state(id).await {
        Ok(Some(state)) => Ok(state.image),
        Ok(None) => Err(RuntimeError::Start(
            "its container was removed by somebody else".to_owned(),
        )),
        Err(failure) => Err(engine.error("look at the container", failure)),
    }
}

/// Connects to the container, and leaves a short prompt with the engine, which gives it to the program when
/// that starts, whether or not we are still there.
async fn attach(engine: &Engine, id: &str, prompt: &Prompt) -> Result<Attached, Failure> {
    let stdin = !matches!(prompt, Prompt::Empty);
    let mut attached = engine.attach(id, stdin).await?;
    if let Prompt::Short(bytes) = prompt {
        let give = async {
            attached.input.write_all(bytes).await?;
            attached.input.shutdown().await
        };
        timeout(GIVE_PROMPT, give)
            .await
            .map_err(|_| Failure::TimedOut)?
            .map_err(|error| Failure::Unreachable(error.to_string()))?;
    }
    Ok(attached)
}

fn lacks_network(failure: &Failure) -> bool {
    matches!(failure, Failure::Status { message, .. }
        if message.contains("network")
            && (message.contains("not found") || message.contains("ambiguous")))
}

/// Finds the reason in what the engine, and the program that it calls, say.
fn not_started(engine: &Engine, job: &AgentJob, failure: Failure) -> RuntimeError {
    let Failure::Status { message, .. } = &failure else {
        return engine.error("start the container", failure);
    };
    let program = job.invocation.argv.first().cloned().unwrap_or_default();
    let missing = |problem: &str| RuntimeError::ProgramMissing {
        program: program.clone(),
        problem: problem.to_owned(),
    };
    if message.contains("exec: ")
        || message.contains("exec failed")
        || message.contains("exec user process")
    {
        if message.contains("executable file not found") || message.contains("executable file `") {
            return missing("it is in no folder of PATH in the image");
        }
        if message.contains("no such file or directory") {
            return missing("the image has no such file");
        }
        if message.contains("permission denied") {
            return missing("the image has it, but the user of agents may not run it");
        }
        if message.contains("exec format error") {
            return missing("it is not a program for the processor of the engine");
        }
    }
    if message.contains("could not select device driver") || message.contains("nvidia") {
        return RuntimeError::Unsupported {
            runtime: "docker",
            field: "gpu".to_owned(),
            hint: "the engine has no GPU runtime; install one on its machine, or leave `gpu` out",
        };
    }
    RuntimeError::Start(message.clone())
}
