//! The test kit, as users see it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::json;
use swarm_core::{
    Plan,
    evaluate::Action,
    ids::StepId,
    machine::ScopeLimits,
    money::Usd,
    outcome::ExitReason,
    plan::{self, Ask, Governor, OnFail, Program, RetryIf, Step},
    spec::AgentSpec,
};
use swarm_pipeline::{
    estimate::{Assumptions, estimate},
    simulate::{Simulation, SimulationFile},
};

fn dollars(amount: &str) -> Usd {
    amount.parse().unwrap()
}

fn agent(prompt: &str) -> AgentSpec {
    let mut agent = AgentSpec::command(prompt, ["x"]).unwrap();
    agent.sandbox.max_budget = Some(dollars("1"));
    agent.sandbox.timeout = Duration::from_secs(100);
    agent
}

pub(crate) fn step(id: &str) -> Step {
    Step::new(StepId::new(id).unwrap(), plan::run(agent(id)))
}

pub(crate) fn program(steps: Vec<Step>) -> Program {
    let governor = Governor {
        agent: Box::new(agent("govern")),
    };
    Program {
        name: Some("mend".to_owned()),
        steps,
        entry: 0,
        given: Vec::new(),
        limits: ScopeLimits::default(),
        governors: BTreeMap::from([("chief".to_owned(), governor)]),
        definition: Arc::new(json!({})),
        input: None,
        digest: "d".to_owned(),
    }
}

/// Tests, mends what fails and tests again.
fn mending() -> Plan {
    let mut test = step("test");
    test.on_fail = Some(OnFail::Goto(1));
    let mut fix = step("fix");
    fix.only_after_error = true;
    fix.next = Some(0);
    plan_of(vec![test, fix, step("release")])
}

fn plan_of(steps: Vec<Step>) -> Plan {
    Plan::Pipeline {
        program: Arc::new(program(steps)),
    }
}

#[test]
fn a_script_decides_what_happens_each_time() {
    let simulated = Simulation::of(mending())
        .agent("test")
        .fails()
        .cost(dollars("0.10"))
        .takes(Duration::from_mins(1))
        .then_fails()
        .then_succeeds()
        .agent("fix")
        .cost(dollars("0.50"))
        .run()
        .unwrap();
    simulated
        .assert_succeeded()
        .assert_way(["test", "fix", "test", "fix", "test", "release"])
        .assert_ran(["test", "fix", "test.2", "fix.2", "test.3", "release"])
        .assert_costs_at_most(dollars("1.10"))
        .assert_takes_at_most(Duration::from_mins(1))
        .assert_all_used();
    assert_eq!(simulated.cost, dollars("1.10"));
    assert_eq!(simulated.time, Duration::from_mins(1));
}

#[test]
fn the_words_of_an_agent_lead_where_retry_if_says() {
    let mut review = step("review");
    review.retry_if = vec![RetryIf {
        keyword: "REJECT".to_owned(),
        step: 0,
    }];
    let plan = plan_of(vec![step("write"), review]);
    Simulation::of(plan)
        .agent("review")
        .says("I REJECT this")
        .then()
        .says("fine")
        .run()
        .unwrap()
        .assert_succeeded()
        .assert_way(["write", "review", "write", "review"]);
}

#[test]
fn a_governor_decides_and_the_failure_of_its_step_is_not_its_own() {
    let mut test = step("test");
    test.on_fail = Some(OnFail::Ask(Ask {
        governor: "chief".to_owned(),
        width: 1,
    }));
    let plan = plan_of(vec![test, step("mend"), step("end")]);
    Simulation::of(plan)
        .agent("test")
        .fails()
        .decides(Action::Jump {
            target: "end".to_owned(),
        })
        .run()
        .unwrap()
        .assert_succeeded()
        .assert_ran(["test", "test.governor", "end"]);
}

