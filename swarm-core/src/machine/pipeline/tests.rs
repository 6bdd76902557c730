use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    drive::Happened,
    evaluate::{Action, Finding, Score},
    machine::{AgentEnded, Do, EffectDone, EffectOutcome, Machine, ScopeLimits, Start},
    money::Usd,
    outcome::AgentOutcome,
    plan::{self, Ask, Governor, OnFail, Plan, RetryIf, Step},
    spec::AgentSpec,
};

fn agent(prompt: &str) -> AgentSpec {
    AgentSpec::command(prompt, ["x"]).unwrap()
}

fn step(id: &str) -> Step {
    Step::new(StepId::new(id).unwrap(), plan::run(agent(id)))
}

fn ask(governor: &str, width: u32) -> Ask {
    Ask {
        governor: governor.to_owned(),
        width,
    }
}

fn program(steps: Vec<Step>) -> Program {
    let governor = |name: &str| {
        let agent = Box::new(agent(&format!("govern {name}")));
        (name.to_owned(), Governor { agent })
    };
    Program {
        name: Some("test".to_owned()),
        steps,
        entry: 0,
        given: Vec::new(),
        limits: ScopeLimits::default(),
        governors: BTreeMap::from(["g", "h"].map(governor)),
        definition: Arc::new(json!({})),
        input: None,
        digest: "d".to_owned(),
    }
}

fn plan_of(steps: Vec<Step>) -> Plan {
    Plan::Pipeline {
        program: Arc::new(program(steps)),
    }
}

/// What agents and effects come to, by their names.
struct World<'w> {
    agent: &'w mut dyn FnMut(&str) -> Answer,
    effect: &'w mut dyn FnMut(&Do) -> EffectOutcome,
}

enum Answer {
    Ok,
    Fail(ExitReason),
    Decides(Action, f64),
}

fn outcome(agent: &AgentId, answer: Answer) -> AgentOutcome {
    let (exit, finding) = match answer {
        Answer::Ok => (ExitReason::Completed, None),
        Answer::Fail(exit) => (exit, None),
        Answer::Decides(action, confidence) => {
            let confidence = Score::from_f64(confidence).unwrap();
            let finding = Finding::Decision {
                action,
                confidence,
                remembers: false,
                reason: String::new(),
            };
            (ExitReason::Completed, Some(finding))
        }
    };
    AgentOutcome {
        error: (!exit.is_success()).then(|| "no".to_owned()),
        exit,
        cost: Some(Usd::ZERO),
        duration: Duration::ZERO,
        result: Some(RefId::new("r".parse().unwrap(), agent.clone())),
        finding,
        cached: false,
    }
}

/// Meets all demands, one at a time, until the end. What happened, and the names of the agents in their order.
fn follow(
    machine: &mut Machine,
    world: &mut World<'_>,
    most: usize,
) -> (Vec<Happened>, Vec<String>) {
    let (mut events, mut names) = (Vec::new(), Vec::new());
    let mut open: Vec<Demand> = Vec::new();
    while events.len() < most && machine.end().is_none() {
        open.extend(machine.demands());
        assert!(
            !open.is_empty(),
            "it stopped without an end after {names:?}"
        );
        let event = match open.remove(0) {
            Demand::Start(Start { at, agent, .. }) => {
                names.push(agent.to_string());
                let outcome = outcome(&agent, (world.agent)(agent.as_str()));
                Happened::Agent(AgentEnded { at, agent, outcome })
            }
            Demand::Do(what) => Happened::Effect(EffectDone {
                outcome: (world.effect)(&what),
                at: what.at,
                name: what.name,
            }),
            Demand::Cancel { .. } => panic!("nobody cancels"),
        };
        machine.apply(&event).unwrap();
        events.push(event);
    }
    (events, names)
}

fn trace(machine: &Machine) -> PipelineTrace {
    match machine.account() {
        Some(Account::Pipeline(trace)) => trace,
        other => panic!("{other:?}"),
    }
}

/// The agents that run, and the way, if agents answer so.
fn ran(plan: Plan, mut answer: impl FnMut(&str) -> Answer) -> (Vec<String>, PipelineTrace) {
    ran_with(plan, &mut answer, &mut |what| what.effect.goes_well())
}

fn ran_with(
    plan: Plan,
    agent: &mut dyn FnMut(&str) -> Answer,
    effect: &mut dyn FnMut(&Do) -> EffectOutcome,
) -> (Vec<String>, PipelineTrace) {
    let mut machine = Machine::new(plan);
    let (_, names) = follow(&mut machine, &mut World { agent, effect }, 500);
    assert!(machine.end().is_some(), "it never ends: {names:?}");
    (names, trace(&machine))
}

