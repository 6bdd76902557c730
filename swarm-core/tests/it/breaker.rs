//! Agents whose provider takes no more requests.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::json;
use swarm_core::{
    Control, NewRun, RunView, Swarm,
    drive::Stop,
    journal::{MemoryEventLog, RunEvent, RunLimits},
    outcome::ExitReason,
    plan::{Plan, par, retry, run},
    refs::MemoryRefStore,
    testing::scripted::{Scripted, ScriptedRuntime},
    time::{Clock, Timestamp},
};
use tokio::{
    sync::watch,
    time::{Duration, Instant},
};

use crate::fixtures::{agent, agent_in};

/// A clock that goes with the time of the async runtime, which a test can hold still.
#[derive(Debug)]
struct RuntimeClock(Instant);

const EPOCH: Timestamp = Timestamp::from_millis(1_700_000_000_000);

impl Clock for RuntimeClock {
    fn now(&self) -> Timestamp {
        EPOCH.plus(self.0.elapsed())
    }
}

/// Agents of kind claude of which the first `refused` are refused by their provider with `message`.
fn provider(refused: usize, resets_in: Option<u64>, message: &'static str) -> ScriptedRuntime {
    let started = AtomicUsize::new(0);
    ScriptedRuntime::new(move |job, _| {
        if job.invocation.argv[0] != "claude" {
            return Scripted::says("a command");
        }
        if started.fetch_add(1, Ordering::SeqCst) >= refused {
            return Scripted::says(
                json!({"type": "result", "subtype": "success", "is_error": false, "result": "done"})
                    .to_string(),
            );
        }
        let limit = resets_in.map(|seconds| {
            let at = EPOCH.seconds() + seconds;
            let info = json!({"status": "rejected", "resetsAt": at});
            json!({"type": "rate_limit_event", "rate_limit_info": info}).to_string()
        });
        let result = json!({
            "type": "result", "subtype": "success", "is_error": true, "api_error_status": 429, "result": message,
        });
        let mut play = Scripted::says(format!("{}\n{result}\n", limit.unwrap_or_default()));
        play.exit = ExitReason::Failed { code: 1 };
        play
    })
}

struct Ran {
    view: RunView,
    took: Duration,
    events: Vec<RunEvent>,
}

async fn ran(runtime: &ScriptedRuntime, plan: Plan, limits: RunLimits) -> Ran {
    let began = Instant::now();
    let swarm = Swarm::builder(Arc::new(runtime.clone()))
        .clock(Arc::new(RuntimeClock(began)))
        .build();
    let new = NewRun {
        limits,
        ..plan.into()
    };
    let view = swarm.run(new, Control::default()).await.unwrap();
    let events = swarm.journal(&view.run).read().await.unwrap();
    Ran {
        view,
        took: began.elapsed(),
        events: events.into_iter().map(|(_, event)| event).collect(),
    }
}

fn exits(view: &RunView) -> Vec<ExitReason> {
    let outcomes = view.agents.values().map(|agent| agent.outcome.clone());
    outcomes.map(|outcome| outcome.unwrap().exit).collect()
}

fn one_at_a_time(agents: impl IntoIterator<Item = Plan>) -> Plan {
    par(agents).with_limit(NonZeroUsize::MIN)
}

fn claude() -> Plan {
    run(agent_in("work", json!({"agent": "claude"})))
}

/// Seconds, without the milliseconds in which agents start and end.
fn seconds(took: Duration) -> u64 {
    took.as_secs()
}