#[test]
fn a_person_who_objects_ends_it() {
    let mut gate = step("gate");
    gate.work = Plan::Approve {
        question: "Release?".to_owned(),
    };
    let plan = plan_of(vec![step("build"), gate, step("release")]);
    let yes = Simulation::of(plan.clone()).agent("gate").approves().run();
    yes.unwrap().assert_succeeded();
    let simulated = Simulation::of(plan)
        .agent("gate")
        .rejects("not today")
        .run()
        .unwrap();
    simulated.assert_failed().assert_ran(["build"]);
    assert!(simulated.to_string().contains("not today"), "{simulated}");
}

#[test]
fn evaluators_give_the_scores_that_they_are_told_to() {
    let evaluator = plan::Evaluator {
        name: "score:clarity".to_owned(),
        agent: Box::new(agent("judge")),
        reading: swarm_core::evaluate::Reading::Judgement,
    };
    let plan = Plan::Iterate {
        body: Box::new(plan::run(agent("draft"))),
        evaluator,
        max_iterations: 5.try_into().unwrap(),
        success_threshold: swarm_core::evaluate::Score::VALID,
        patience: 5.try_into().unwrap(),
    };
    let simulated = Simulation::of(plan)
        .agent("*.score-*")
        .judges(0.4)
        .then()
        .judges(0.97)
        .run()
        .unwrap();
    assert_eq!(simulated.assert_succeeded().started().count(), 4);
}

#[test]
fn budgets_and_deadlines_hold_as_in_a_real_run() {
    let poor = Simulation::of(mending())
        .agent("*")
        .cost(dollars("1"))
        .budget(dollars("2.5"));
    let simulated = poor.agent("test").fails().cost(dollars("1")).run().unwrap();
    simulated.assert_failed().assert_ran(["test", "fix"]);
    let last = simulated.agents.last().unwrap();
    assert_eq!(last.exit, ExitReason::BudgetExhausted);

    let slow = Simulation::of(mending())
        .agent("*")
        .takes(Duration::from_secs(90));
    let simulated = slow.deadline(Duration::from_mins(2)).run().unwrap();
    simulated.assert_failed().assert_ran(["test", "release"]);
    assert_eq!(simulated.time, Duration::from_mins(2));
    assert_eq!(
        simulated.agents.last().unwrap().exit,
        ExitReason::DeadlineExceeded
    );

    let slow = Simulation::of(mending())
        .agent("*")
        .takes(Duration::from_mins(15))
        .run();
    let after = Duration::from_secs(100);
    assert_eq!(slow.unwrap().agents[0].exit, ExitReason::TimedOut { after });
}

#[test]
fn an_agent_costs_no_more_than_it_may_and_a_program_without_a_budget_nothing() {
    let simulated = Simulation::of(agent("a")).cost(dollars("3")).run().unwrap();
    assert_eq!(simulated.cost, dollars("1"));
    assert_eq!(simulated.agents[0].exit, ExitReason::OverBudget);
    let free = AgentSpec::command("a", ["x"]).unwrap();
    let simulated = Simulation::of(free).cost(dollars("3")).run().unwrap();
    assert_eq!(simulated.assert_succeeded().cost, Usd::ZERO);
    assert!(simulated.notes[0].contains("max_budget"), "{simulated}");
}

#[test]
fn who_is_cancelled_ends_then_and_what_it_cost_counts() {
    let simulation = Simulation::of(agent("a"))
        .cost(dollars("0.5"))
        .takes(Duration::from_secs(50));
    let simulated = simulation
        .cancelled_after(Duration::from_secs(7))
        .run()
        .unwrap();
    assert_eq!(simulated.outcome(), "cancelled");
    assert_eq!(simulated.time, Duration::from_secs(7));
    assert_eq!(simulated.cost, dollars("0.5"));
}