fn failing(names: &'static [&'static str]) -> impl FnMut(&str) -> Answer {
    move |name| {
        let step = name.split('.').next().unwrap();
        if names.contains(&step) {
            Answer::Fail(ExitReason::Failed { code: 1 })
        } else {
            Answer::Ok
        }
    }
}

const fn found(keyword: Option<u32>) -> EffectOutcome {
    EffectOutcome::Found { keyword }
}

#[test]
fn steps_run_in_order_and_the_last_result_is_that_of_the_pipeline() {
    let mut machine = Machine::new(plan_of(vec![step("a"), step("b")]));
    let mut world = World {
        agent: &mut |_| Answer::Ok,
        effect: &mut |what| what.effect.goes_well(),
    };
    let (_, names) = follow(&mut machine, &mut world, 10);
    assert_eq!(names, ["a", "b"]);
    let End::Succeeded { refs } = machine.end().unwrap() else {
        panic!("{:?}", machine.end());
    };
    assert_eq!(refs, &["r/b".parse().unwrap()]);
    assert_eq!(trace(&machine).state, PipelineState::Done);
}

#[test]
fn a_step_sees_the_result_and_the_error_of_the_one_before() {
    let mut first = step("a");
    first.on_fail = Some(OnFail::Goto(1));
    let mut machine = Machine::new(plan_of(vec![first, step("b")]));
    let [Demand::Start(start)] = &machine.demands()[..] else {
        panic!()
    };
    assert!(start.shared, "steps see the shared folder");
    assert!(start.context.is_empty());
    let ended = AgentEnded {
        at: start.at.clone(),
        agent: start.agent.clone(),
        outcome: outcome(&start.agent, Answer::Fail(ExitReason::Failed { code: 1 })),
    };
    machine.apply(&ended).unwrap();
    let [Demand::Start(start)] = &machine.demands()[..] else {
        panic!()
    };
    let [Context::Step(result)] = &start.context[..] else {
        panic!("{:?}", start.context)
    };
    assert_eq!(result.step.as_ref().unwrap().as_str(), "a");
    assert_eq!(result.failures.len(), 1);
}

#[test]
fn a_failure_that_nothing_is_said_about_ends_it_as_broken() {
    let (names, trace) = ran(plan_of(vec![step("a"), step("b")]), failing(&["a"]));
    assert_eq!(names, ["a"]);
    assert_eq!(trace.state, PipelineState::Broken);
    assert_eq!(trace.reason.as_deref(), Some("a: no"));
}

#[test]
fn a_step_that_is_for_errors_is_left_out_after_a_success_and_runs_as_the_first() {
    let mut mend = step("mend");
    mend.only_after_error = true;
    let (names, trace) = ran(
        plan_of(vec![step("a"), mend.clone(), step("b")]),
        failing(&[]),
    );
    assert_eq!(names, ["a", "b"]);
    assert_eq!(trace.visits[1].end, Some(VisitEnd::Skipped));
    let (names, _) = ran(plan_of(vec![mend]), failing(&[]));
    assert_eq!(names, ["mend"]);
}

// Spec, section 10: an infinite paid loop when `retry_if` was exhausted.
#[test]
fn retry_if_that_is_exhausted_goes_on_with_the_next_step() {
    let mut check = step("check");
    check.retry_if = vec![RetryIf {
        keyword: "FAIL".to_owned(),
        step: 0,
    }];
    let mut work = step("work");
    work.max_retries = 2;
    let plan = plan_of(vec![work, check, step("after")]);
    let (names, trace) = ran_with(plan, &mut |_| Answer::Ok, &mut |_| found(Some(0)));
    let work = ["work", "check", "work.2", "check.2", "work.3", "check.3"];
    assert_eq!(names, [&work[..], &["after"]].concat());
    assert_eq!(trace.state, PipelineState::Done);
}

