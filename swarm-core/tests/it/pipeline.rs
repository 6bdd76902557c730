//! Pipelines through the front door: going on from a step, forks, questions to people, words that lead elsewhere.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::json;
use swarm_core::{
    Control, NewRun, Plan, Restart, RunView, Swarm, SwarmError,
    error_code::{Coded as _, ErrorCode},
    ids::{RunId, StepId},
    journal::{MemoryEventLog, RunEvent, RunLimits},
    machine::{Account, End, PipelineState, PipelineTrace, ScopeLimits},
    outcome::ExitReason,
    plan::{self, OnFail, Program, RetryIf, Step},
    refs::{Classification, Level},
    report::Report,
    testing::scripted::{Scripted, ScriptedRuntime},
};

use crate::fixtures::{agent, agent_in, ref_of};

fn step(id: &str) -> Step {
    Step::new(StepId::new(id).unwrap(), plan::run(agent(id)))
}

fn program(steps: Vec<Step>) -> Program {
    let digest = format!("{steps:?}");
    Program {
        name: None,
        steps,
        entry: 0,
        given: Vec::new(),
        limits: ScopeLimits::default(),
        governors: BTreeMap::new(),
        definition: Arc::new(json!({})),
        input: None,
        digest,
    }
}

fn plan_of(steps: Vec<Step>) -> Plan {
    Plan::Pipeline {
        program: program(steps).into(),
    }
}

fn new(plan: Plan) -> NewRun {
    NewRun {
        id: RunId::random(),
        plan,
        limits: RunLimits::default(),
    }
}

/// Says its first line, or fails if that is `fail`.
fn runtime() -> ScriptedRuntime {
    ScriptedRuntime::new(|_, prompt| match prompt.lines().next() {
        Some("fail") => Scripted::ends(ExitReason::Failed { code: 1 }),
        first => Scripted::says(first.unwrap_or_default()),
    })
}

fn trace(view: &RunView) -> PipelineTrace {
    match &view.account {
        Some(Account::Pipeline(trace)) => trace.clone(),
        other => panic!("{other:?}"),
    }
}

fn way(view: &RunView) -> Vec<String> {
    let visits = trace(view).visits.into_iter();
    visits.map(|visit| visit.step.to_string()).collect()
}

fn failing(id: &str) -> Step {
    Step {
        work: plan::run(agent("fail")),
        ..step(id)
    }
}

async fn prompt_of(swarm: &Swarm, runtime: &ScriptedRuntime, run: &RunId, agent: &str) -> String {
    drop(swarm.view(run).await.unwrap());
    let id = ref_of(run, agent);
    let job = runtime.jobs().into_iter().find(|job| job.id == id).unwrap();
    String::from_utf8(job.stdin.read().unwrap()).unwrap()
}

#[tokio::test]
async fn a_word_in_a_result_leads_back_until_the_step_may_not_be_entered_any_more() {
    let runtime = runtime();
    let swarm = Swarm::builder(Arc::new(runtime.clone())).build();
    let mut check = step("check");
    check.work = plan::run(agent("some FAIL here"));
    let keyword = |keyword: &str, step| RetryIf {
        keyword: keyword.to_owned(),
        step,
    };
    check.retry_if = vec![keyword("fail", 2), keyword("FAIL", 0), keyword("some", 2)];
    let mut work = step("work");
    work.max_retries = 1;
    let view = swarm
        .execute(plan_of(vec![work, check, step("last")]))
        .await
        .unwrap();
    // Letters count as they are, and the first word in the order of the definition wins.
    assert_eq!(way(&view), ["work", "check", "work", "check", "last"]);
    assert_eq!(trace(&view).state, PipelineState::Done);
}

#[tokio::test]
async fn a_step_is_told_what_the_one_before_made_and_said_wrong() {
    let runtime = runtime();
    let swarm = Swarm::builder(Arc::new(runtime.clone())).build();
    let mut first = failing("first");
    first.on_fail = Some(OnFail::Goto(1));
    let new = new(plan_of(vec![first, step("mend"), step("last")]));
    let run = new.id.clone();
    swarm.run(new, Control::default()).await.unwrap();
    let told = prompt_of(&swarm, &runtime, &run, "mend").await;
    assert!(told.starts_with("mend\n\n# Context from previous step (first):\n"));
    assert!(
        told.contains("# Error from previous step (first):\n"),
        "{told}"
    );
    let told = prompt_of(&swarm, &runtime, &run, "last").await;
    assert_eq!(told, "last\n\n# Context from previous step (mend):\nmend");
}

