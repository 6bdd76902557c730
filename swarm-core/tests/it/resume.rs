//! Resuming a run from any cut of its log: it ends as if nothing had happened, and nobody works twice.

use std::{
    collections::BTreeSet,
    num::{NonZeroU32, NonZeroUsize},
    sync::Arc,
    time::Duration,
};

use proptest::prelude::*;
use serde_json::json;
use swarm_core::{
    Control, NewRun, Plan, RunView, Swarm,
    error_code::{Coded as _, ErrorCode},
    ids::{AgentId, RefId, RunId},
    journal::{MemoryEventLog, RunEvent, RunLimits},
    machine::{AgentEnded, End},
    outcome::ExitReason,
    plan::{
        Evaluator, MAX_AT_ONCE, Patience, Selection, chain, fan_out, iterate, par, race, retry, run,
    },
    prompt::{Input, Piece},
    refs::{MemoryRefStore, RecordEnd, RecordHeader, RefStore as _},
    resources::PoolLimits,
    runtime::{Launch, OutputStream},
    testing::scripted::{Scripted, ScriptedRuntime},
};

use crate::fixtures::{
    TokioClock, agent, agent_in, events, log_of, play, ref_of, scripted, story, succeeded, text,
};

/// What a plan comes to: how it ended, and what each agent said in the end.
type Conclusion = (End, Vec<(AgentId, ExitReason, Option<String>)>);

fn swarm(runtime: &ScriptedRuntime, store: &MemoryRefStore, log: Arc<MemoryEventLog>) -> Swarm {
    let limits = PoolLimits {
        slots: NonZeroUsize::new(3).unwrap(),
        ..PoolLimits::default()
    };
    Swarm::builder(Arc::new(runtime.clone()))
        .store(Arc::new(store.clone()))
        .log(log)
        .limits(limits)
        .build()
}

async fn conclusion(view: &RunView, store: &MemoryRefStore) -> Conclusion {
    let mut agents = Vec::new();
    for agent in view.agents.values() {
        let outcome = agent.outcome.as_ref().unwrap();
        let said = match &outcome.result {
            Some(id) => Some(text(store, id).await),
            None => None,
        };
        agents.push((agent.agent.clone(), outcome.exit.clone(), said));
    }
    (view.end().unwrap().clone(), agents)
}

/// Everything is the same, but for the losers of a race: how far they get until they are stopped is a matter of time.
fn alike(found: &Conclusion, expected: &Conclusion, place: &str) {
    assert_eq!(found.0, expected.0, "{place}");
    assert_eq!(found.1.len(), expected.1.len(), "{place}");
    for (found, expected) in found.1.iter().zip(&expected.1) {
        let was_stopped = [found, expected]
            .iter()
            .any(|one| one.1 == ExitReason::Cancelled);
        assert!(
            found == expected || was_stopped && found.0 == expected.0,
            "{found:?} for {expected:?}, {place}"
        );
    }
}

/// Puts the result of `ended` into `to`, as it is in `from`.
async fn copy(ended: &AgentEnded, from: &MemoryRefStore, to: &MemoryRefStore) {
    let Some(id) = &ended.outcome.result else {
        return;
    };
    let found = from.get(id).await.unwrap();
    let provenance = found.stamps.provenance.clone().unwrap();
    let header = RecordHeader {
        id: id.clone(),
        agent: found.agent.clone(),
        model: None,
        spec_hash: provenance.spec_hash,
        parents: provenance.parent_refs,
        classification: None,
    };
    let mut recording = to.begin(header, Vec::<Piece>::new()).await.unwrap();
    let said = from.text(id).await.unwrap().read().unwrap();
    recording.write(OutputStream::Stdout, &said).await.unwrap();
    let end = RecordEnd {
        exit: found.exit,
        error: found.error,
        cost: found.cost_usd,
        duration: ended.outcome.duration,
        text: None,
        stamps: found.stamps,
    };
    recording.finish(end).await.unwrap();
}

fn ended(events: &[RunEvent]) -> Vec<&AgentEnded> {
    let ended = events.iter().filter_map(|event| match event {
        RunEvent::AgentEnded(ended) => Some(ended),
        _ => None,
    });
    ended.collect()
}

fn started(events: &[RunEvent]) -> BTreeSet<&AgentId> {
    let started = events.iter().filter_map(|event| match event {
        RunEvent::AgentStarted { agent, .. } => Some(agent),
        _ => None,
    });
    started.collect()
}

/// What the process could still do between the last event that it wrote and its death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Died {
    /// Nothing: who was under way has left no result.
    AtOnce,
    /// Keep the results of everybody who was under way.
    WithResultsKept,
}