// Spec, section 10: max_retries was off by one, and 1 meant never.
#[test]
fn max_retries_is_how_often_a_step_is_entered_by_a_jump() {
    for max in 0..4_u32 {
        let mut test = step("test");
        test.on_fail = Some(OnFail::Goto(1));
        test.max_retries = 9;
        let mut fix = step("fix");
        fix.only_after_error = true;
        fix.next = Some(0);
        fix.max_retries = max;
        let (names, trace) = ran(plan_of(vec![test, fix]), failing(&["test"]));
        let fixed = names.iter().filter(|name| name.starts_with("fix")).count();
        assert_eq!(fixed, max as usize, "{names:?}");
        let reason = format!("Exceeded max retries ({max}) of step `fix`");
        assert_eq!(trace.state, PipelineState::Broken);
        assert_eq!(trace.reason, Some(reason));
    }
}

// Spec, section 10: steps with `on_fail` were exempt, so two of them went round for ever.
#[test]
fn two_steps_that_send_each_other_on_failure_end() {
    let (mut ping, mut pong) = (step("ping"), step("pong"));
    ping.on_fail = Some(OnFail::Goto(1));
    pong.on_fail = Some(OnFail::Goto(0));
    let (names, trace) = ran(plan_of(vec![ping, pong]), failing(&["ping", "pong"]));
    assert_eq!(names.len(), 1 + 3 + 3);
    assert_eq!(trace.state, PipelineState::Broken);
}

#[test]
fn next_counts_as_a_jump_and_a_loop_of_it_ends() {
    let mut again = step("b");
    again.next = Some(0);
    let (names, trace) = ran(plan_of(vec![step("a"), again]), failing(&[]));
    assert_eq!(names, ["a", "b", "a.2", "b.2", "a.3", "b.3", "a.4", "b.4"]);
    assert_eq!(trace.state, PipelineState::Broken);
}

fn governed(on_fail: bool, width: u32) -> Plan {
    let mut first = step("a");
    if on_fail {
        first.on_fail = Some(OnFail::Ask(ask("g", width)));
    } else {
        first.on_success = Some(ask("g", width));
    }
    plan_of(vec![first, step("b"), step("c")])
}

fn deciding(action: &Action, fails: &'static [&'static str]) -> impl FnMut(&str) -> Answer {
    let (action, mut fails) = (action.clone(), failing(fails));
    move |name| {
        if name.contains("governor") {
            Answer::Decides(action.clone(), 1.0)
        } else {
            fails(name)
        }
    }
}

// Spec, section 10: `broken` after a success was reported as `done`.
#[test]
fn a_governor_that_gives_up_after_a_success_breaks_the_pipeline() {
    let (names, trace) = ran(governed(false, 1), deciding(&Action::Broken, &[]));
    assert_eq!(names, ["a", "a.governor"]);
    assert_eq!(trace.state, PipelineState::Broken);
}

// Spec, section 10: `halt` after a failure was reported as `broken`.
#[test]
fn a_governor_that_halts_after_a_failure_ends_it_well() {
    let (names, trace) = ran(governed(true, 1), deciding(&Action::Halt, &["a"]));
    assert_eq!(names, ["a", "a.governor"]);
    assert_eq!(trace.state, PipelineState::Done);
    assert!(trace.reason.unwrap().contains("governor"));
}

// Spec, section 10: governors jumped without any bound.
#[test]
fn jumps_of_governors_are_bounded() {
    let (names, trace) = ran(governed(false, 1), deciding(&jump("a"), &[]));
    assert_eq!(names.len(), 2 * (1 + 3));
    assert_eq!(trace.state, PipelineState::Broken);
}

// Spec, section 10: after a success such a jump ended the pipeline at once.
#[test]
fn a_jump_to_a_step_that_is_not_there_is_no_decision_and_is_told_with_the_nearest_name() {
    let mut plan = governed(false, 1);
    if let Plan::Pipeline { program } = &mut plan {
        Arc::make_mut(program).steps[2].id = StepId::new("release").unwrap();
    }
    let (names, trace) = ran(plan, deciding(&jump("relaese"), &[]));
    assert_eq!(names, ["a", "a.governor", "b", "release"]);
    assert_eq!(trace.state, PipelineState::Done);
    assert_eq!(
        trace.visits[0].decision.as_deref(),
        Some(
            "ignored: the governor `g` wants to jump to a step `relaese`, and there is none; did you mean `release`?"
        )
    );
    let (names, trace) = ran(governed(true, 1), deciding(&jump("z\n# z"), &["a"]));
    assert_eq!(names, ["a", "a.governor"]);
    assert_eq!(trace.state, PipelineState::Broken);
    let reason = trace.reason.unwrap();
    assert!(
        reason.contains("a step `z # z`, and there is none"),
        "{reason}"
    );
}

fn jump(target: &str) -> Action {
    Action::Jump {
        target: target.to_owned(),
    }
}

