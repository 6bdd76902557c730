//! Removes what dead processes have left in an engine.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use swarm_core::{
    ids::RunId,
    journal::{EventLog, RunJournal},
    run_view::RunState,
    runtime::{AgentRuntime, RuntimeError},
    time::{Clock as _, SystemClock},
};
use swarm_refs::RunLock;

use crate::engines::{Said, Tell};

/// Removes what dead processes of ours have left in `runtime`, but for containers that a resumed run would take over. Nothing is said of
/// runs of which `goes_on` says that they will.
pub async fn sweep(
    log: &Arc<dyn EventLog>,
    home: &Path,
    runtime: &dyn AgentRuntime,
    goes_on: &(dyn Fn(&RunId) -> bool + Sync),
    tell: &Tell,
) {
    if let Err(error) = try_sweep(log, home, runtime, goes_on, tell).await {
        tell(Said::Warning(format!(
            "could not remove what earlier runs left behind: {error}"
        )));
    }
}

async fn try_sweep(
    log: &Arc<dyn EventLog>,
    home: &Path,
    runtime: &dyn AgentRuntime,
    goes_on: &(dyn Fn(&RunId) -> bool + Sync),
    tell: &Tell,
) -> Result<(), RuntimeError> {
    let found = Mutex::new(BTreeSet::new());
    // Everybody is alive at first: this only asks who is there, which at most starts is nobody.
    runtime
        .sweep(&|run| {
            found
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(run.clone());
            true
        })
        .await?;
    let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    if found.is_empty() {
        return Ok(());
    }
    let mut wanted = BTreeSet::new();
    for run in found {
        let is_wanted = !RunLock::is_held(home, &run)
            && runtime.name() == "docker"
            && is_wanted(log, &run).await;
        if is_wanted {
            if !goes_on(&run) {
                tell(Said::Notice(format!(
                    "run {run} was interrupted and still has containers: `swarm runs resume {run}` takes them \
                     over, `swarm runs kill {run}` stops them"
                )));
            }
            wanted.insert(run);
        }
    }
    runtime
        .sweep(&|run| wanted.contains(run) || RunLock::is_held(home, run))
        .await?;
    Ok(())
}

/// Whether `run` can be resumed, and its agents are still within the time that they were given.
async fn is_wanted(log: &Arc<dyn EventLog>, run: &RunId) -> bool {
    let journal = RunJournal::new(Arc::clone(log), Arc::new(SystemClock), run);
    let Ok(Some(view)) = journal.view().await else {
        return false;
    };
    let open = matches!(
        view.state,
        RunState::Open {
            cancel_requested: false,
            ..
        }
    );
    let agents = view.plan.agents();
    let longest = agents.iter().map(|agent| agent.sandbox.timeout).max();
    open && SystemClock.now() < view.updated.plus(longest.unwrap_or_default())
}
