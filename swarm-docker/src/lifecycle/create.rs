//! From a job to a container that is not started yet.

use std::sync::Arc;

use bollard::models::ContainerCreateBody;
use swarm_core::{
    ids::RefId,
    runtime::{AgentJob, RuntimeError},
};
use tokio::{sync::oneshot, task::spawn_blocking};
use tokio_util::sync::CancellationToken;

use crate::{
    container::{self, LABEL_AGENT, LABEL_HOME, LABEL_RUN},
    docker_runtime::Inner,
    egress::Gateway,
    engine::{Engine, Failure},
    home_folder::HomeFolder,
    image, inputs, mounts,
    prompt::Prompt,
    reaper::Guard,
    shared_folder,
};

/// How often the name of a container is freed before giving up.
const ATTEMPTS: u32 = 3;

/// Folders inside, and the tar to unpack in each.
pub(super) type Uploads = Vec<(String, Vec<u8>)>;

/// A container that is not started yet.
pub(super) struct Created {
    pub(super) guard: Guard,
    pub(super) uploads: Uploads,
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
    inner
        .network
        .prepare(engine, options, &sandbox.network)
        .await?;
    let shared = shared_folder::mount(inner, job).await?;
    let mut home = home(inner, job).await?;
    let reads_stdin = !matches!(prompt, Prompt::Empty);
    let describe = |home: Option<&HomeFolder>| {
        let (mut body, uploads) = describe(inner, job, &sources, home, reads_stdin)?;
        if let Some(host_config) = &mut body.host_config
            && let Some(shared) = &shared
        {
            let mounts = host_config.mounts.get_or_insert_default();
            mounts.push(shared.clone());
        }
        if let Some(host_config) = &mut body.host_config
            && let Some(network) = gateway.and_then(Gateway::network)
        {
            host_config.network_mode = Some(network);
        }
        Ok::<_, RuntimeError>((body, uploads))
    };
    let (mut body, mut uploads) = describe(home.as_deref())?;
    let name = match prompt {
        Prompt::Empty | Prompt::Short(_) => container::name(&job.id),
        Prompt::Long(_) => container::name_while_feeding(&job.id),
    };

    let mut attempt = 1;
    let mut provided = false;
    loop {
        match guarded_create(inner, &name, body.clone(), home.clone()).await {
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
            // An engine that has other folders than we have, from which its socket was handed through.
            Err(failure)
                if home
                    .as_ref()
                    .is_some_and(|home| home.is_named_in(failure.problem())) =>
            {
                inner.engine_sees_no_homes();
                home = None;
                (body, uploads) = describe(None)?;
            }
            Err(failure) => {
                let not_seen = shared_folder::not_seen(job, failure.problem());
                return Err(not_seen.unwrap_or_else(|| not_created(engine, job, failure)));
            }
        }
    }
}

/// The home of the agent, if it needs one and the engine can use a folder of ours.
async fn home(inner: &Inner, job: &AgentJob) -> Result<Option<Arc<HomeFolder>>, RuntimeError> {
    match inner.homes() {
        Some(root) if !job.invocation.home.is_empty() => {
            HomeFolder::make(root, &job.id, &job.invocation, inner.options.user).await
        }
        _ => Ok(None),
    }
}

/// The container of `job`, and what is to be unpacked in it.
fn describe(
    inner: &Inner,
    job: &AgentJob,
    sources: &[String],
    home: Option<&HomeFolder>,
    reads_stdin: bool,
) -> Result<(ContainerCreateBody, Uploads), RuntimeError> {
    let options = &inner.options;
    let mut volumes = inputs::plan(&job.sandbox)?;
    if home.is_none() {
        volumes.extend(inputs::home(&job.invocation));
    }
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
    let mut body = container::body(
        job,
        sources,
        &volumes,
        options,
        inner.engine.traits,
        reads_stdin,
    );
    if let Some(home) = home
        && let Some(host_config) = &mut body.host_config
    {
        host_config
            .mounts
            .get_or_insert_default()
            .extend(home.mounts());
    }
    Ok((body, uploads))
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
    body: ContainerCreateBody,
    home: Option<Arc<HomeFolder>>,
) -> Result<Guard, Failure> {
    let (answer, answered) = oneshot::channel();
    let (engine, reaper) = (inner.engine.clone(), Arc::clone(&inner.reaper));
    let name = name.to_owned();
    inner.tasks.spawn(async move {
        let created = engine.create(&name, body).await;
        drop(answer.send(created.map(|id| Guard::new(reaper, id).with_home(home))));
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
        (LABEL_HOME, inner.options.home.as_str()),
    ];
    let mut found = inner.engine.find(&labels).await?;
    // One that waited for an agent was labelled before it had one.
    found.retain(|container| {
        container.labels.get(LABEL_AGENT).map(String::as_str) == Some(id.agent.as_str())
            || container::waited(id, &container.name).is_some()
    });
    Ok(found)
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