#[test]
fn a_governor_decides_by_itself_what_is_next() {
    let (names, _) = ran(governed(true, 1), deciding(&Action::Next, &["a"]));
    assert_eq!(names, ["a", "a.governor", "b", "c"]);
    let jump = Action::Jump {
        target: "c".to_owned(),
    };
    let (names, trace) = ran(governed(false, 1), deciding(&jump, &[]));
    assert_eq!(names, ["a", "a.governor", "c"]);
    assert_eq!(
        trace.visits[0].decision.as_deref(),
        Some("g: jump to c (1.00 of the vote)")
    );
}

#[test]
fn governors_vote_and_the_most_confidence_wins() {
    let mut votes = vec![
        (Action::Broken, 0.9),
        (Action::Next, 0.6),
        (Action::Next, 0.5),
    ];
    let (names, trace) = ran(governed(false, 3), |name| {
        if name.contains("governor") {
            let (action, confidence) = votes.remove(0);
            Answer::Decides(action, confidence)
        } else {
            Answer::Ok
        }
    });
    let asked = [
        "a.governor.agent-0",
        "a.governor.agent-1",
        "a.governor.agent-2",
    ];
    assert_eq!(names, [&["a"][..], &asked, &["b", "c"]].concat());
    assert_eq!(
        trace.visits[0].decision.as_deref(),
        Some("g: next (0.55 of the vote)")
    );
}

#[test]
fn without_a_decision_a_failure_ends_it_and_a_success_goes_on() {
    let nobody = |name: &str| match name {
        "a.governor" => Answer::Fail(ExitReason::Failed { code: 1 }),
        _ => Answer::Ok,
    };
    let (names, trace) = ran(governed(false, 1), nobody);
    assert_eq!(names, ["a", "a.governor", "b", "c"]);
    assert_eq!(trace.state, PipelineState::Done);
    let nobody = |name: &str| match name {
        "a" | "a.governor" => Answer::Fail(ExitReason::Failed { code: 1 }),
        _ => Answer::Ok,
    };
    let (names, trace) = ran(governed(true, 1), nobody);
    assert_eq!(names, ["a", "a.governor"]);
    assert!(trace.reason.unwrap().contains("did not decide"));
}

fn patching(program: Program) -> impl FnMut(&Do) -> EffectOutcome {
    move |what| match &what.effect {
        Effect::Patch { .. } => EffectOutcome::Patched {
            program: Box::new(program.clone()),
        },
        other => other.goes_well(),
    }
}

#[test]
fn a_changed_pipeline_goes_on_after_the_present_step_with_what_was_used_up() {
    let patch = Action::Patch {
        patch: json!({"name": "x"}),
    };
    let mut late = step("late");
    late.next = Some(1);
    let changed = program(vec![step("new"), step("a"), late]);
    let (names, trace) = ran_with(
        governed(false, 1),
        &mut deciding(&patch, &[]),
        &mut patching(changed),
    );
    assert_eq!(names[..3], ["a", "a.governor", "late"]);
    assert_eq!(
        names[3..],
        ["a.2", "late.2", "a.3", "late.3", "a.4", "late.4"]
    );
    assert_eq!(trace.total_steps, 3);
}

#[test]
fn a_change_that_removes_the_present_step_or_never_ends_is_refused() {
    let patch = Action::Patch {
        patch: json!({"name": "x"}),
    };
    let (names, _) = ran_with(
        governed(false, 1),
        &mut deciding(&patch, &[]),
        &mut patching(program(vec![step("z")])),
    );
    assert_eq!(names, ["a", "a.governor", "b", "c"]);
    let mut again = step("a");
    again.on_success = Some(ask("g", 1));
    again.max_retries = u32::MAX;
    again.next = Some(0);
    let endless = program(vec![again.clone(), again]);
    let mut machine = Machine::new(Plan::Pipeline {
        program: endless.clone().into(),
    });
    let mut world = World {
        agent: &mut deciding(&patch, &[]),
        effect: &mut patching(endless),
    };
    let (_, names) = follow(&mut machine, &mut world, 400);
    let patched = names
        .iter()
        .filter(|name| name.contains("governor"))
        .count();
    assert!(patched > MAX_PATCHES as usize, "{patched}");
}