async fn every_cut_ends_alike(plan: Plan) {
    let id = RunId::random();
    let (log, store) = (Arc::new(MemoryEventLog::new()), MemoryRefStore::default());
    let undisturbed = swarm(&scripted(), &store, Arc::<MemoryEventLog>::clone(&log));
    let new = NewRun {
        id: id.clone(),
        plan,
        limits: RunLimits::default(),
    };
    let view = undisturbed.run(new, Control::default()).await.unwrap();
    let expected = conclusion(&view, &store).await;
    let events = events(&log, &id);

    // Without its first event there is no run, and with its last one it is over.
    for cut in 1..events.len() {
        for died in [Died::AtOnce, Died::WithResultsKept] {
            let place = format!("{died:?} after event {cut} of {:?}", story(&events));
            let (before, after) = events.split_at(cut);
            let kept = MemoryRefStore::default();
            for ended in ended(before) {
                copy(ended, &store, &kept).await;
            }
            let under_way = started(before);
            let mut stored = BTreeSet::new();
            if died == Died::WithResultsKept {
                for ended in ended(after) {
                    let was_stopped = ended.outcome.exit == ExitReason::Cancelled;
                    if under_way.contains(&ended.agent) && !was_stopped {
                        copy(ended, &store, &kept).await;
                        stored.insert(&ended.agent);
                    }
                }
            }
            let runtime = scripted();
            let log = log_of(&id, before).await;
            let resumed = swarm(&runtime, &kept, Arc::<MemoryEventLog>::clone(&log));
            let view = resumed.resume(&id, Control::default()).await;
            let view = view.unwrap_or_else(|error| panic!("{error}, {place}"));
            alike(&conclusion(&view, &kept).await, &expected, &place);

            let finished: BTreeSet<&AgentId> =
                ended(before).into_iter().map(|e| &e.agent).collect();
            let mut names = BTreeSet::new();
            for job in runtime.jobs() {
                let agent = &job.id.agent;
                assert!(
                    !finished.contains(agent),
                    "{agent} had ended and ran again, {place}"
                );
                assert!(
                    !stored.contains(agent),
                    "{agent} had a result and ran again, {place}"
                );
                assert!(names.insert(agent.clone()), "{agent} ran twice, {place}");
                let launch = if under_way.contains(agent) {
                    Launch::Again
                } else {
                    Launch::New
                };
                assert_eq!(job.launch, launch, "{agent}, {place}");
            }
            let again = crate::fixtures::events(&log, &id);
            assert_eq!(again[..cut], *before, "the past does not change");
            assert_eq!(again[cut], RunEvent::Resumed);
        }
    }
}

/// Plans in which somebody judges or lists. The text that is given is valid for some and not for others.
fn judged(inner: &BoxedStrategy<Plan>) -> impl Strategy<Value = Plan> + use<> {
    let by = |behaviour: &str| Evaluator::new("score:x", agent(behaviour));
    let judge = prop_oneof![Just("1 score"), Just("score"), Just("fail"), Just("1")].prop_map(by);
    let select = prop_oneof![
        Just(Selection::All),
        Just(Selection::Valid),
        Just(Selection::Best { keep_losers: true }),
        Just(Selection::Top { count: 1 }),
    ];
    let source = prop_oneof![Just("1 list"), Just("fail")].prop_map(agent);
    let (body, template) = (inner.clone(), inner.clone());
    prop_oneof![
        (inner.clone(), judge.clone(), select).prop_map(|(body, evaluator, select)| Plan::Judge {
            given: vec![Input::Text("given".to_owned())],
            body: Some(Box::new(body)),
            evaluator,
            select,
            limit: None,
        }),
        (body, judge).prop_map(|(body, evaluator)| {
            let until = Patience {
                max_iterations: NonZeroU32::new(2).unwrap(),
                ..Patience::default()
            };
            iterate(body, evaluator, until)
        }),
        (source, template).prop_map(|(source, template)| fan_out(source, template)),
    ]
}

