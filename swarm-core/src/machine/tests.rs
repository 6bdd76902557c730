use std::{
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use proptest::prelude::*;
use tokio::sync::watch;

use super::*;
use crate::{
    drive::{Driven, Halt, Happened, Performed, Performer, Recorder, Stop, drive},
    journal::LogError,
    money::Usd,
    plan::{chain, map_reduce, par, race, retry, run},
    prompt::{Context, Input},
    spec::AgentSpec,
};

fn agent(behaviour: &str) -> Plan {
    run(AgentSpec::command(behaviour, ["x"]).unwrap())
}

/// Behaves as the prompt says: `ok`, `fail`, `hang` (until stopped), `ok-at-2` (fails in earlier attempts).
struct Scripted;

impl Performer for Scripted {
    async fn perform(&self, start: Start, halt: Halt) -> Performed {
        let attempt = start.context.iter().rev().find_map(|part| match part {
            Context::Attempt { number, .. } => Some(*number),
            _ => None,
        });
        let exit = match start.spec.prompt.as_str() {
            "ok" => ExitReason::Completed,
            "ok-at-2" if attempt >= Some(2) => ExitReason::Completed,
            "hang" => {
                halt.token().cancelled().await;
                if halt.is_interruption() {
                    return Performed::Interrupted;
                }
                ExitReason::Cancelled
            }
            _ => ExitReason::Failed { code: 1 },
        };
        Performed::Ended(AgentOutcome {
            error: (!exit.is_success()).then(|| format!("{} said no", start.agent)),
            exit,
            cost: Some(Usd::ZERO),
            duration: Duration::ZERO,
            result: Some(RefId::new("r".parse().unwrap(), start.agent)),
            finding: None,
            cached: false,
        })
    }
}

#[derive(Default)]
struct Log {
    events: Vec<AgentEnded>,
    cancels: usize,
}

impl Recorder for Log {
    async fn happened(&mut self, events: &[Happened]) -> Result<(), LogError> {
        self.events
            .extend(events.iter().filter_map(|event| match event {
                Happened::Agent(ended) => Some(ended.clone()),
                Happened::Effect(_) => None,
            }));
        Ok(())
    }

    async fn cancel_requested(&mut self) -> Result<(), LogError> {
        self.cancels += 1;
        Ok(())
    }
}

fn driven(machine: &mut Machine) -> (End, Vec<AgentEnded>) {
    let mut log = Log::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let (_keep, stop) = watch::channel(None);
    let end = runtime
        .block_on(drive(machine, &Scripted, &mut log, stop))
        .unwrap();
    match end {
        Driven::Ended(end) => (end, log.events),
        Driven::Interrupted => panic!("nobody interrupted it"),
    }
}

fn names(end: &End) -> Vec<String> {
    match end {
        End::Succeeded { refs } => refs.iter().map(|r| r.agent.to_string()).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn agents_are_named_by_their_place() {
    let plan = chain([
        agent("ok"),
        par([agent("ok"), chain([agent("ok"), agent("ok")])]),
        retry(agent("ok-at-2"), NonZeroU32::new(3).unwrap()),
    ]);
    let (_, log) = driven(&mut Machine::new(plan));
    let mut seen: Vec<_> = log.iter().map(|event| event.agent.to_string()).collect();
    seen.sort();
    assert_eq!(
        seen,
        [
            "stage-0",
            "stage-1.agent-0",
            "stage-1.agent-1.stage-0",
            "stage-1.agent-1.stage-1",
            "stage-2.attempt-1",
            "stage-2.attempt-2"
        ]
    );
    assert_eq!(
        names(&driven(&mut Machine::new(agent("ok"))).0),
        ["agent-0"]
    );
}

#[test]
fn a_reduction_keeps_the_short_names_of_a_map() {
    let spec = AgentSpec::command("ok", ["x"]).unwrap();
    let (end, log) = driven(&mut Machine::new(map_reduce(
        &spec,
        ["a", "b"],
        spec.clone(),
    )));
    assert_eq!(names(&end), ["reducer"]);
    let seen: Vec<_> = log.iter().map(|event| event.agent.to_string()).collect();
    assert_eq!(seen, ["agent-0", "agent-1", "reducer"]);
}

#[test]
fn a_failing_branch_does_not_lose_the_others() {
    let (end, _) = driven(&mut Machine::new(par([
        agent("ok"),
        agent("fail"),
        agent("ok"),
    ])));
    let End::Failed {
        succeeded,
        failures,
    } = end
    else {
        panic!("{end:?}")
    };
    assert_eq!(succeeded.len(), 2);
    assert_eq!(failures[0].error, "agent-1 said no");
}

#[test]
fn a_reducer_gets_what_was_given_and_what_succeeded() {
    let mut machine = Machine::new(Plan::Reduce {
        inputs: vec![Input::Text("given".to_owned())],
        body: Some(Box::new(par([agent("ok"), agent("fail")]))),
        reducer: Box::new(agent("ok")),
    });
    let event = |at: &[u32], agent: &str, exit: ExitReason| AgentEnded {
        at: Cursor(at.to_vec()),
        agent: agent.parse().unwrap(),
        outcome: AgentOutcome {
            exit,
            error: None,
            cost: None,
            duration: Duration::ZERO,
            result: Some(format!("r/{agent}").parse().unwrap()),
            finding: None,
            cached: false,
        },
    };
    assert_eq!(machine.demands().len(), 2);
    machine
        .apply(&event(&[0, 1], "agent-1", ExitReason::Failed { code: 1 }))
        .unwrap();
    machine
        .apply(&event(&[0, 0], "agent-0", ExitReason::Completed))
        .unwrap();
    let demands = machine.demands();
    let [Demand::Start(Start { context, .. })] = demands.as_slice() else {
        panic!("{demands:?}")
    };
    let inputs = [
        Input::Text("given".to_owned()),
        Input::Ref("r/agent-0".parse().unwrap()),
    ];
    assert_eq!(context, &[Context::Inputs(inputs.into())]);
}

#[test]
fn nothing_is_reduced_when_nothing_succeeded() {
    let spec = AgentSpec::command("fail", ["x"]).unwrap();
    let (end, log) = driven(&mut Machine::new(map_reduce(
        &spec,
        ["a", "b"],
        spec.clone(),
    )));
    assert!(matches!(end, End::Failed { failures, .. } if failures.len() == 2));
    assert_eq!(log.len(), 2);
}

#[test]
fn the_winner_of_a_race_is_known_only_when_the_losers_are_gone() {
    let (end, log) = driven(&mut Machine::new(race([
        agent("hang"),
        agent("fail"),
        agent("ok"),
    ])));
    assert_eq!(names(&end), ["agent-2"]);
    assert!(
        log.iter()
            .any(|event| event.outcome.exit == ExitReason::Cancelled)
    );
    assert_eq!(log.len(), 3);
}

#[test]
fn a_retry_does_not_run_into_the_same_wall() {
    let plan = retry(agent("x"), NonZeroU32::new(3).unwrap());
    let mut machine = Machine::new(plan);
    let demands = machine.demands();
    let [Demand::Start(Start { at, agent, .. })] = demands.as_slice() else {
        panic!("{demands:?}")
    };
    let outcome = AgentOutcome::not_started(ExitReason::BudgetExhausted, "no money");
    machine
        .apply(&AgentEnded {
            at: at.clone(),
            agent: agent.clone(),
            outcome,
        })
        .unwrap();
    assert!(machine.end().is_some());
}

#[test]
fn a_limit_is_kept_also_after_a_restart() {
    let five = || (0..5).map(|_| agent("ok"));
    let two = NonZeroUsize::new(2).unwrap();
    let mut machine = Machine::new(par(five()).with_limit(two));
    assert_eq!(machine.demands().len(), 2);
    assert_eq!(machine.demands().len(), 0, "asked for once");
    let (_, log) = driven(&mut Machine::new(par(five())));
    let mut machine = Machine::replay(par(five()).with_limit(two), &log[3..4]).unwrap();
    let started: Vec<_> = machine
        .demands()
        .into_iter()
        .map(|d| match d {
            Demand::Start(start) => start.agent.to_string(),
            Demand::Do(what) => what.name.to_string(),
            Demand::Cancel { .. } => panic!("nothing is cancelled"),
        })
        .collect();
    assert_eq!(started, ["agent-0", "agent-1"]);
}

#[test]
fn an_event_of_another_plan_is_refused_and_changes_nothing() {
    let (_, log) = driven(&mut Machine::new(chain([agent("ok"), agent("ok")])));
    let mut machine = Machine::new(agent("ok"));
    assert_eq!(
        machine.apply(&log[0]),
        Err(UnexpectedEvent(Cursor(vec![0])))
    );
    assert_eq!(machine.demands().len(), 1);
    let mut machine = Machine::new(chain([agent("ok"), agent("ok")]));
    assert!(
        machine.apply(&log[1]).is_err(),
        "the second stage before the first"
    );
    machine.apply(&log[0]).unwrap();
    assert!(machine.apply(&log[0]).is_err(), "the same end twice");
}

#[tokio::test]
async fn a_cancelled_run_ends_as_cancelled_and_starts_nothing_more() {
    let plan = chain([par([agent("hang"), agent("ok")]), agent("ok")]);
    let mut machine = Machine::new(plan);
    let mut log = Log::default();
    let (stop, stopped) = watch::channel(Some(Stop::Cancel));
    let end = drive(&mut machine, &Scripted, &mut log, stopped)
        .await
        .unwrap();
    drop(stop);
    assert_eq!(end, Driven::Ended(End::Cancelled));
    assert_eq!(log.cancels, 1);
    assert!(
        log.events
            .iter()
            .all(|event| event.agent.as_str().starts_with("stage-0"))
    );
}

#[tokio::test]
async fn an_interrupted_run_keeps_what_has_finished_and_can_go_on() {
    let plan = par([agent("hang"), agent("ok")]);
    let mut machine = Machine::new(plan.clone());
    let mut log = Log::default();
    let (stop, stopped) = watch::channel(Some(Stop::Interrupt));
    let end = drive(&mut machine, &Scripted, &mut log, stopped)
        .await
        .unwrap();
    drop(stop);
    assert_eq!(end, Driven::Interrupted);
    let kept: Vec<_> = log
        .events
        .iter()
        .map(|event| event.agent.as_str())
        .collect();
    assert_eq!(kept, ["agent-1"]);
    let mut machine = Machine::replay(plan, &log.events).unwrap();
    assert_eq!(machine.demands().len(), 1);
}

#[test]
fn plans_without_agents_end_at_once() {
    const NONE: [Plan; 0] = [];
    assert_eq!(
        driven(&mut Machine::new(par(NONE))).0,
        End::Succeeded { refs: vec![] }
    );
    let plan = chain([chain(NONE), par([chain(NONE)]), agent("ok")]);
    assert_eq!(names(&driven(&mut Machine::new(plan)).0), ["stage-2"]);
}

#[test]
fn a_deep_plan_has_short_names_that_differ() {
    let mut plan = par([agent("ok"), agent("ok")]);
    for _ in 0..30 {
        plan = chain([plan]);
    }
    let (end, _) = driven(&mut Machine::new(plan));
    let names = names(&end);
    assert!(names.iter().all(|name| name.len() <= 100), "{names:?}");
    assert_ne!(names[0], names[1]);
}

/// Plans that succeed, plans that need not, and races whose winner does not depend on time.
fn plan() -> impl Strategy<Value = Plan> {
    let leaf = prop_oneof![Just("ok"), Just("ok"), Just("fail"), Just("ok-at-2")].prop_map(agent);
    leaf.prop_recursive(4, 24, 4, |inner| {
        let some = || proptest::collection::vec(inner.clone(), 0..4);
        let limit = proptest::option::of(1..3usize);
        prop_oneof![
            some().prop_map(chain),
            (some(), limit).prop_map(|(branches, limit)| Plan::Par {
                branches,
                limit: limit.and_then(NonZeroUsize::new),
            }),
            (inner.clone(), 1..4u32).prop_map(|(body, n)| retry(body, NonZeroU32::new(n).unwrap())),
            (proptest::option::of(inner.clone()), inner.clone()).prop_map(|(body, reducer)| {
                Plan::Reduce {
                    inputs: vec![],
                    body: body.map(Box::new),
                    reducer: Box::new(reducer),
                }
            }),
            (0..3usize, 0..3usize).prop_map(|(before, after)| {
                let losers = |n| (0..n).map(|i| agent(if i % 2 == 0 { "hang" } else { "fail" }));
                race(losers(before).chain([agent("ok")]).chain(losers(after)))
            }),
            proptest::collection::vec(Just(()), 1..3)
                .prop_map(|branches| race(branches.into_iter().map(|()| agent("fail")))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The decisive property: cut the log anywhere, go on, and nothing tells the difference.
    #[test]
    fn a_run_resumed_from_any_cut_of_its_log_ends_as_the_uninterrupted_run_did(plan in plan()) {
        let (expected, log) = driven(&mut Machine::new(plan.clone()));
        let finished: Vec<&Cursor> = log.iter().map(|event| &event.at).collect();
        for cut in 0..=log.len() {
            let mut machine = Machine::replay(plan.clone(), &log[..cut]).unwrap();
            let (end, rest) = driven(&mut machine);
            prop_assert_eq!(&end, &expected, "cut after {} of {:?}", cut, finished);
            for event in &rest {
                prop_assert!(!finished[..cut].contains(&&event.at), "{} ran twice", event.at);
            }
        }
    }

    #[test]
    fn no_two_agents_of_a_plan_have_the_same_name(plan in plan()) {
        let (_, log) = driven(&mut Machine::new(plan));
        let names: std::collections::BTreeSet<_> = log.iter().map(|event| &event.agent).collect();
        prop_assert_eq!(names.len(), log.len());
    }
}
