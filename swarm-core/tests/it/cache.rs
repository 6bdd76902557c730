//! Results are taken again if the work is the same, and only then.

use std::{
    collections::BTreeSet,
    fs,
    num::{NonZeroU32, NonZeroUsize},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use swarm_core::{
    Control, NewRun, Plan, RunView, Swarm,
    cache::MemoryResultCache,
    ids::RunId,
    journal::RunLimits,
    machine::End,
    money::Usd,
    outcome::ExitReason,
    plan::{Evaluator, beam, chain, par, race, retry, run},
    prompt::Input,
    refs::MemoryRefStore,
    report::{AgentReport, Report},
    resources::PoolLimits,
    runtime::{
        AgentExit, AgentJob, AgentRuntime, OutputSink, Program, RuntimeError,
        process::{ProcessOptions, ProcessRuntime},
    },
    spec::{AgentSpec, Sandbox},
    testing::scripted::ScriptedRuntime,
};
use tokio_util::sync::CancellationToken;

use crate::fixtures::{agent, agent_in, outcome, scripted, text};

/// An agent that takes a stored result if there is one, with more said of its sandbox.
fn cached_in(prompt: &str, mut fields: Value) -> AgentSpec {
    fields["cache"] = json!(true);
    agent_in(prompt, fields)
}

fn cached(prompt: &str) -> AgentSpec {
    cached_in(prompt, json!({}))
}

/// A swarm whose cache and results last as long as this.
struct Stage {
    runtime: ScriptedRuntime,
    cache: MemoryResultCache,
    store: MemoryRefStore,
    said: Arc<Mutex<Vec<String>>>,
}

impl Stage {
    fn new() -> Self {
        Self {
            runtime: scripted(),
            cache: MemoryResultCache::default(),
            store: MemoryRefStore::default(),
            said: Arc::default(),
        }
    }

    fn swarm(&self, runtime: Arc<dyn AgentRuntime>) -> Swarm {
        let one = PoolLimits {
            slots: 1.try_into().unwrap(),
            ..PoolLimits::default()
        };
        Swarm::builder(runtime)
            .store(Arc::new(self.store.clone()))
            .cache(Arc::new(self.cache.clone()))
            .limits(one)
            .build()
    }

    async fn run_in(&self, runtime: Arc<dyn AgentRuntime>, new: NewRun) -> RunView {
        let said = Arc::clone(&self.said);
        let control = Control {
            notice: Some(Arc::new(move |text| {
                said.lock().unwrap().push(text.to_owned());
            })),
            ..Control::default()
        };
        self.swarm(runtime).run(new, control).await.unwrap()
    }

    async fn run(&self, plan: impl Into<Plan>) -> RunView {
        self.run_in(Arc::new(self.runtime.clone()), plan.into().into())
            .await
    }

    fn started(&self) -> usize {
        self.runtime.jobs().len()
    }

    fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_work_is_done_once_and_costs_nothing_the_second_time() {
    let stage = Stage::new();
    let spec = cached_in("1", json!({"max_budget": 2}));
    let first = stage.run(&spec).await;
    let second = stage.run(&spec).await;
    assert_eq!(stage.started(), 1);
    let (ran, taken) = (outcome(&first, "agent-0"), outcome(&second, "agent-0"));
    assert!(!ran.cached && taken.cached);
    assert_eq!(taken.exit, ExitReason::Completed);
    assert_eq!(
        (taken.cost, taken.duration),
        (Some(Usd::ZERO), Duration::ZERO)
    );
    assert_eq!(
        taken.result, ran.result,
        "the result is that of the first run"
    );
    assert_eq!(second.spent, Usd::ZERO);
    assert!(first.spent > Usd::ZERO);
    assert_eq!(text(&stage.store, &taken.result.unwrap()).await, "1");
    assert_eq!(stage.said(), Vec::<String>::new());
}

#[tokio::test]
async fn who_does_not_ask_for_it_is_run_and_leaves_nothing_to_others() {
    let stage = Stage::new();
    for spec in [agent("a"), agent("a"), cached("a"), agent("a")] {
        stage.run(spec).await;
    }
    assert_eq!(stage.started(), 4);
    assert_eq!(stage.cache.len(), 1);
    stage.run(cached("a")).await;
    assert_eq!(stage.started(), 4);
}

#[tokio::test]
async fn each_candidate_of_a_beam_is_work_of_its_own_and_equals_side_by_side_are_not() {
    let stage = Stage::new();
    let judge = || Evaluator::new("score:x", cached("score"));
    let beamed = |width| beam(cached("a"), NonZeroU32::new(width).unwrap(), judge(), true);
    let candidates = |view: &RunView| {
        let agents = (0..4).filter_map(|i| {
            let name = format!("agent-{i}");
            view.agents
                .values()
                .find(|agent| agent.agent.as_str() == name)
        });
        let outcomes = agents.map(|agent| agent.outcome.clone().unwrap());
        let (cached, results): (Vec<bool>, BTreeSet<String>) = outcomes
            .map(|outcome| (outcome.cached, outcome.result.unwrap().to_string()))
            .unzip();
        (cached, results.len())
    };
    // One after the other, so that each finds what those before it have stored.
    let one = |plan: Plan| plan.with_limit(NonZeroUsize::MIN);
    let first = stage.run(one(beamed(3))).await;
    assert_eq!(candidates(&first), (vec![false; 3], 3));
    // What they say is the same, and so it is judged once.
    assert_eq!(stage.started(), 4);
    let second = stage.run(beamed(3)).await;
    assert_eq!(candidates(&second), (vec![true; 3], 3));
    assert_eq!((stage.started(), second.spent), (4, Usd::ZERO));
    let wider = stage.run(one(beamed(4))).await;
    assert_eq!(candidates(&wider), (vec![true, true, true, false], 4));
    // The first candidate is what one agent alone is.
    assert!(outcome(&stage.run(cached("a")).await, "agent-0").cached);
    let equals = par([cached("b"), cached("b"), cached("b")]);
    let equals = stage.run(one(equals)).await;
    assert_eq!(candidates(&equals), (vec![false, true, true], 1));
}

#[tokio::test]
async fn each_part_of_the_work_makes_it_another() {
    let stage = Stage::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a");
    fs::write(&file, "one").unwrap();
    let mount = json!([{"host_path": folder.path(), "container_path": "/in"}]);
    let plain = json!({"mounts": mount, "env_vars": {"KEY": "one"}, "input_files": {"x": "one"}});
    let with = |field: &str, value: Value| {
        let mut fields = plain.clone();
        fields[field] = value;
        cached_in("p", fields)
    };
    let spec = cached_in("p", plain.clone());
    stage.run(&spec).await;
    stage.run(&spec).await;
    assert_eq!(stage.started(), 1);
    for (n, other) in [
        cached_in("q", plain.clone()),
        with("model", json!("m")),
        with("timeout", json!(7)),
        with("env_vars", json!({"KEY": "two"})),
        with("env_vars", json!({"KEY": "one", "MORE": ""})),
        with("input_files", json!({"x": "two"})),
        with("agent", json!({"command": ["scripted", "-v"]})),
        with("output_type", json!("A list.")),
        with(
            "mounts",
            json!([{"host_path": folder.path(), "container_path": "/other"}]),
        ),
    ]
    .iter()
    .enumerate()
    {
        stage.run(other).await;
        assert_eq!(stage.started(), n + 2, "{other:?}");
    }
    let so_far = stage.started();
    fs::write(&file, "two").unwrap();
    stage.run(&spec).await;
    assert_eq!(stage.started(), so_far + 1, "what is in a mount");
    stage.run(&spec).await;
    fs::write(&file, "one").unwrap();
    stage.run(&spec).await;
    assert_eq!(
        stage.started(),
        so_far + 1,
        "what was there first is remembered, too"
    );
    assert_eq!(stage.said(), Vec::<String>::new());
}

#[tokio::test]
async fn what_an_agent_is_told_of_others_counts_by_its_text_and_not_by_its_ref() {
    let stage = Stage::new();
    let stages = || chain([agent("first"), cached("second")]);
    let once = stage.run(stages()).await;
    let again = stage.run(stages()).await;
    assert_eq!(
        stage.started(),
        3,
        "the first stage ran twice, the second once"
    );
    assert!(outcome(&again, "stage-1").cached);
    assert_eq!(
        outcome(&again, "stage-1").result,
        outcome(&once, "stage-1").result
    );
    stage.run(chain([agent("other"), cached("second")])).await;
    assert_eq!(stage.started(), 5);
}

#[tokio::test]
async fn only_successes_are_stored() {
    let stage = Stage::new();
    for does in ["fail", "lost", "missing", "refused"] {
        let before = stage.started();
        stage.run(cached(does)).await;
        stage.run(cached(does)).await;
        assert_eq!(stage.started(), before + 2, "{does}");
    }
    assert!(stage.cache.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stored_result_waits_for_no_slot_and_no_money() {
    let stage = Stage::new();
    let spec = cached_in("quick", json!({"max_budget": 5}));
    stage.run(&spec).await;
    let mut new: NewRun = par([agent("9"), spec]).into();
    new.limits = RunLimits {
        budget: Some(Usd::from_micros(1)),
        ..RunLimits::default()
    };
    let runtime = Arc::new(stage.runtime.clone());
    let swarm = stage.swarm(runtime);
    let log: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&log);
    let control = Control {
        observer: Some(Arc::new(move |event| {
            if let swarm_core::journal::RunEvent::AgentEnded(ended) = event {
                seen.lock().unwrap().push(ended.agent.to_string());
            }
        })),
        ..Control::default()
    };
    let view = swarm.run(new, control).await.unwrap();
    assert_eq!(view.counts().succeeded, 2, "{view:?}");
    assert_eq!(*log.lock().unwrap(), ["agent-1", "agent-0"]);
}

#[tokio::test(start_paused = true)]
async fn races_and_retries_take_stored_results() {
    let stage = Stage::new();
    stage.run(cached("quick")).await;
    let raced = stage.run(race([cached("900"), cached("quick")])).await;
    assert!(matches!(raced.end(), Some(End::Succeeded { .. })));
    assert_eq!(outcome(&raced, "agent-0").exit, ExitReason::Cancelled);
    let before = stage.started();
    let retried = stage
        .run(retry(run(cached("quick")), 3.try_into().unwrap()))
        .await;
    assert_eq!(stage.started(), before);
    for view in [raced, retried] {
        let report = Report::new(&view, &stage.store).await.unwrap();
        let [AgentReport::Kept(found)] = report.results()[..] else {
            panic!("{report:?}");
        };
        assert!(found.stamps.cached);
        assert_ne!(found.id.run, view.run);
        let own = view
            .agents
            .values()
            .find(|agent| agent.outcome.as_ref().is_some_and(|o| o.cached));
        assert_eq!(found.agent_id, own.unwrap().agent, "its name in this run");
        assert_eq!(found.cost_usd, Some(Usd::ZERO));
    }
}

#[tokio::test]
async fn a_chain_of_stored_results_is_reported_like_one_that_ran() {
    let stage = Stage::new();
    let stages = || chain([cached("a"), cached("b")]);
    for _ in 0..2 {
        let view = stage.run(stages()).await;
        let report = serde_json::to_value(Report::new(&view, &stage.store).await.unwrap()).unwrap();
        assert_eq!(report["completed_stages"], 2, "{report}");
        assert_eq!(report["final"]["agent_id"], "stage-1");
        assert_eq!(report["intermediates"].as_array().unwrap().len(), 2);
    }
    assert_eq!(stage.started(), 2);
}

#[tokio::test]
async fn a_result_that_is_gone_is_made_again() {
    let mut stage = Stage::new();
    stage.run(cached("a")).await;
    stage.store = MemoryRefStore::default();
    let view = stage.run(cached("a")).await;
    assert!(!outcome(&view, "agent-0").cached);
    assert!(outcome(&stage.run(cached("a")).await, "agent-0").cached);
    assert_eq!(stage.started(), 2);
}

#[tokio::test]
async fn what_cannot_be_compared_is_run_and_the_reason_is_said_once() {
    let stage = Stage::new();
    let folder = tempfile::tempdir().unwrap();
    let mount = |readonly: bool| json!([{"host_path": folder.path(), "container_path": "/m", "readonly": readonly}]);
    let writes = cached_in("w", json!({"mounts": mount(false)}));
    stage.run(par([&writes, &writes])).await;
    stage.run(&writes).await;
    assert_eq!(stage.started(), 3);
    let said = stage.said();
    assert_eq!(said.len(), 2, "once for each run: {said:?}");
    assert!(
        said[0].contains("is not cached: it may write to"),
        "{said:?}"
    );

    let socket = std::os::unix::net::UnixListener::bind(folder.path().join("s")).unwrap();
    stage
        .run(cached_in("r", json!({"mounts": mount(true)})))
        .await;
    let said = stage.said().pop().unwrap();
    assert!(said.contains("a device, a socket or a pipe"), "{said}");
    drop(socket);
    assert!(stage.cache.is_empty());
}

#[tokio::test]
async fn without_a_cache_agents_are_run() {
    let runtime = scripted();
    let swarm = Swarm::builder(Arc::new(runtime.clone())).build();
    for _ in 0..2 {
        swarm.execute(cached("a")).await.unwrap();
    }
    assert_eq!(runtime.jobs().len(), 2);
}

/// A runtime whose program is what a function says each time it is asked.
#[derive(Debug)]
struct Renewed {
    inner: ScriptedRuntime,
    identity: fn() -> Option<String>,
}

impl AgentRuntime for Renewed {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn check(&self, sandbox: &Sandbox) -> Result<(), RuntimeError> {
        self.inner.check(sandbox)
    }

    fn identity<'a>(
        &'a self,
        _: &'a Program<'a>,
    ) -> BoxFuture<'a, Result<Option<String>, RuntimeError>> {
        Box::pin(std::future::ready(Ok((self.identity)())))
    }

    fn run<'a>(
        &'a self,
        job: &'a AgentJob,
        output: &'a mut dyn OutputSink,
        stop: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<AgentExit, RuntimeError>> {
        self.inner.run(job, output, stop)
    }

    fn sweep<'a>(
        &'a self,
        is_live: &'a (dyn Fn(&RunId) -> bool + Sync),
    ) -> BoxFuture<'a, Result<Vec<swarm_core::ids::RefId>, RuntimeError>> {
        self.inner.sweep(is_live)
    }
}

