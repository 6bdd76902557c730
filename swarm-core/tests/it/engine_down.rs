use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::future::{BoxFuture, FutureExt as _};
use swarm_core::{
    Control, NewRun, Plan, Swarm, SwarmError,
    drive::DriveError,
    error_code::{Coded as _, ErrorCode},
    ids::{RefId, RunId},
    machine::End,
    plan::{self, Evaluator},
    runtime::{AgentExit, AgentJob, AgentRuntime, Launch, OutputSink, RuntimeError},
    spec::Sandbox,
    testing::scripted::{Scripted, ScriptedRuntime},
};
use tokio_util::sync::CancellationToken;

use crate::fixtures::{Full, OddStore, agent};

/// A runtime whose engine can be switched off.
#[derive(Debug)]
struct Fragile {
    works: ScriptedRuntime,
    is_down: Arc<AtomicBool>,
}

impl AgentRuntime for Fragile {
    fn name(&self) -> &'static str {
        "fragile"
    }

    fn check(&self, sandbox: &Sandbox) -> Result<(), RuntimeError> {
        self.works.check(sandbox)
    }

    fn run<'a>(
        &'a self,
        job: &'a AgentJob,
        output: &'a mut dyn OutputSink,
        stop: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<AgentExit, RuntimeError>> {
        async move {
            if self.is_down.load(Ordering::Acquire) {
                return Err(RuntimeError::EngineUnavailable {
                    endpoint: "unix:///gone".to_owned(),
                    problem: "connection refused".to_owned(),
                });
            }
            self.works.run(job, output, stop).await
        }
        .boxed()
    }

    fn sweep<'a>(
        &'a self,
        is_live: &'a (dyn Fn(&RunId) -> bool + Sync),
    ) -> BoxFuture<'a, Result<Vec<RefId>, RuntimeError>> {
        self.works.sweep(is_live)
    }
}

#[tokio::test(start_paused = true)]
async fn a_disk_without_room_for_a_prompt_leaves_a_run_that_can_go_on_when_there_is_room() {
    let store = Arc::new(OddStore::default());
    let full = Arc::clone(&store);
    // The first agent takes the last room.
    let runtime = ScriptedRuntime::new(move |_, prompt| {
        full.no_room.store(true, Ordering::SeqCst);
        Scripted::says(prompt)
    });
    let swarm = Swarm::builder(Arc::new(runtime.clone()))
        .store(Arc::<OddStore>::clone(&store))
        .build();
    let new: NewRun = plan::chain(["one", "two"].map(agent)).into();
    let id = new.id.clone();
    let error = swarm.run(new, Control::default()).await.unwrap_err();
    assert!(
        matches!(error, SwarmError::Drive(DriveError::Store(_))),
        "{error}"
    );
    assert!(error.to_string().contains("prompt.txt"), "{error}");
    let view = swarm.view(&id).await.unwrap();
    assert!(view.end().is_none());
    assert_eq!(view.counts().succeeded, 1);

    store.no_room.store(false, Ordering::SeqCst);
    let view = swarm.resume(&id, Control::default()).await.unwrap();
    assert_eq!(view.counts().succeeded, 2);
    assert_eq!(runtime.jobs().len(), 2, "nobody ran twice");
}

#[tokio::test(start_paused = true)]
async fn an_agent_whose_output_there_is_no_room_for_runs_again_when_there_is() {
    for full in [Full::Write, Full::Finish] {
        let store = Arc::new(OddStore::default());
        *store.full_at.lock().unwrap() = Some(full);
        let runtime = ScriptedRuntime::new(|job, prompt| {
            if job.id.agent.as_str().starts_with("score-") {
                return Scripted::says(&br#"{"score": 0.6, "reason": "so"}"#[..]);
            }
            Scripted::says(prompt)
        });
        let swarm = Swarm::builder(Arc::new(runtime))
            .store(Arc::<OddStore>::clone(&store))
            .build();
        let judge = Evaluator::new("score:x", agent("judge"));
        let candidates = plan::run(agent("one"));
        let new: NewRun = plan::beam(candidates, NonZeroU32::MIN, judge, true).into();
        let id = new.id.clone();
        let error = swarm.run(new, Control::default()).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::StorageFailed, "{full:?} {error}");
        let view = swarm.view(&id).await.unwrap();
        assert!(view.end().is_none(), "{full:?}");
        assert_eq!(view.counts().failed, 0, "{full:?}");

        *store.full_at.lock().unwrap() = None;
        let view = swarm.resume(&id, Control::default()).await.unwrap();
        assert!(
            matches!(view.end(), Some(End::Succeeded { .. })),
            "{full:?}"
        );
        assert_eq!(view.counts().succeeded, 2, "{full:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_dies_leaves_a_run_that_can_go_on_and_loses_nothing() {
    let is_down = Arc::new(AtomicBool::new(false));
    let down = Arc::clone(&is_down);
    // The first agent takes the engine with it.
    let works = ScriptedRuntime::new(move |job, prompt| {
        down.store(
            job.id.agent.as_str() == "stage-0" && job.launch == Launch::New,
            Ordering::Release,
        );
        Scripted::says(prompt)
    });
    let runtime = Arc::new(Fragile {
        works,
        is_down: Arc::clone(&is_down),
    });
    let swarm = Swarm::builder(runtime).build();
    let id = RunId::random();
    let work = plan::chain(["one", "two"].map(|prompt| plan::run(agent(prompt))));
    let new = NewRun {
        id: id.clone(),
        plan: work,
        ..NewRun::from(plan::par(Vec::<Plan>::new()))
    };

    let error = swarm.run(new, Control::default()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::EngineUnavailable);
    assert!(
        matches!(error, SwarmError::Drive(DriveError::Runtime(_))),
        "{error}"
    );
    let view = swarm.view(&id).await.unwrap();
    assert!(view.end().is_none());
    assert_eq!(view.counts().succeeded, 1);

    is_down.store(false, Ordering::Release);
    let view = swarm.resume(&id, Control::default()).await.unwrap();
    assert_eq!(view.counts().succeeded, 2);
}