/// Plans whose end does not depend on luck: who wins a race is clear.
fn plans() -> impl Strategy<Value = Plan> {
    let leaf = prop_oneof![
        (0..4_u32).prop_map(|seconds| run(agent(&seconds.to_string()))),
        (0..4_u32).prop_map(|seconds| run(agent(&seconds.to_string()))),
        Just(run(agent("fail"))),
        Just(run(agent("2 missing"))),
        Just(run(agent_in(
            "9",
            json!({"timeout": 2, "resources": "gpu"})
        ))),
    ];
    leaf.prop_recursive(3, 10, 3, |inner| {
        let some = || proptest::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            3 => judged(&inner.clone().boxed()),
            1 => some().prop_map(chain),
            1 => (some(), proptest::option::of(1..3_usize)).prop_map(|(branches, limit)| {
                let limit = limit.and_then(NonZeroUsize::new);
                Plan::Par { branches, limit }
            }),
            1 => (inner.clone(), 1..3_u32)
                .prop_map(|(body, n)| retry(body, NonZeroU32::new(n).unwrap())),
            1 => (proptest::option::of(inner.clone()), inner.clone()).prop_map(|(body, reducer)| {
                Plan::Reduce {
                    inputs: vec![Input::Text("given".to_owned())],
                    body: body.map(Box::new),
                    reducer: Box::new(reducer),
                }
            }),
            // The winner needs no slot that a loser could hold for long.
            1 => (0..2_usize).prop_map(|place| {
                let mut branches = vec![run(agent("900")), run(agent("1 fail"))];
                branches.insert(place, run(agent("1")));
                race(branches)
            }),
        ]
    })
    // Lists within lists count with all that they may hold.
    .prop_filter("more agents than there may be at once", |plan| {
        plan.most_at_once() <= MAX_AT_ONCE
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_run_resumed_from_any_cut_of_its_log_ends_as_the_undisturbed_run_did(plan in plans()) {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(every_cut_ends_alike(plan));
    }
}

#[tokio::test(start_paused = true)]
async fn a_result_that_was_kept_but_not_logged_is_found_and_not_made_again() {
    let (runtime, store) = (scripted(), MemoryRefStore::default());
    let log = Arc::new(MemoryEventLog::new());
    let first = swarm(&runtime, &store, Arc::<MemoryEventLog>::clone(&log));
    let new: NewRun = chain([run(agent("1 first")), run(agent("1 second"))]).into();
    let view = first.run(new.clone(), Control::default()).await.unwrap();
    let events = events(&log, &new.id);
    let lost = events
        .iter()
        .position(|event| matches!(event, RunEvent::AgentEnded(e) if e.agent.as_str() == "stage-1"))
        .unwrap();

    let log = log_of(&new.id, &events[..lost]).await;
    let second = swarm(&runtime, &store, log);
    let resumed = second.resume(&new.id, Control::default()).await.unwrap();
    assert_eq!(
        conclusion(&resumed, &store).await,
        conclusion(&view, &store).await
    );
    for agent in ["stage-0", "stage-1"] {
        assert_eq!(runtime.starts(&ref_of(&new.id, agent)), 1, "{agent}");
    }
}

/// Whoever was under way when a process died has cost what was set aside for it, as far as anybody knows.
#[tokio::test(start_paused = true)]
async fn what_a_dead_process_may_have_spent_stays_spent_however_often_a_run_is_resumed() {
    let runtime = ScriptedRuntime::new(|job, prompt| {
        // The second attempt at stage-0 is the first that ends.
        if job.launch == Launch::Again || job.id.agent.as_str() != "stage-0" {
            play(job, prompt)
        } else {
            Scripted::says("").after(Duration::from_mins(10))
        }
    });
    let store = MemoryRefStore::default();
    let log = Arc::new(MemoryEventLog::new());
    let one_dollar = |does| run(agent_in(does, json!({"max_budget": 1})));
    let new = NewRun {
        id: RunId::random(),
        plan: chain([one_dollar("1"), one_dollar("1"), one_dollar("1")]),
        limits: RunLimits {
            budget: Some("3".parse().unwrap()),
            deadline: None,
        },
    };
    let first = swarm(&runtime, &store, Arc::<MemoryEventLog>::clone(&log));
    let run = first.run(new.clone(), Control::default());
    drop(tokio::time::timeout(Duration::from_secs(5), run).await);

    let second = swarm(&runtime, &store, Arc::<MemoryEventLog>::clone(&log));
    let view = second.resume(&new.id, Control::default()).await.unwrap();
    // One for the attempt that was lost, one each for the first two stages, and none left for the third.
    assert_eq!(view.spent, "3".parse().unwrap());
    let Some(End::Failed { failures, .. }) = view.end() else {
        panic!("{:?}", view.end())
    };
    assert_eq!(failures[0].exit, ExitReason::BudgetExhausted);
}

/// The run does not end for that; whoever resumes it may raise its budget.
#[tokio::test(start_paused = true)]
async fn a_run_whose_budget_no_longer_covers_an_agent_to_start_again_goes_on_when_it_is_raised() {
    let log = Arc::new(MemoryEventLog::new());
    let one_dollar = |does| run(agent_in(does, json!({"max_budget": 1})));
    let limits = |dollars: &str| RunLimits {
        budget: Some(dollars.parse().unwrap()),
        deadline: None,
    };
    let new = NewRun {
        id: RunId::random(),
        plan: par([one_dollar("1"), one_dollar("60")]),
        limits: limits("2"),
    };
    let store = MemoryRefStore::default();
    let first = swarm(&scripted(), &store, Arc::<MemoryEventLog>::clone(&log));
    let begun = first.run(new.clone(), Control::default());
    drop(tokio::time::timeout(Duration::from_secs(5), begun).await);

    let before = events(&log, &new.id);
    let runtime = scripted();
    let second = swarm(&runtime, &store, Arc::<MemoryEventLog>::clone(&log));
    let refused = second.resume(&new.id, Control::default()).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::BudgetExhausted);
    let said = refused.to_string();
    assert!(said.contains("$2.0000: $2.0000 were spent"), "{said}");
    assert!(said.contains("--budget"), "{said}");
    assert_eq!(events(&log, &new.id), before, "nothing has happened");
    assert!(runtime.jobs().is_empty());

    second.change_limits(&new.id, limits("3")).await.unwrap();
    let view = second.resume(&new.id, Control::default()).await.unwrap();
    assert_eq!(succeeded(&view), ["agent-0", "agent-1"]);
    assert_eq!(view.limits, limits("3"));
    assert_eq!(view.spent, "3".parse().unwrap());
    let ended = second.change_limits(&new.id, limits("4")).await;
    assert_eq!(ended.unwrap_err().code(), ErrorCode::RunEnded);
}