#[tokio::test]
async fn a_broken_pipeline_goes_on_from_the_step_that_broke_it_and_repeats_nothing_else() {
    let runtime = runtime();
    let swarm = Swarm::builder(Arc::new(runtime.clone())).build();
    let new = new(plan_of(vec![step("a"), failing("b"), step("c")]));
    let run = new.id.clone();
    let broken = swarm.run(new, Control::default()).await.unwrap();
    assert!(matches!(broken.end(), Some(End::Failed { .. })));
    // It fails again; what came before is not run again, and what it was told is the same.
    let again = swarm
        .restart(&run, Restart::default(), Control::default())
        .await
        .unwrap();
    assert_eq!(way(&again), ["a", "b", "b"]);
    assert_eq!(runtime.starts(&ref_of(&run, "a")), 1);
    let told = prompt_of(&swarm, &runtime, &run, "b.2").await;
    assert_eq!(told, "fail\n\n# Context from previous step (a):\na");
    let report = Report::new(&again, swarm.store().as_ref()).await.unwrap();
    let report = serde_json::to_value(report).unwrap();
    assert_eq!(report["status"], "broken");
    assert_eq!(report["all_results"].as_array().unwrap().len(), 3);
    assert_eq!(report["steps"][2]["entered"], "resumed");
}

#[tokio::test]
async fn an_edited_pipeline_goes_on_only_from_a_step_that_is_named() {
    let runtime = runtime();
    let swarm = Swarm::builder(Arc::new(runtime.clone())).build();
    let new = new(plan_of(vec![step("a"), failing("b")]));
    let run = new.id.clone();
    swarm.run(new, Control::default()).await.unwrap();
    let edited = || Some(program(vec![step("a"), step("b"), step("c")]));
    let without = Restart {
        program: edited(),
        ..Restart::default()
    };
    let refused = swarm.restart(&run, without, Control::default()).await;
    assert!(matches!(refused, Err(SwarmError::StepNeeded { .. })));
    let unknown = Restart {
        step: Some("bb".to_owned()),
        program: edited(),
        ..Restart::default()
    };
    let refused = swarm.restart(&run, unknown, Control::default()).await;
    let error = refused.unwrap_err();
    assert_eq!(error.code(), ErrorCode::UnknownStep);
    assert!(error.to_string().contains("did you mean `b`?"), "{error}");
    let named = Restart {
        step: Some("b".to_owned()),
        program: edited(),
        ..Restart::default()
    };
    let view = swarm
        .restart(&run, named, Control::default())
        .await
        .unwrap();
    assert_eq!(way(&view), ["a", "b", "b", "c"]);
    assert_eq!(trace(&view).state, PipelineState::Done);
    let over = swarm
        .restart(&run, Restart::default(), Control::default())
        .await;
    assert!(matches!(over, Err(SwarmError::RunEnded(_))), "{over:?}");
}

#[tokio::test]
async fn what_is_no_pipeline_or_has_no_such_run_does_not_go_on_from_a_step() {
    let swarm = Swarm::builder(Arc::new(runtime())).build();
    let view = swarm.execute(plan::par([agent("x")])).await.unwrap();
    let restarted = swarm
        .restart(&view.run, Restart::default(), Control::default())
        .await;
    assert!(matches!(restarted, Err(SwarmError::NoPipeline(_))));
    let nowhere = RunId::random();
    let restarted = swarm
        .restart(&nowhere, Restart::default(), Control::default())
        .await;
    assert!(matches!(restarted, Err(SwarmError::RunNotFound(_))));
}

#[tokio::test]
async fn a_fork_is_a_new_run_that_begins_with_what_the_step_was_given() {
    let runtime = runtime();
    let swarm = Swarm::builder(Arc::new(runtime.clone())).build();
    let new = new(plan_of(vec![step("a"), step("b"), step("c")]));
    let run = new.id.clone();
    swarm.run(new, Control::default()).await.unwrap();
    let (fork, _) = swarm.fork(&run, "b").await.unwrap();
    let forked = fork.id.clone();
    assert_ne!(forked, run);
    let view = swarm.run(fork, Control::default()).await.unwrap();
    assert_eq!(way(&view), ["b", "c"]);
    let told = prompt_of(&swarm, &runtime, &forked, "b").await;
    assert!(told.ends_with("\na"), "{told}");
    for unknown in ["z", "../a", "never"] {
        let refused = swarm.fork(&run, unknown).await;
        assert_eq!(refused.unwrap_err().code(), ErrorCode::UnknownStep);
    }
}

