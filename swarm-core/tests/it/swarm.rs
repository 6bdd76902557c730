//! Whole runs: controls, failures, and what of them is in the log.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use serde_json::json;
use swarm_core::{
    Control, NewRun, RunView, Swarm, SwarmError,
    error_code::{Coded as _, ErrorCode},
    ids::RunId,
    journal::{EventLog, MemoryEventLog, Observer, RunEvent, RunLimits},
    machine::End,
    outcome::ExitReason,
    plan::{chain, par, race, reduce, retry, run},
    prompt::{Input, PriorError},
    refs::{Classification, Level, MemoryRefStore},
    runtime::{
        Launch,
        process::{ProcessOptions, ProcessRuntime},
    },
    testing::{
        machine::KnownMachine,
        scripted::{Scripted, ScriptedRuntime},
    },
};

use crate::fixtures::{
    FailingLog, OddStore, Seen, agent, agent_in, events, log_of, outcome, play, ref_of, scripted,
    story, succeeded, text,
};

async fn ran(swarm: &Swarm, new: NewRun) -> RunView {
    swarm.run(new, Control::default()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn servers_that_may_not_see_a_result_are_not_attached_to_who_is_told_it() {
    let made = ref_of(&RunId::wrapped(), "agent-0");
    let store = Arc::new(OddStore {
        classified: vec![(
            made.clone(),
            Classification {
                level: Level::Confidential,
                allowed_mcps: Some(vec!["files".to_owned()]),
                denied_mcps: vec!["slack".to_owned()],
            },
        )],
        ..OddStore::default()
    });
    let runtime = scripted();
    let swarm = Swarm::builder(Arc::new(runtime.clone()))
        .store(Arc::<OddStore>::clone(&store))
        .user(Arc::new(KnownMachine {
            variables: [("ANTHROPIC_API_KEY", "key")].into(),
            files: [(
                "/home/ada/.claude.json",
                json!({"mcpServers": {"slack": {"command": "s"}, "web": {"command": "w"}, "files": {"command": "f"}}})
                    .to_string(),
            )]
            .into(),
        }))
        .build();
    ran(
        &swarm,
        NewRun {
            id: RunId::wrapped(),
            ..run(agent("the secret")).into()
        },
    )
    .await;

    let told = |mcps| {
        reduce(
            [Input::Ref(made.clone())],
            agent_in("use it", json!({"agent": "claude", "mcps": mcps})),
        )
    };
    let plan = par([
        told(json!(["slack"])),
        told(json!(["files", "web"])),
        told(json!(["files"])),
        told(json!([])),
        run(agent_in(
            "not told",
            json!({"agent": "claude", "mcps": ["slack"]}),
        )),
    ]);
    let view = swarm.execute(plan).await.unwrap();
    for (i, objection) in [
        "MCP 'slack' denied for classification 'confidential'",
        "MCP 'web' not in allowed list for classification 'confidential'",
    ]
    .into_iter()
    .enumerate()
    {
        let refused = outcome(&view, &format!("agent-{i}.reducer"));
        assert_eq!(refused.exit, ExitReason::Refused);
        assert_eq!(refused.error.as_deref(), Some(objection));
        assert_eq!(
            runtime.starts(&ref_of(&view.run, &format!("agent-{i}.reducer"))),
            0
        );
    }
    for started in ["agent-2.reducer", "agent-3.reducer", "agent-4"] {
        assert_eq!(runtime.starts(&ref_of(&view.run, started)), 1, "{started}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_log_knows_of_a_run_and_of_an_agent_before_the_agent_starts() {
    let log = Arc::new(MemoryEventLog::new());
    let known: Seen<(String, Vec<String>)> = Seen::default();
    let runtime = {
        let (log, known) = (Arc::<MemoryEventLog>::clone(&log), known.clone());
        ScriptedRuntime::new(move |job, _| {
            let story = story(&events(&log, &job.id.run));
            known.add((job.id.agent.to_string(), story));
            Scripted::says("x")
        })
    };
    let swarm = Swarm::builder(Arc::new(runtime)).log(log).build();
    swarm
        .execute(chain([run(agent("a")), run(agent("b"))]))
        .await
        .unwrap();
    assert_eq!(
        known.all(),
        [
            (
                "stage-0".to_owned(),
                vec!["run_started".to_owned(), "stage-0 started".to_owned()]
            ),
            (
                "stage-1".to_owned(),
                [
                    "run_started",
                    "stage-0 started",
                    "stage-0 completed",
                    "stage-1 started"
                ]
                .map(str::to_owned)
                .to_vec()
            ),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn one_bad_agent_does_not_discard_the_others() {
    let nowhere = Input::Ref("nowhere/agent-9".parse().unwrap());
    let plan = par([
        run(agent("1 good")),
        run(agent("missing")),
        run(agent("refused")),
        run(agent("lost")),
        run(agent("fail")),
        run(agent_in("600", json!({"timeout": 2}))),
        reduce([nowhere], agent("told what is not there")),
        run(agent("3 good")),
        run(agent("1 its result cannot be kept")),
    ]);
    let store = OddStore {
        unkept_for: vec!["agent-8"],
        ..OddStore::default()
    };
    let swarm = Swarm::builder(Arc::new(scripted()))
        .store(Arc::new(store))
        .build();
    let view = swarm.execute(plan).await.unwrap();

    assert_eq!(succeeded(&view), ["agent-0", "agent-7"]);
    let after = Duration::from_secs(2);
    for (agent, exit, error) in [
        (
            "agent-1",
            ExitReason::NotStarted,
            "cannot start the agent: as its script says",
        ),
        (
            "agent-2",
            ExitReason::Refused,
            "the agent is refused: as its script says",
        ),
        (
            "agent-3",
            ExitReason::Lost,
            "the agent vanished while it ran: as its script says",
        ),
        (
            "agent-5",
            ExitReason::TimedOut { after },
            "timed out after 2s; what it had printed is kept",
        ),
        (
            "agent-6.reducer",
            ExitReason::NotStarted,
            "no result found for ref nowhere/agent-9; `swarm refs` lists what there is",
        ),
        (
            "agent-8",
            ExitReason::Lost,
            "its result could not be kept: cannot write result.json: permission denied",
        ),
    ] {
        let found = outcome(&view, agent);
        assert_eq!(found.exit, exit, "{agent}");
        assert_eq!(found.error.as_deref(), Some(error), "{agent}");
        let Some(End::Failed { failures, .. }) = view.end() else {
            panic!("{:?}", view.end())
        };
        let failure = failures
            .iter()
            .find(|failure| failure.agent.as_str() == agent)
            .unwrap();
        assert_eq!((&failure.exit, failure.error.as_str()), (&exit, error));
    }
    // What the agent itself said is in its record only.
    let failed = outcome(&view, "agent-4");
    assert_eq!(failed.exit, ExitReason::Failed { code: 3 });
    assert_eq!(failed.error, None);
    let kept = swarm.store().get(&ref_of(&view.run, "agent-4")).await;
    assert_eq!(kept.unwrap().error.as_deref(), Some("it said no"));
    assert_eq!(view.counts().succeeded, 2);
    assert_eq!(view.counts().failed, 7);
    assert!(matches!(view.end(), Some(End::Failed { failures, .. }) if failures.len() == 7));
}

#[tokio::test]
async fn a_program_that_is_missing_does_not_discard_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = ProcessRuntime::new(ProcessOptions::new(folder.path()));
    let swarm = Swarm::builder(Arc::new(runtime)).build();
    let command = |command: &[&str]| {
        let command: Vec<String> = command.iter().map(|&part| part.to_owned()).collect();
        run(swarm_core::spec::AgentSpec::command("told", command).unwrap())
    };
    let plan = par([
        command(&["cat"]),
        command(&["no-such-program-anywhere"]),
        command(&["cat"]),
    ]);
    let view = swarm.execute(plan).await.unwrap();
    assert_eq!(succeeded(&view), ["agent-0", "agent-2"]);
    let missing = outcome(&view, "agent-1");
    assert_eq!(missing.exit, ExitReason::NotStarted);
    assert!(missing.error.unwrap().contains("no-such-program-anywhere"));
}

#[tokio::test]
async fn a_sandbox_that_the_runtime_cannot_honour_stops_the_run_before_it_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = ProcessRuntime::new(ProcessOptions::new(folder.path()));
    let swarm = Swarm::builder(Arc::new(runtime)).build();
    let limited_memory = || run(agent_in("p", json!({"memory": "1g"})));
    let new: NewRun = par([run(agent("p")), limited_memory(), limited_memory()]).into();
    let error = swarm
        .run(new.clone(), Control::default())
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unsupported);
    assert!(
        error.to_string().starts_with("2 of the agents cannot run"),
        "{error}"
    );
    let view = swarm.view(&new.id).await;
    assert!(matches!(view, Err(SwarmError::RunNotFound(_))), "{view:?}");
}

/// JSON that is nested too deeply can be written, but not read.
#[tokio::test(start_paused = true)]
async fn a_plan_that_could_not_be_read_again_is_refused_before_anything_starts() {
    let mut plan = run(agent("deep"));
    let mut refused = 0;
    for depth in 1..100 {
        plan = chain([plan]);
        let runtime = scripted();
        let swarm = Swarm::builder(Arc::new(runtime.clone())).build();
        let new: NewRun = plan.clone().into();
        match swarm.run(new.clone(), Control::default()).await {
            Ok(view) => {
                assert_eq!(
                    refused, 0,
                    "a plan of depth {depth} is read, and one that is less deep is not"
                );
                assert_eq!(view.counts().succeeded, 1);
            }
            Err(error) => {
                refused += 1;
                assert!(error.to_string().contains("nested"), "{error}");
                assert!(runtime.jobs().is_empty(), "{error}");
                let view = swarm.view(&new.id).await;
                assert!(matches!(view, Err(SwarmError::RunNotFound(_))), "{view:?}");
            }
        }
    }
    assert!((1..60).contains(&refused), "{refused} of 99 were refused");
}

#[tokio::test(start_paused = true)]
async fn a_later_attempt_is_told_what_went_wrong_before() {
    let runtime = ScriptedRuntime::new(|job, prompt| {
        if job.id.agent.as_str() == "attempt-1" {
            play(job, "fail")
        } else {
            Scripted::says(prompt)
        }
    });
    let swarm = Swarm::builder(Arc::new(runtime)).build();
    let plan = retry(run(agent("Try.")), std::num::NonZeroU32::new(3).unwrap());
    let view = swarm.execute(plan).await.unwrap();
    assert_eq!(succeeded(&view), ["attempt-2"]);
    let id = ref_of(&view.run, "attempt-2");
    let told = text(&**swarm.store(), &id).await;
    assert!(told.contains("## Attempt 1\nit said no\n"), "{told}");
    let stamp = swarm.store().get(&id).await.unwrap().stamps.retry.unwrap();
    assert_eq!((stamp.attempt, stamp.max_retries), (2, 3));
    let id = ref_of(&view.run, "attempt-1");
    assert_eq!(stamp.prior_errors, [PriorError::Recorded { id }]);
}

#[tokio::test(start_paused = true)]
async fn the_first_to_succeed_wins_a_race_and_the_others_are_stopped() {
    let runtime = scripted();
    let swarm = Swarm::builder(Arc::new(runtime.clone())).build();
    let plan = race(["60", "1 fail", "5", "60"].map(|does| run(agent(does))));
    let view = swarm.execute(plan).await.unwrap();
    assert_eq!(succeeded(&view), ["agent-2"]);
    assert!(runtime.running().is_empty());
    for loser in ["agent-0", "agent-3"] {
        assert_eq!(outcome(&view, loser).exit, ExitReason::Cancelled);
        assert_eq!(
            runtime.ends(&ref_of(&view.run, loser)),
            [ExitReason::Cancelled]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_observer_hears_of_each_event_once_and_only_when_it_is_in_the_log() {
    let log = Arc::new(MemoryEventLog::new());
    let new: NewRun = chain([par(["1", "2", "fail"].map(|does| run(agent(does))))]).into();
    let heard: Seen<RunEvent> = Seen::default();
    let observer: Observer = {
        let (log, heard, id) = (
            Arc::<MemoryEventLog>::clone(&log),
            heard.clone(),
            new.id.clone(),
        );
        Arc::new(move |event| {
            let known = events(&log, &id);
            assert!(known.contains(event), "{event:?} is not in the log");
            heard.add(event.clone());
        })
    };
    let swarm = Swarm::builder(Arc::new(scripted()))
        .log(Arc::<MemoryEventLog>::clone(&log))
        .build();
    let control = Control {
        observer: Some(observer),
        stop: None,
        ..Control::default()
    };
    swarm.run(new.clone(), control).await.unwrap();
    let mut heard = story(&heard.all());
    let mut logged = story(&events(&log, &new.id));
    assert_eq!(heard.first(), logged.first());
    assert_eq!(heard.last(), logged.last());
    heard.sort();
    logged.sort();
    assert_eq!(heard, logged);
}

/// A run whose log fails from some append on.
struct Doomed {
    id: RunId,
    log: Arc<FailingLog>,
    store: MemoryRefStore,
    runtime: ScriptedRuntime,
    /// What was started after the log had failed.
    late: Seen<String>,
    heard: Seen<RunEvent>,
}

impl Doomed {
    fn new(fails_from: usize) -> Self {
        let log = Arc::new(FailingLog::new(fails_from));
        let late: Seen<String> = Seen::default();
        let (failing, too_late) = (Arc::<FailingLog>::clone(&log), late.clone());
        Self {
            id: RunId::new("doomed").unwrap(),
            log,
            store: MemoryRefStore::default(),
            runtime: ScriptedRuntime::new(move |job, prompt| {
                if failing.has_failed() {
                    too_late.add(job.id.to_string());
                }
                play(job, prompt)
            }),
            late,
            heard: Seen::default(),
        }
    }

    fn swarm(&self, log: Arc<dyn EventLog>) -> Swarm {
        Swarm::builder(Arc::new(self.runtime.clone()))
            .store(Arc::new(self.store.clone()))
            .log(log)
            .build()
    }

    async fn run(&self) -> Result<RunView, SwarmError> {
        let new = NewRun {
            id: self.id.clone(),
            plan: chain([
                par(["1", "2", "3"].map(|does| run(agent(does)))),
                run(agent("1 gather")),
            ]),
            limits: RunLimits::default(),
        };
        let heard = self.heard.clone();
        let control = Control {
            observer: Some(Arc::new(move |event| heard.add(event.clone()))),
            stop: None,
            ..Control::default()
        };
        let log: Arc<dyn EventLog> = Arc::<FailingLog>::clone(&self.log);
        self.swarm(log).run(new, control).await
    }

    /// Goes on with what the log has, in a log that works.
    async fn resume(&self) -> RunView {
        let log = log_of(&self.id, &events(&self.log.log, &self.id)).await;
        self.swarm(log)
            .resume(&self.id, Control::default())
            .await
            .unwrap()
    }
}

/// What a run does is decided by the log: when that fails, nothing more happens, and what did happen counts later.
#[tokio::test(start_paused = true)]
async fn a_log_that_fails_stops_the_run_at_once_and_the_run_can_be_resumed() {
    let expected = Doomed::new(usize::MAX).run().await.unwrap();
    let mut fails_from = 0;
    loop {
        let doomed = Doomed::new(fails_from);
        let result = doomed.run().await;
        let kept = events(&doomed.log.log, &doomed.id);
        let heard = doomed.heard.all();
        assert_eq!(heard.len(), kept.len(), "nobody hears of what was not kept");
        let late = doomed.late.all();
        assert_eq!(late, Vec::<String>::new(), "append {fails_from} had failed");
        let running = doomed.runtime.running();
        assert!(running.is_empty(), "{running:?} still run");
        let error = match result {
            Ok(view) => {
                assert_eq!(view.end(), expected.end());
                assert!(!doomed.log.has_failed());
                assert!(fails_from > 5, "there is something to fail");
                return;
            }
            Err(error) => error,
        };
        assert_eq!(error.code(), ErrorCode::LogFailed);
        assert!(error.to_string().contains("the disk is full"), "{error}");
        if fails_from == 0 {
            assert!(
                doomed.runtime.jobs().is_empty(),
                "nothing runs without a log"
            );
        } else {
            assert_eq!(
                doomed.resume().await.end(),
                expected.end(),
                "append {fails_from} had failed"
            );
            for agent in expected.agents.values() {
                let ends = doomed
                    .runtime
                    .ends(&ref_of(&doomed.id, agent.agent.as_str()));
                assert_eq!(
                    ends,
                    [ExitReason::Completed],
                    "{}, {fails_from}",
                    agent.agent
                );
            }
        }
        fails_from += 1;
    }
}

#[tokio::test]
async fn a_run_that_nobody_knows_or_that_has_ended_cannot_be_resumed() {
    let swarm = Swarm::builder(Arc::new(scripted())).build();
    let unknown = swarm
        .resume(&RunId::random(), Control::default())
        .await
        .unwrap_err();
    assert_eq!(unknown.code(), ErrorCode::RunNotFound);
    let view = swarm.execute(run(agent("a"))).await.unwrap();
    let ended = swarm
        .resume(&view.run, Control::default())
        .await
        .unwrap_err();
    assert_eq!(ended.code(), ErrorCode::RunEnded);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_dropped_stops_its_agents_and_can_be_resumed() {
    let runtime = scripted();
    let swarm = Swarm::builder(Arc::new(runtime.clone())).build();
    let new: NewRun = par(["1", "60"].map(|does| run(agent(does)))).into();
    let started = tokio::time::timeout(
        Duration::from_secs(5),
        swarm.run(new.clone(), Control::default()).boxed(),
    );
    assert!(started.await.is_err(), "it takes a minute");
    assert!(runtime.running().is_empty());
    let view = swarm.resume(&new.id, Control::default()).await.unwrap();
    assert_eq!(succeeded(&view), ["agent-0", "agent-1"]);
    assert_eq!(runtime.starts(&ref_of(&new.id, "agent-0")), 1);
    assert_eq!(runtime.starts(&ref_of(&new.id, "agent-1")), 2);
    let launches: Vec<Launch> = runtime.jobs().iter().map(|job| job.launch).collect();
    assert_eq!(
        launches,
        [Launch::New, Launch::New, Launch::Again],
        "only who may still run is removed first"
    );
}