/// An agent that is taken over was paid once.
#[tokio::test(start_paused = true)]
async fn an_agent_that_is_taken_over_costs_what_it_would_have_cost_undisturbed() {
    let log = Arc::new(MemoryEventLog::new());
    let one_dollar = |does| run(agent_in(does, json!({"max_budget": 1})));
    let new = NewRun {
        id: RunId::random(),
        plan: chain([one_dollar("60"), one_dollar("1")]),
        limits: RunLimits {
            budget: Some("2".parse().unwrap()),
            deadline: None,
        },
    };
    let store = MemoryRefStore::default();
    let first = swarm(&scripted(), &store, Arc::<MemoryEventLog>::clone(&log));
    let run = first.run(new.clone(), Control::default());
    drop(tokio::time::timeout(Duration::from_secs(5), run).await);

    let runtime = scripted().with_survivors([ref_of(&new.id, "stage-0")]);
    let second = swarm(&runtime, &store, Arc::<MemoryEventLog>::clone(&log));
    let view = second.resume(&new.id, Control::default()).await.unwrap();
    assert_eq!(succeeded(&view), ["stage-1"]);
    assert_eq!(view.spent, "2".parse().unwrap());
    let launches: Vec<Launch> = runtime.jobs().iter().map(|job| job.launch).collect();
    assert_eq!(launches, [Launch::TakeOver, Launch::New]);
    let started = events(&log, &new.id).iter().fold(0, |started, event| {
        started + usize::from(matches!(event, RunEvent::AgentStarted { .. }))
    });
    assert_eq!(started, 2, "the log says once that it was started");
}

/// A run whose deadline passes while nobody drives it: its first agent was started, and takes so long.
async fn over_when_resumed(
    seconds: &str,
    survives: bool,
) -> (RunView, MemoryRefStore, ScriptedRuntime) {
    let log = Arc::new(MemoryEventLog::new());
    let clock = Arc::new(TokioClock::new());
    let built = |runtime: &ScriptedRuntime, store: &MemoryRefStore| {
        Swarm::builder(Arc::new(runtime.clone()))
            .store(Arc::new(store.clone()))
            .log(Arc::<MemoryEventLog>::clone(&log))
            .clock(Arc::<TokioClock>::clone(&clock))
            .build()
    };
    let spec = json!({"max_budget": 1});
    let new = NewRun {
        id: RunId::random(),
        plan: chain([
            run(agent_in(seconds, spec.clone())),
            run(agent_in("1", spec)),
        ]),
        limits: RunLimits {
            budget: Some("3".parse().unwrap()),
            deadline: Some(TokioClock::START.plus(Duration::from_secs(30))),
        },
    };
    let store = MemoryRefStore::default();
    let first = built(&scripted(), &store);
    let driven = first.run(new.clone(), Control::default());
    drop(tokio::time::timeout(Duration::from_secs(5), driven).await);
    tokio::time::advance(Duration::from_mins(10)).await;
    let survivors = survives.then(|| ref_of(&new.id, "stage-0"));
    let runtime = scripted().with_survivors(survivors);
    let view = built(&runtime, &store)
        .resume(&new.id, Control::default())
        .await
        .unwrap();
    (view, store, runtime)
}