#[test]
fn when_the_budget_is_spent_no_step_is_tried_any_more() {
    let mut first = step("a");
    first.on_fail = Some(OnFail::Goto(1));
    let (names, trace) = ran(plan_of(vec![first, step("b")]), |name| match name {
        "a" => Answer::Fail(ExitReason::BudgetExhausted),
        _ => Answer::Ok,
    });
    assert_eq!(names, ["a"]);
    assert_eq!(trace.state, PipelineState::Broken);
}

#[test]
fn why_it_broke_is_told_once() {
    let errors = |exit: ExitReason| {
        let mut first = step("a");
        first.on_fail = Some(OnFail::Goto(0));
        first.max_retries = 0;
        let mut machine = Machine::new(plan_of(vec![first]));
        let mut world = World {
            agent: &mut |_| Answer::Fail(exit.clone()),
            effect: &mut |what| what.effect.goes_well(),
        };
        follow(&mut machine, &mut world, 10);
        let Some(End::Failed { failures, .. }) = machine.end() else {
            panic!("{:?}", machine.end())
        };
        let errors = failures.iter().map(|failure| failure.error.clone());
        errors.collect::<Vec<_>>()
    };
    // That of the agent is the reason.
    assert_eq!(errors(ExitReason::BudgetExhausted), ["no"]);
    assert_eq!(
        errors(ExitReason::Failed { code: 1 }),
        ["no", "Exceeded max retries (0) of step `a`"]
    );
}

#[test]
fn a_step_may_be_any_plan_and_a_pipeline_within_has_names_of_its_own() {
    let mut many = step("many");
    many.work = plan::par([agent("x"), agent("y")]);
    let mut inner = step("inner");
    inner.work = plan_of(vec![step("a"), step("b")]);
    let (names, _) = ran(plan_of(vec![many, inner]), failing(&[]));
    assert_eq!(
        names,
        ["many.agent-0", "many.agent-1", "inner.a", "inner.b"]
    );
}

#[test]
fn a_pipeline_that_is_over_goes_on_from_a_step_with_what_that_was_told() {
    let plan = plan_of(vec![step("a"), step("b"), step("c")]);
    let mut machine = Machine::new(plan);
    assert!(machine.restart(1, None).is_err(), "it is not over");
    let mut world = World {
        agent: &mut failing(&["b"]),
        effect: &mut |what| what.effect.goes_well(),
    };
    follow(&mut machine, &mut world, 10);
    assert!(machine.restart(9, None).is_err(), "there is no such step");
    assert!(matches!(machine.end(), Some(End::Failed { .. })));
    machine.restart(1, None).unwrap();
    let [Demand::Start(start)] = &machine.demands()[..] else {
        panic!()
    };
    assert_eq!(start.agent.as_str(), "b.2");
    let [Context::Step(told)] = &start.context[..] else {
        panic!("{:?}", start.context)
    };
    assert_eq!(told.refs[..], ["r/a".parse().unwrap()]);
}

#[test]
fn a_pipeline_that_was_stopped_can_go_on_from_a_step() {
    let mut machine = Machine::new(plan_of(vec![step("a"), step("b")]));
    let [Demand::Start(start)] = &machine.demands()[..] else {
        panic!()
    };
    machine.cancel();
    let ended = AgentEnded {
        at: start.at.clone(),
        agent: start.agent.clone(),
        outcome: outcome(&start.agent, Answer::Fail(ExitReason::Cancelled)),
    };
    machine.apply(&ended).unwrap();
    assert_eq!(machine.end(), Some(&End::Cancelled));
    machine.restart(1, None).unwrap();
    let demands = machine.demands();
    assert!(
        matches!(&demands[..], [Demand::Start(start)] if start.agent.as_str() == "b"),
        "{demands:?}"
    );
}

#[test]
fn what_a_step_was_given_is_known_once_it_was_entered() {
    let mut machine = Machine::new(plan_of(vec![step("a"), step("b"), step("c")]));
    let mut world = World {
        agent: &mut |_| Answer::Ok,
        effect: &mut |what| what.effect.goes_well(),
    };
    follow(&mut machine, &mut world, 1);
    let given = |step: &str| machine.given_to(&step.parse().unwrap());
    assert_eq!(given("a"), Some(Vec::new()));
    assert_eq!(given("b"), Some(vec!["r/a".parse().unwrap()]));
    assert_eq!(given("c"), None);
    assert_eq!(
        Machine::new(plan::run(agent("x"))).given_to(&"a".parse().unwrap()),
        None
    );
}

