//! From a container to an agent that runs.

use std::{io::Read, pin::Pin, time::Duration};

use swarm_core::runtime::{AgentJob, RuntimeError};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _},
    time::{Instant, sleep, timeout},
};

use super::{Running, create::Created};
use crate::{
    docker_runtime::Inner,
    engine::{Attached, Engine, Failure, State},
    output::Source,
    prompt::Prompt,
};

/// How often a container is started while its network is not usable.
const NETWORK_ATTEMPTS: u32 = 50;
/// How long the others have to agree on one network.
const NETWORK_PAUSE: Duration = Duration::from_millis(100);
/// How long an engine may take to accept a short prompt.
const GIVE_PROMPT: Duration = Duration::from_secs(30);

/// A prompt on its way in.
pub(crate) struct Feeding {
    pub(super) prompt: Box<dyn Read + Send + Sync>,
    pub(super) stdin: Pin<Box<dyn AsyncWrite + Send>>,
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
    let mut state;
    let Attached { output, input } = loop {
        // Each time: an engine closes the connection when a start fails.
        let attached = async {
            let attached = attach(engine, id, &prompt).await;
            attached.map_err(|failure| engine.error("attach to the container", failure))
        };
        let (attached, found) = tokio::try_join!(attached, state_of(engine, id))?;
        state = found;
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
        image: state.image,
        log_size: state.log_size,
    })
}

/// Which image a container really has: the name that it was made with may stand for another one by now. And which log.
async fn state_of(engine: &Engine, id: &str) -> Result<State, RuntimeError> {
    match engine.state(id).await {
        Ok(Some(state)) => Ok(state),
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
        give(&mut attached, bytes).await?;
    }
    Ok(attached)
}

/// Leaves `bytes` with the engine as all that there is on stdin.
pub(crate) async fn give(attached: &mut Attached, bytes: &[u8]) -> Result<(), Failure> {
    let give = async {
        attached.input.write_all(bytes).await?;
        attached.input.shutdown().await
    };
    timeout(GIVE_PROMPT, give)
        .await
        .map_err(|_| Failure::TimedOut)?
        .map_err(|error| Failure::Unreachable(error.to_string()))
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