// It was refused as if it had never started, and its result was thrown away with its container.
#[tokio::test(start_paused = true)]
async fn an_agent_that_ended_in_time_is_collected_after_the_deadline_and_nothing_more_is_started() {
    let (view, store, runtime) = over_when_resumed("20", true).await;
    let agents: Vec<_> = view.agents.values().collect();
    let first = agents[0].outcome.as_ref().unwrap();
    assert_eq!(first.exit, ExitReason::Completed);
    assert!(
        !text(&store, first.result.as_ref().unwrap())
            .await
            .is_empty()
    );
    assert_eq!(runtime.jobs().len(), 1);
    let End::Failed { failures, .. } = view.end().unwrap() else {
        panic!("{view:?}")
    };
    assert_eq!(failures[0].exit, ExitReason::DeadlineExceeded);
    assert!(
        failures[0]
            .error
            .contains("had passed before it could start")
    );
    assert_eq!(view.spent, "1".parse().unwrap());
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_still_runs_after_the_deadline_is_stopped_and_what_it_printed_is_kept() {
    let (view, store, runtime) = over_when_resumed("40", true).await;
    let agent = view.agents.values().next().unwrap();
    let outcome = agent.outcome.as_ref().unwrap();
    assert_eq!(outcome.exit, ExitReason::DeadlineExceeded);
    let kept = store.get(outcome.result.as_ref().unwrap()).await.unwrap();
    let error = kept.error.unwrap();
    assert!(error.contains("stopped at the deadline"), "{error}");
    assert_eq!(runtime.jobs()[0].launch, Launch::TakeOver);
    assert!(runtime.jobs()[0].timeout <= Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_died_with_its_process_is_not_said_never_to_have_started() {
    let (view, store, runtime) = over_when_resumed("20", false).await;
    assert_eq!(runtime.jobs().len(), 0);
    let agent = view.agents.values().next().unwrap();
    let outcome = agent.outcome.as_ref().unwrap();
    assert_eq!(outcome.exit, ExitReason::DeadlineExceeded);
    let error = match &outcome.result {
        Some(id) => store.get(id).await.unwrap().error,
        None => outcome.error.clone(),
    };
    let error = error.unwrap();
    assert!(error.contains("has died"), "{error}");
    assert_eq!(view.spent, "1".parse().unwrap());
}

/// The same, when the agent that was under way is not run again but cancelled.
#[tokio::test(start_paused = true)]
async fn a_loser_that_was_under_way_when_the_process_died_has_cost_something() {
    let log = Arc::new(MemoryEventLog::new());
    let store = MemoryRefStore::default();
    let priced = |does| run(agent_in(does, json!({"max_budget": 1})));
    let new: NewRun = race([priced("60"), priced("1")]).into();
    let first = swarm(&scripted(), &store, Arc::<MemoryEventLog>::clone(&log));
    first.run(new.clone(), Control::default()).await.unwrap();
    let events = events(&log, &new.id);
    let won = events
        .iter()
        .position(|event| matches!(event, RunEvent::AgentEnded(_)))
        .unwrap();

    let log = log_of(&new.id, &events[..=won]).await;
    let second = swarm(&scripted(), &MemoryRefStore::default(), log);
    let view = second.resume(&new.id, Control::default()).await.unwrap();
    assert_eq!(succeeded(&view), ["agent-1"]);
    assert_eq!(view.spent, "2".parse().unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_resumed_can_be_resumed_again() {
    let store = MemoryRefStore::default();
    let log = Arc::new(MemoryEventLog::new());
    let runtime = scripted();
    let new: NewRun = par(["1", "100", "200"].map(|does| run(agent(does)))).into();
    let short = Duration::from_secs(50);
    let one = || swarm(&runtime, &store, Arc::<MemoryEventLog>::clone(&log));
    drop(tokio::time::timeout(short, one().run(new.clone(), Control::default())).await);
    for _ in 0..2 {
        let resumed = one();
        let again = resumed.resume(&new.id, Control::default());
        assert!(tokio::time::timeout(short, again).await.is_err());
    }
    let view = one().resume(&new.id, Control::default()).await.unwrap();
    assert_eq!(succeeded(&view), ["agent-0", "agent-1", "agent-2"]);
    let starts = |agent: &str| runtime.starts(&RefId::new(new.id.clone(), agent.parse().unwrap()));
    assert_eq!(
        [starts("agent-0"), starts("agent-1"), starts("agent-2")],
        [1, 4, 4]
    );
}