fn gated() -> Plan {
    let gate = Step {
        work: Plan::Approve {
            question: "Publish it?".to_owned(),
        },
        ..step("gate")
    };
    plan_of(vec![step("draft"), gate, step("publish")])
}

/// Answers once the question is asked.
async fn answer(swarm: &Swarm, run: &RunId, approved: bool) {
    let at = loop {
        let view = swarm.view(run).await;
        let asked = view.ok().and_then(|view| {
            let (at, asked) = view.approvals.first_key_value()?;
            assert_eq!(asked.question, "Publish it?");
            assert_eq!(asked.refs, [ref_of(run, "draft")]);
            Some(at.clone())
        });
        match asked {
            Some(at) => break at,
            None => tokio::task::yield_now().await,
        }
    };
    let answered = RunEvent::ApprovalAnswered {
        at,
        approved,
        note: Some("since I say so".to_owned()),
    };
    swarm.journal(run).append(vec![answered]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_waits_for_a_person_and_hands_on_what_they_agreed_to() {
    let runtime = runtime();
    let swarm = Swarm::builder(Arc::new(runtime.clone())).build();
    let new = new(gated());
    let run = new.id.clone();
    let (view, ()) = tokio::join!(
        swarm.run(new, Control::default()),
        answer(&swarm, &run, true)
    );
    let view = view.unwrap();
    assert_eq!(way(&view), ["draft", "gate", "publish"]);
    assert!(view.approvals.is_empty());
    let told = prompt_of(&swarm, &runtime, &run, "publish").await;
    assert!(
        told.ends_with("# Context from previous step (gate):\ndraft"),
        "{told}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_person_who_does_not_agree_ends_it_and_can_be_asked_again() {
    let swarm = Swarm::builder(Arc::new(runtime())).build();
    let new = new(gated());
    let run = new.id.clone();
    let (view, ()) = tokio::join!(
        swarm.run(new, Control::default()),
        answer(&swarm, &run, false)
    );
    let Some(End::Failed { failures, .. }) = view.as_ref().unwrap().end() else {
        panic!("{view:?}")
    };
    assert_eq!(failures[0].exit, ExitReason::Rejected);
    assert!(failures[0].error.contains("since I say so"));
    let (view, ()) = tokio::join!(
        swarm.restart(&run, Restart::default(), Control::default()),
        answer(&swarm, &run, true)
    );
    assert_eq!(way(&view.unwrap()), ["draft", "gate", "gate", "publish"]);
}

#[tokio::test]
async fn the_classification_of_a_pipeline_is_that_of_its_results() {
    let log = Arc::new(MemoryEventLog::new());
    let swarm = Swarm::builder(Arc::new(runtime()))
        .log(Arc::<MemoryEventLog>::clone(&log))
        .build();
    let mut program = program(vec![step("a"), step("b")]);
    program.limits.classification = Some(Classification {
        level: Level::Restricted,
        ..Classification::default()
    });
    let view = swarm
        .execute(Plan::Pipeline {
            program: program.into(),
        })
        .await
        .unwrap();
    for agent in ["a", "b"] {
        let found = swarm.store().get(&ref_of(&view.run, agent)).await.unwrap();
        let classification = found.stamps.classification.unwrap();
        assert_eq!(classification.level, Level::Restricted, "{agent}");
    }
}

#[tokio::test]
async fn the_budget_of_a_pipeline_within_is_its_own() {
    let swarm = Swarm::builder(Arc::new(runtime())).build();
    let priced = |id: &str| Step {
        work: plan::run(agent_in(id, json!({"max_budget": 0.4}))),
        ..step(id)
    };
    let mut inner = program(vec![priced("x"), priced("y"), priced("z")]);
    inner.limits.budget = Some("1".parse().unwrap());
    let mut first = step("inner");
    first.work = Plan::Pipeline {
        program: inner.into(),
    };
    first.on_fail = Some(OnFail::Goto(1));
    let view = swarm
        .execute(plan_of(vec![first, priced("outer")]))
        .await
        .unwrap();
    let denied = crate::fixtures::outcome(&view, "inner.z");
    assert_eq!(denied.exit, ExitReason::BudgetExhausted);
    // What is spent within is no reason to do nothing any more around it.
    assert_eq!(view.spent, "1.2".parse().unwrap());
}