/// Where a step leads, in small numbers.
fn any_step(steps: usize) -> impl Strategy<Value = Step> {
    let to = 0..number(steps);
    (
        any::<bool>(),
        proptest::option::of(to.clone()),
        proptest::option::of(to.clone()),
        proptest::collection::vec(to, 0..2),
        0..4_u32,
        0..4_u8,
    )
        .prop_map(
            |(only_after_error, on_fail, next, retry_if, max_retries, govern)| {
                let mut made = step("x");
                made.only_after_error = only_after_error;
                made.on_fail = on_fail.map(OnFail::Goto);
                made.next = next;
                made.max_retries = max_retries;
                made.retry_if = retry_if
                    .into_iter()
                    .map(|step| RetryIf {
                        keyword: "k".to_owned(),
                        step,
                    })
                    .collect();
                match govern {
                    0 => made.on_success = Some(ask("g", 2)),
                    1 => made.on_fail = Some(OnFail::Ask(ask("h", 1))),
                    2 => made.work = plan::par([agent("1"), agent("2")]),
                    _ => {}
                }
                made
            },
        )
}

fn any_program() -> impl Strategy<Value = Program> {
    (1..6_usize).prop_flat_map(|steps| {
        proptest::collection::vec(any_step(steps), steps).prop_map(|mut steps| {
            for (i, step) in steps.iter_mut().enumerate() {
                step.id = StepId::new(format!("s{i}")).unwrap();
            }
            program(steps)
        })
    })
}

/// What happens is a matter of the name alone, so that it is the same after a restart.
fn by_name(seed: u64, name: &str) -> u64 {
    name.bytes().fold(seed | 1, |hash, byte| {
        hash.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte).rotate_left(7)
    }) >> 7
}

fn chance(seed: u64) -> impl FnMut(&str) -> Answer {
    move |name| match by_name(seed, name) % 6 {
        dice if name.contains("governor") => Answer::Decides(
            match dice {
                0 => Action::Next,
                1 => Action::Halt,
                2 => Action::Broken,
                3 => Action::Patch {
                    patch: json!({"name": "x"}),
                },
                to => Action::Jump {
                    target: format!("s{}", to - 3),
                },
            },
            0.5,
        ),
        0..3 => Answer::Ok,
        _ => Answer::Fail(ExitReason::Failed { code: 1 }),
    }
}

fn dice(seed: u64, program: &Program) -> impl FnMut(&Do) -> EffectOutcome {
    let changed = program.clone();
    move |what| match &what.effect {
        Effect::Search { .. } => found(
            by_name(seed, what.name.as_str())
                .is_multiple_of(2)
                .then_some(0),
        ),
        Effect::Patch { .. } => EffectOutcome::Patched {
            program: Box::new(changed.clone()),
        },
        other => other.goes_well(),
    }
}

proptest! {
    #[test]
    fn a_pipeline_always_ends_and_enters_no_step_more_often_than_it_may(
        program in any_program(), seed: u64,
    ) {
        let plan = Plan::Pipeline { program: program.clone().into() };
        let mut machine = Machine::new(plan);
        let mut world = World { agent: &mut chance(seed), effect: &mut dice(seed, &program) };
        follow(&mut machine, &mut world, 5_000);
        prop_assert!(machine.end().is_some());
        let trace = trace(&machine);
        for step in &program.steps {
            let jumps = trace.visits.iter().filter(|v| v.step == step.id && v.entered.is_jump());
            prop_assert!(jumps.count() <= step.max_retries as usize);
        }
    }

    #[test]
    fn from_every_cut_of_its_log_a_pipeline_ends_as_it_would_have(
        program in any_program(), seed: u64, cut: prop::sample::Index,
    ) {
        let plan = Plan::Pipeline { program: program.clone().into() };
        let mut whole = Machine::new(plan.clone());
        let mut world = World { agent: &mut chance(seed), effect: &mut dice(seed, &program) };
        let (events, names) = follow(&mut whole, &mut world, 5_000);
        let cut = cut.index(events.len() + 1);
        let mut resumed = Machine::replay(plan, &events[..cut]).unwrap();
        let mut world = World { agent: &mut chance(seed), effect: &mut dice(seed, &program) };
        let (_, later) = follow(&mut resumed, &mut world, 5_000);
        prop_assert_eq!(resumed.end(), whole.end());
        prop_assert_eq!(resumed.account(), whole.account());
        let before = events[..cut].iter().filter(|e| matches!(e, Happened::Agent(_))).count();
        prop_assert_eq!(&later[..], &names[before..], "no agent runs twice");
    }
}
