//! The limits of a run: budget, deadline, slots and the queue.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use proptest::prelude::*;
use serde_json::json;
use swarm_core::{
    Control, NewRun, Plan, RunView, Swarm,
    ids::RunId,
    journal::{MemoryEventLog, RunLimits},
    money::Usd,
    outcome::ExitReason,
    plan::{chain, map, par, run},
    resources::PoolLimits,
    time::Clock as _,
};

use crate::fixtures::{
    FailingLog, TokioClock, agent, agent_in, events, outcome, ref_of, scripted, story, succeeded,
};

fn dollars(text: &str) -> Usd {
    text.parse().unwrap()
}

fn limited(plan: Plan, limits: RunLimits) -> NewRun {
    NewRun {
        id: RunId::random(),
        plan,
        limits,
    }
}

fn budget(limit: &str) -> RunLimits {
    RunLimits {
        budget: Some(dollars(limit)),
        deadline: None,
    }
}

/// One slot, and ten seconds of patience.
fn one_slot() -> PoolLimits {
    PoolLimits {
        slots: NonZeroUsize::MIN,
        queue_timeout: Duration::from_secs(10),
        ..PoolLimits::default()
    }
}

async fn ran(swarm: &Swarm, new: NewRun) -> RunView {
    swarm.run(new, Control::default()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_the_budget_does_not_cover_never_starts_and_the_log_says_why() {
    let runtime = scripted();
    let log = Arc::new(MemoryEventLog::new());
    let swarm = Swarm::builder(Arc::new(runtime.clone()))
        .log(Arc::<MemoryEventLog>::clone(&log))
        .build();
    let priced = |seconds| run(agent_in(seconds, json!({"max_budget": 0.4})));
    let new = limited(par([priced("1"), priced("2"), priced("3")]), budget("1"));
    let view = ran(&swarm, new.clone()).await;

    assert_eq!(runtime.jobs().len(), 2);
    let denied = outcome(&view, "agent-2");
    assert_eq!(denied.exit, ExitReason::BudgetExhausted);
    assert_eq!(denied.result, None);
    assert_eq!(denied.cost, Some(Usd::ZERO));
    assert_eq!(
        denied.error.as_deref(),
        Some(
            "budget exhausted: spent $0.8000 of $1.0000, and this agent may cost $0.4000; raise the budget, or lower \
             `max_budget` of the agent"
        )
    );
    assert_eq!(view.spent, dollars("0.8"));
    assert_eq!(succeeded(&view), ["agent-0", "agent-1"]);
    let story = story(&events(&log, &new.id));
    assert!(
        story.contains(&"agent-2 budget exhausted".to_owned()),
        "{story:?}"
    );
    assert!(!story.contains(&"agent-2 started".to_owned()), "{story:?}");

    let stamped = swarm
        .store()
        .get(&ref_of(&new.id, "agent-1"))
        .await
        .unwrap();
    let stamp = stamped.stamps.budget.unwrap();
    assert_eq!(stamp.step_cost, dollars("0.4"));
    assert_eq!(stamp.spent_so_far, dollars("0.8"));
    assert_eq!(stamp.remaining, Some(dollars("0.2")));
    assert_eq!(stamp.limit, Some(dollars("1")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn no_schedule_overspends_and_nobody_is_denied_who_could_be_paid(
        agents in proptest::collection::vec((0..=50_u32, 0..5_u32), 1..12),
        slots in 1..4_usize,
        limit in 0..=200_u32,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let cents = |cents: u32| f64::from(cents) / 100.0;
        let view = runtime.block_on(async {
            let pools = PoolLimits { slots: NonZeroUsize::new(slots).unwrap(), ..PoolLimits::default() };
            let swarm = Swarm::builder(Arc::new(scripted())).limits(pools).build();
            let plan = par(agents.iter().map(|&(price, seconds)| {
                run(agent_in(&seconds.to_string(), json!({"max_budget": cents(price)})))
            }));
            let limits = RunLimits { budget: Some(Usd::try_from(cents(limit)).unwrap()), deadline: None };
            ran(&swarm, limited(plan, limits)).await
        });
        let limit = Usd::try_from(cents(limit)).unwrap();
        prop_assert!(view.spent <= limit, "{} of {limit}", view.spent);
        for (view_of, (price, _)) in view.agents.values().zip(&agents) {
            let outcome = view_of.outcome.as_ref().unwrap();
            if outcome.exit == ExitReason::BudgetExhausted {
                prop_assert!(view.spent + Usd::try_from(cents(*price)).unwrap() > limit);
            } else {
                prop_assert_eq!(&outcome.exit, &ExitReason::Completed);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_the_deadline_nothing_starts() {
    let runtime = scripted();
    let swarm = Swarm::builder(Arc::new(runtime.clone()))
        .clock(Arc::new(TokioClock::new()))
        .build();
    let limits = RunLimits {
        budget: None,
        deadline: Some(TokioClock::START),
    };
    let view = ran(&swarm, limited(run(agent("late")), limits)).await;
    let late = outcome(&view, "agent-0");
    assert_eq!(late.exit, ExitReason::DeadlineExceeded);
    let error = late.error.unwrap();
    for part in [&TokioClock::START.to_string(), "later deadline"] {
        assert!(error.contains(part), "{error}");
    }
    assert!(runtime.jobs().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_deadline_stops_who_runs_and_turns_away_who_waits() {
    let runtime = scripted();
    let clock = Arc::new(TokioClock::new());
    let swarm = Swarm::builder(Arc::new(runtime.clone()))
        .clock(Arc::<TokioClock>::clone(&clock))
        .limits(PoolLimits {
            slots: NonZeroUsize::new(2).unwrap(),
            ..PoolLimits::default()
        })
        .build();
    let deadline = TokioClock::START.plus(Duration::from_secs(30));
    let limits = RunLimits {
        budget: None,
        deadline: Some(deadline),
    };
    let new = limited(
        par(["20", "40", "40", "5"].map(|seconds| run(agent(seconds)))),
        limits,
    );
    let view = ran(&swarm, new.clone()).await;
    assert_eq!(clock.now(), deadline);
    // The third began when the first had ended, at 20 of 30 seconds.
    for late in ["agent-1", "agent-2"] {
        let stopped = outcome(&view, late);
        assert_eq!(stopped.exit, ExitReason::DeadlineExceeded, "{late}");
        assert!(stopped.result.is_some(), "what {late} had printed is kept");
        let kept = swarm.store().get(&ref_of(&new.id, late)).await.unwrap();
        let error = kept.error.unwrap();
        for part in [&deadline.to_string(), "is kept", "later deadline"] {
            assert!(error.contains(part), "{error}");
        }
    }
    assert_eq!(outcome(&view, "agent-2").duration, Duration::from_secs(10));
    let waited = outcome(&view, "agent-3");
    assert_eq!(
        (waited.exit, waited.result),
        (ExitReason::DeadlineExceeded, None)
    );
    assert_eq!(runtime.jobs().len(), 3);
    let stamped = swarm
        .store()
        .get(&ref_of(&new.id, "agent-0"))
        .await
        .unwrap();
    let stamp = stamped.stamps.deadline.unwrap();
    assert_eq!(stamp.deadline, deadline.seconds());
    assert!((stamp.time_remaining - 10.0).abs() < 0.001, "{stamp:?}");
}

/// A map over 2500 inputs with ten slots, of which the first ten run at the deadline; how many appends its log saw, and its view.
async fn many_too_late(at_once: Option<NonZeroUsize>) -> (usize, RunView) {
    let log = Arc::new(FailingLog::new(usize::MAX));
    let slots = PoolLimits {
        slots: NonZeroUsize::new(10).unwrap(),
        queue_timeout: Duration::from_hours(1),
        ..PoolLimits::default()
    };
    let swarm = Swarm::builder(Arc::new(scripted()))
        .clock(Arc::new(TokioClock::new()))
        .log(Arc::<FailingLog>::clone(&log))
        .limits(slots)
        .build();
    let inputs: Vec<String> = (0..2500).map(|i| i.to_string()).collect();
    let mut plan = map(
        agent("60 number-{input}"),
        inputs.iter().map(String::as_str),
    );
    if let Some(at_once) = at_once {
        plan = plan.with_limit(at_once);
    }
    let limits = RunLimits {
        budget: None,
        deadline: Some(TokioClock::START.plus(Duration::from_secs(30))),
    };
    let view = ran(&swarm, limited(plan, limits)).await;
    (log.appends(), view)
}

// A commit for each ten of them, or for each 128, made a run of thousands end seconds after its deadline.
#[tokio::test(start_paused = true)]
async fn those_that_wait_at_the_deadline_end_in_a_few_commits() {
    for at_once in [None, NonZeroUsize::new(10)] {
        let (appends, view) = many_too_late(at_once).await;
        let ends = view.agents.values().map(|agent| &agent.outcome);
        assert_eq!(ends.len(), 2500);
        for end in ends {
            assert_eq!(
                end.as_ref().unwrap().exit,
                ExitReason::DeadlineExceeded,
                "{at_once:?}"
            );
        }
        // The run begins, ten agents start, perhaps each in a commit of its own, and the run ends.
        assert!(appends <= 12 + 10, "{at_once:?}: {appends}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_agents_own_timeout_is_no_deadline() {
    let swarm = Swarm::builder(Arc::new(scripted())).build();
    let limits = RunLimits {
        budget: None,
        deadline: Some(
            swarm_core::time::SystemClock
                .now()
                .plus(Duration::from_hours(1)),
        ),
    };
    let slow = run(agent_in("600", json!({"timeout": 5})));
    let view = ran(&swarm, limited(slow, limits)).await;
    let after = Duration::from_secs(5);
    assert_eq!(
        outcome(&view, "agent-0").exit,
        ExitReason::TimedOut { after }
    );
}

#[tokio::test(start_paused = true)]
async fn a_queue_timeout_is_recorded_and_the_others_go_on() {
    let runtime = scripted();
    let swarm = Swarm::builder(Arc::new(runtime.clone()))
        .limits(one_slot())
        .build();
    let gpu = |seconds| run(agent_in(seconds, json!({"resources": "gpu"})));
    let plan = chain([par([gpu("60"), gpu("1")])]);
    let view = swarm.execute(plan).await.unwrap();
    let waited = outcome(&view, "stage-0.agent-1");
    assert_eq!(waited.exit, ExitReason::QueueTimedOut);
    let error = waited.error.unwrap();
    assert!(
        error.starts_with("could not acquire resource `gpu` within 10s"),
        "{error}"
    );
    assert_eq!(
        outcome(&view, "stage-0.agent-0").exit,
        ExitReason::Completed
    );
    assert_eq!(runtime.jobs().len(), 1);
    // And the place is free again.
    let view = swarm.execute(gpu("1")).await.unwrap();
    assert_eq!(succeeded(&view), ["agent-0"]);
}

#[tokio::test(start_paused = true)]
async fn no_more_agents_run_at_once_than_there_are_slots_over_all_runs() {
    let runtime = scripted();
    let limits = PoolLimits {
        slots: NonZeroUsize::new(3).unwrap(),
        ..PoolLimits::default()
    };
    let swarm = Swarm::builder(Arc::new(runtime.clone()))
        .limits(limits)
        .build();
    let inputs: Vec<String> = (0..10).map(|n| n.to_string()).collect();
    let plan = map(agent("1 {input}"), inputs.iter().map(String::as_str));
    let (a, b) = tokio::join!(swarm.execute(plan.clone()), swarm.execute(plan));
    assert_eq!(
        a.unwrap().counts().succeeded + b.unwrap().counts().succeeded,
        20
    );
    assert_eq!(runtime.most_running(), 3);
}