#[test]
#[should_panic(expected = "expected these agents: test, release")]
fn an_assertion_that_fails_tells_the_whole_story() {
    let simulated = Simulation::of(mending())
        .agent("test")
        .fails()
        .run()
        .unwrap();
    simulated.assert_ran(["test", "release"]);
}

#[test]
fn a_name_that_nobody_has_is_told() {
    let simulated = Simulation::of(mending())
        .agent("tset")
        .fails()
        .run()
        .unwrap();
    assert_eq!(simulated.unused, ["tset"]);
}

#[test]
fn many_runs_by_chance_have_a_spread_that_is_the_same_for_the_same_seed() {
    let simulation = Simulation::of(mending()).dice(7);
    let spread = simulation.runs(200).unwrap();
    assert_eq!(spread, simulation.runs(200).unwrap());
    assert_eq!(spread.ends.values().sum::<u32>(), 200);
    assert!(
        spread.ends["succeeded"] > 0 && spread.ends["failed"] > 0,
        "{spread}"
    );
    assert!(spread.cost.least <= spread.cost.median && spread.cost.p90 <= spread.cost.most);
}

#[test]
fn a_script_can_be_a_file() {
    let script = r#"{
        "agents": {
            "test": [{"exit": 1, "cost": 0.25, "seconds": 30}, {"exit": {"kind": "out_of_memory"}}, {"exit": 0}],
            "release": [{"says": "done"}]
        },
        "budget": 5, "deadline_seconds": 600
    }"#;
    let script = SimulationFile::from_json(script).unwrap();
    let simulated = script.tell(Simulation::of(mending())).run().unwrap();
    simulated
        .assert_succeeded()
        .assert_way(["test", "fix", "test", "fix", "test", "release"]);
    assert_eq!(simulated.cost, dollars("0.25"));
    let wrong = SimulationFile::from_json(r#"{"agents": {"a": [{"exits": 1}]}}"#).unwrap_err();
    assert!(wrong.to_string().contains("exits"), "{wrong}");
}

#[test]
fn an_estimate_counts_every_jump_that_is_allowed() {
    let estimate = estimate(&mending(), &Assumptions::default()).unwrap();
    // `test` once and three times more, `fix` three times, `release` as often as `test` at most.
    assert_eq!(estimate.agents.expected, 2);
    assert_eq!(estimate.agents.lowest, 1);
    let most: Vec<_> = estimate
        .steps
        .iter()
        .map(|step| step.agents.highest)
        .collect();
    assert_eq!(most, [Some(4), Some(3), Some(7)]);
    assert_eq!(estimate.cost.highest, Some(dollars("14")));
    assert_eq!(estimate.steps[1].visits.expected, 0);
    assert!(
        estimate
            .assumes
            .iter()
            .any(|sentence| sentence.contains("max_budget"))
    );
}

#[test]
fn a_plan_that_is_huge_has_no_bound_rather_than_a_wrong_one() {
    let mut plan = plan::run(agent("a"));
    for _ in 0..9 {
        plan = plan::retry(plan, u32::MAX.try_into().unwrap());
    }
    let estimate = estimate(&plan, &Assumptions::default()).unwrap();
    assert_eq!(estimate.agents.highest, None);
    assert_eq!(estimate.cost.highest, None);
    assert!(estimate.to_string().contains("no bound"), "{estimate}");
}

#[test]
fn who_asks_a_person_has_no_highest_time_and_a_budget_bounds_the_cost() {
    let mut gate = step("gate");
    gate.work = Plan::Approve {
        question: "Release?".to_owned(),
    };
    let assumptions = Assumptions {
        budget: Some(dollars("2")),
        deadline: Some(Duration::from_mins(1)),
        ..Assumptions::default()
    };
    let estimate = estimate(
        &plan_of(vec![step("a"), gate, step("b"), step("c")]),
        &assumptions,
    )
    .unwrap();
    assert_eq!(estimate.time.highest, None);
    assert_eq!(estimate.cost.highest, Some(dollars("2")));
}
