//! What the engine knows about a status other than zero. Asked only after a failure: success costs nothing.

use swarm_core::runtime::{AgentJob, RuntimeError};

use crate::{
    adopt,
    engine::{Engine, Failure, State},
    inputs::clean,
};

/// The kernel's memory killer ends programs with this status.
const KILLED: i64 = 128 + 9;
/// With this one an init, or a shell, says that it found no program.
const NOT_FOUND: i64 = 127;
/// And with this one that it found something that cannot be run.
const NOT_RUNNABLE: i64 = 126;
/// Where programs are looked for if the image does not say.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Whether an agent that ended by itself with this status was out of memory.
///
/// # Errors
///
/// If it was no failure of the agent: somebody removed it, or its program does not exist.
pub(super) async fn failure(
    engine: &Engine,
    id: &str,
    job: &AgentJob,
    status: i64,
) -> Result<bool, RuntimeError> {
    let lost = |failure: Failure| engine.lost(&failure);
    match engine.state(id).await.map_err(lost)? {
        Some(state) if !state.going => {
            if let Some(error) = missing_program(engine, id, job, status, &state.path)
                .await
                .map_err(lost)?
            {
                return Err(error);
            }
            Ok(out_of_memory(engine, id, status, &state).await)
        }
        // Whoever removes a running container kills it first.
        _ => Err(RuntimeError::Lost(
            "its container was removed by somebody else".to_owned(),
        )),
    }
}

/// Whether the kernel's memory killer ended it.
pub(super) async fn out_of_memory(engine: &Engine, id: &str, status: i64, state: &State) -> bool {
    if state.oom_killed || status != KILLED {
        return state.oom_killed;
    }
    let Some(until) = adopt::shortly_after(&state.finished_at) else {
        return false;
    };
    // An engine that does not keep events leaves it at the signal.
    engine.had_oom_event(id, &until).await.unwrap_or(false)
}

/// The error if an init was started in the place of a program that does not exist.
///
/// To the engine that is a start like any other. A program that exists and exits with the same status is
/// left alone.
async fn missing_program(
    engine: &Engine,
    id: &str,
    job: &AgentJob,
    status: i64,
    path: &str,
) -> Result<Option<RuntimeError>, Failure> {
    if !engine.traits.init || !(status == NOT_FOUND || status == NOT_RUNNABLE) {
        return Ok(None);
    }
    let Some(program) = job.invocation.argv.first() else {
        return Ok(None);
    };
    let mut found = Vec::new();
    for candidate in candidates(program, path, &job.sandbox.workdir) {
        found.extend(engine.mode_of(id, &candidate).await?);
    }
    let missing = |problem: &str| {
        Some(RuntimeError::ProgramMissing {
            program: program.clone(),
            problem: problem.to_owned(),
        })
    };
    let runnable = |mode: &u32| mode & 0o111 != 0;
    Ok(match status {
        NOT_FOUND if !found.is_empty() => None,
        NOT_FOUND if program.contains('/') => missing(
            "the image has no such file; programs of this machine are not in it, so mount it, or use an image that has it",
        ),
        NOT_FOUND => missing("it is in no folder of PATH in the image"),
        _ if found.is_empty() || found.iter().any(runnable) => None,
        _ => missing("the image has it, but it is not marked as a program"),
    })
}

/// The places where a program may be.
fn candidates(program: &str, path: &str, workdir: &str) -> Vec<String> {
    if program.starts_with('/') {
        return vec![program.to_owned()];
    }
    if program.contains('/') {
        return vec![format!("{}/{program}", clean(workdir))];
    }
    let path = if path.is_empty() { DEFAULT_PATH } else { path };
    path.split(':')
        .map(|folder| format!("{}/{program}", clean(folder)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_looked_for_where_the_kernel_and_the_path_say() {
        assert_eq!(candidates("/bin/x", "/a:/b", "/w"), ["/bin/x"]);
        assert_eq!(candidates("./x", "/a:/b", "/w/"), ["/w/./x"]);
        assert_eq!(candidates("x", "/a:/b/", "/w"), ["/a/x", "/b/x"]);
        assert!(candidates("x", "", "/w").contains(&"/usr/bin/x".to_owned()));
    }
}