#[tokio::test(start_paused = true)]
async fn while_a_provider_refuses_requests_no_agent_of_its_kind_is_started_and_the_log_says_why() {
    let runtime = provider(1, Some(500), "limit reached");
    let plan = one_at_a_time([claude(), claude(), run(agent("other"))]);
    let Ran { view, took, events } = ran(&runtime, plan, RunLimits::default()).await;
    assert_eq!(
        exits(&view),
        [
            ExitReason::RateLimited,
            ExitReason::Completed,
            ExitReason::Completed
        ]
    );
    assert_eq!(seconds(took), 500);
    assert!(view.waiting.is_empty());
    let waits: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            RunEvent::AgentWaits {
                agent, kind, until, ..
            } => Some((agent.as_str(), kind.as_str(), until.seconds())),
            _ => None,
        })
        .collect();
    assert_eq!(waits, [("agent-1", "claude", EPOCH.seconds() + 500)]);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_already_waited_for_a_slot_waits_for_its_provider_too() {
    let runtime = provider(1, Some(500), "limit reached");
    // Without a limit of their own, both ask for the only slot at once.
    let plan = par([claude(), claude()]);
    let began = Instant::now();
    let swarm = Swarm::builder(Arc::new(runtime.clone()))
        .clock(Arc::new(RuntimeClock(began)))
        .limits(swarm_core::resources::PoolLimits {
            slots: NonZeroUsize::MIN,
            ..swarm_core::resources::PoolLimits::default()
        })
        .build();
    let view = swarm.execute(plan).await.unwrap();
    assert_eq!(
        exits(&view),
        [ExitReason::RateLimited, ExitReason::Completed]
    );
    assert_eq!(seconds(began.elapsed()), 500);
    assert_eq!(runtime.jobs().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn another_attempt_comes_when_requests_are_taken_again() {
    let runtime = provider(2, None, "Please try again in 20s.");
    let plan = retry(
        agent_in("work", json!({"agent": "claude"})),
        3.try_into().unwrap(),
    );
    let Ran { view, took, .. } = ran(&runtime, plan, RunLimits::default()).await;
    assert_eq!(exits(&view).last(), Some(&ExitReason::Completed));
    assert_eq!(seconds(took), 40);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_does_not_say_when_is_left_alone_for_longer_each_time() {
    let runtime = provider(2, None, "429 Too Many Requests");
    let plan = one_at_a_time([claude(), claude(), claude()]);
    let Ran { took, .. } = ran(&runtime, plan, RunLimits::default()).await;
    assert_eq!(seconds(took), 60 + 120);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_the_waiting() {
    let runtime = provider(1, Some(500), "limit reached");
    let limits = RunLimits {
        deadline: Some(EPOCH.plus(Duration::from_secs(100))),
        ..RunLimits::default()
    };
    let plan = one_at_a_time([claude(), claude()]);
    let Ran { view, took, .. } = ran(&runtime, plan, limits).await;
    assert_eq!(
        exits(&view),
        [ExitReason::RateLimited, ExitReason::DeadlineExceeded]
    );
    assert_eq!(seconds(took), 100);
    assert!(view.waiting.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_resumed_waits_on_for_its_provider() {
    let runtime = provider(1, Some(500), "limit reached");
    let began = Instant::now();
    let (log, store) = (
        Arc::new(MemoryEventLog::new()),
        Arc::new(MemoryRefStore::default()),
    );
    // As in two processes: each has its own idea of which provider takes requests.
    let process = || {
        Swarm::builder(Arc::new(runtime.clone()))
            .clock(Arc::new(RuntimeClock(began)))
            .log(Arc::<MemoryEventLog>::clone(&log))
            .store(Arc::<MemoryRefStore>::clone(&store))
            .build()
    };
    let (ask, asked) = watch::channel(None);
    let control = Control {
        observer: Some(Arc::new(move |event| {
            if matches!(event, RunEvent::AgentWaits { .. }) {
                ask.send_replace(Some(Stop::Interrupt));
            }
        })),
        stop: Some(asked),
        ..Control::default()
    };
    let new = NewRun::from(one_at_a_time([claude(), claude()]));
    let id = new.id.clone();
    let view = process().run(new, control).await.unwrap();
    assert_eq!((runtime.jobs().len(), view.waiting.len()), (1, 1));
    let view = process().resume(&id, Control::default()).await.unwrap();
    assert_eq!(
        exits(&view),
        [ExitReason::RateLimited, ExitReason::Completed]
    );
    assert_eq!(seconds(began.elapsed()), 500);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_its_provider_keeps_no_money_from_others() {
    let runtime = provider(1, Some(500), "limit reached");
    let swarm = Swarm::builder(Arc::new(runtime))
        .clock(Arc::new(RuntimeClock(Instant::now())))
        .build();
    drop(swarm.execute(claude()).await.unwrap());
    let dear = |agent: &str| run(agent_in("work", json!({"agent": agent, "max_budget": 1})));
    let new = NewRun {
        limits: RunLimits {
            budget: Some("1".parse().unwrap()),
            ..RunLimits::default()
        },
        ..par([dear("claude"), dear("codex")]).into()
    };
    let view = swarm.run(new, Control::default()).await.unwrap();
    // The second could start at once, and spent it all.
    assert_eq!(
        exits(&view),
        [ExitReason::BudgetExhausted, ExitReason::ReportedFailure]
    );
}