#[tokio::test]
async fn what_was_made_while_its_program_was_replaced_is_not_stored() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let stage = Stage::new();
    let runtime = Arc::new(Renewed {
        inner: stage.runtime.clone(),
        identity: || Some(ASKED.fetch_add(1, Ordering::SeqCst).to_string()),
    });
    stage.run_in(runtime, run(cached("a")).into()).await;
    assert!(stage.cache.is_empty());
    let said = stage.said().pop().unwrap();
    assert!(said.contains("was changed while it ran"), "{said}");

    let unknown = Arc::new(Renewed {
        inner: stage.runtime.clone(),
        identity: || None,
    });
    stage.run_in(unknown, run(cached("a")).into()).await;
    let said = stage.said().pop().unwrap();
    assert!(said.contains("nobody can tell which program"), "{said}");
    assert!(stage.cache.is_empty());
}

#[tokio::test]
async fn a_process_is_another_when_its_program_is() {
    let temp = tempfile::tempdir().unwrap();
    let program = temp.path().join("tool");
    let write = |text: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    };
    write("#!/bin/sh\necho one");
    let stage = Stage::new();
    let options = ProcessOptions::new(temp.path().join("agents"));
    let runtime = ProcessRuntime::new(options);
    let path = format!("{}:/usr/bin:/bin", temp.path().display());
    let by_name = cached_in(
        "p",
        json!({"agent": {"command": ["tool"]}, "env_vars": {"PATH": path}}),
    );
    let by_path = cached_in("p", json!({"agent": {"command": [program]}}));
    for spec in [by_name, by_path] {
        write("#!/bin/sh\necho one");
        let mut printed = Vec::new();
        for _ in 0..2 {
            let view = stage
                .run_in(Arc::new(runtime.clone()), Plan::from(&spec).into())
                .await;
            let ended = outcome(&view, "agent-0");
            printed.push((
                text(&stage.store, &ended.result.unwrap()).await,
                ended.cached,
            ));
        }
        write("#!/bin/sh\necho two");
        let view = stage
            .run_in(Arc::new(runtime.clone()), Plan::from(&spec).into())
            .await;
        let ended = outcome(&view, "agent-0");
        printed.push((
            text(&stage.store, &ended.result.unwrap()).await,
            ended.cached,
        ));
        let printed: Vec<(&str, bool)> = printed
            .iter()
            .map(|(text, cached)| (text.trim(), *cached))
            .collect();
        assert_eq!(printed, [("one", false), ("one", true), ("two", false)]);
    }
    assert_eq!(stage.said(), Vec::<String>::new());
}

#[tokio::test]
async fn inputs_of_a_reduction_are_part_of_the_work() {
    let stage = Stage::new();
    let reduce =
        |text: &str| swarm_core::plan::reduce([Input::Text(text.to_owned())], run(cached("sum")));
    stage.run(reduce("one")).await;
    stage.run(reduce("one")).await;
    assert_eq!(stage.started(), 1);
    stage.run(reduce("two")).await;
    assert_eq!(stage.started(), 2);
}
