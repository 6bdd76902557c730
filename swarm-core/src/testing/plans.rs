//! Plans and pipelines by chance, for property tests of whoever interprets them.
#![expect(
    clippy::panic,
    reason = "for tests, which can do nothing else about a defect"
)]

use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc, time::Duration};

use proptest::{collection::vec, option, prelude::*};
use serde_json::json;

use crate::{
    evaluate::{Reading, Score},
    ids::StepId,
    machine::ScopeLimits,
    money::Usd,
    plan::{
        self, Ask, Evaluator, Governor, OnFail, Plan, Program, RetryIf, Seeds, Selection, Step,
        Strategy as Way,
    },
    prompt::Input,
    spec::{Agent, AgentSpec, SandboxSpec},
};

/// The word that steps look for.
pub const KEYWORD: &str = "FAIL";

/// A program that may cost something and may run for a while.
pub fn any_agent() -> impl Strategy<Value = AgentSpec> {
    (option::of(1..1_000_000_u64), 1..100_u64, 0..8_u8).prop_map(|(budget, timeout, pool)| {
        let mut spec = AgentSpec::new(
            "Do {input}.",
            SandboxSpec {
                agent: Some(Agent::Command(vec!["x".to_owned()])),
                ..SandboxSpec::default()
            },
        )
        .unwrap_or_else(|error| panic!("the simplest of agents is refused: {error}"));
        spec.sandbox.max_budget = budget.map(Usd::from_micros);
        spec.sandbox.timeout = Duration::from_secs(timeout);
        if pool == 0 {
            spec.sandbox.resources = vec!["scarce".to_owned()];
        }
        spec
    })
}

fn any_evaluator() -> impl Strategy<Value = Evaluator> {
    let forms = prop_oneof![
        Just(("score:clarity", Reading::Judgement)),
        Just(("validate:essay", Reading::Judgement)),
        Just(("exec:true", Reading::ExitStatus)),
    ];
    (any_agent(), forms).prop_map(|(agent, (name, reading))| Evaluator {
        name: name.to_owned(),
        agent: Box::new(agent),
        reading,
    })
}

fn any_selection() -> impl Strategy<Value = Selection> {
    prop_oneof![
        Just(Selection::All),
        Just(Selection::Valid),
        any::<bool>().prop_map(|keep_losers| Selection::Best { keep_losers }),
        (0..3_u32).prop_map(|count| Selection::Top { count }),
    ]
}

fn any_limits() -> impl Strategy<Value = ScopeLimits> {
    (option::of(0..2_000_000_u64), option::of(0..300_u64)).prop_map(|(budget, seconds)| {
        ScopeLimits {
            budget: budget.map(Usd::from_micros),
            wall_time: seconds.map(Duration::from_secs),
            classification: None,
        }
    })
}

/// A plan with every operation there is, pipelines included.
pub fn any_plan() -> impl Strategy<Value = Plan> {
    let leaf = prop_oneof![
        6 => any_agent().prop_map(plan::run),
        1 => Just(Plan::Approve { question: "Is it good?".to_owned() }),
        1 => Just(Plan::Guard { refs: Vec::new(), checks: Vec::new() }),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        let some = || vec(inner.clone(), 0..3);
        let one = || inner.clone().prop_map(Box::new);
        let limit = || {
            option::of(
                (1..3_usize).prop_map(|n| n.try_into().unwrap_or(std::num::NonZeroUsize::MIN)),
            )
        };
        let times = || (1..4_u32).prop_map(|n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN));
        let texts = || vec(Just(Input::Text("a text".to_owned())), 0..3);
        let way = (any::<bool>(), any_agent(), one(), any_evaluator(), 0..3_u32);
        prop_oneof![
            some().prop_map(|stages| Plan::Seq { stages }),
            (some(), limit()).prop_map(|(branches, limit)| Plan::Par { branches, limit }),
            (one(), 0..4_usize, limit()).prop_map(|(template, count, limit)| Plan::Map {
                template,
                inputs: (0..count).map(|i| i.to_string()).collect(),
                limit,
            }),
            some().prop_map(|branches| Plan::Race { branches }),
            (one(), times()).prop_map(|(body, attempts)| Plan::Retry { body, attempts }),
            (texts(), option::of(one()), one()).prop_map(|(inputs, body, reducer)| Plan::Reduce {
                inputs,
                body,
                reducer,
            }),
            (
                texts(),
                option::of(one()),
                any_evaluator(),
                any_selection(),
                limit()
            )
                .prop_map(|(given, body, evaluator, select, limit)| Plan::Judge {
                    given,
                    body,
                    evaluator,
                    select,
                    limit,
                },),
            (one(), any_evaluator(), times(), times(), 0..=1_000_000_u32).prop_map(
                |(body, evaluator, max_iterations, patience, threshold)| Plan::Iterate {
                    body,
                    evaluator,
                    max_iterations,
                    success_threshold: Score::from_millionths(threshold),
                    patience,
                },
            ),
            (any_agent(), one(), limit()).prop_map(|(source, template, limit)| Plan::FanOut {
                source: Box::new(source),
                template,
                limit,
            }),
            (vec(way, 0..3), 0..3_u32, limit()).prop_map(|(ways, top, limit)| Plan::Hunt {
                strategies: ways.into_iter().enumerate().map(strategy).collect(),
                top,
                limit,
            }),
            (one(), any_limits()).prop_map(|(body, limits)| Plan::Limit { body, limits }),
            program_of(inner.clone().boxed()).prop_map(|program| Plan::Pipeline {
                program: Arc::new(program),
            }),
        ]
    })
}

/// Whether its seeds are fetched, by whom, and the rest of a way.
type AnyWay = (bool, AgentSpec, Box<Plan>, Evaluator, u32);

fn strategy((i, (is_fetched, source, template, evaluator, top)): (usize, AnyWay)) -> Way {
    Way {
        name: name(&format!("way-{i}")),
        seeds: if is_fetched {
            Seeds::Fetched(Box::new(source))
        } else {
            Seeds::Listed(vec!["a".to_owned(), "b".to_owned()])
        },
        template,
        evaluator,
        top,
    }
}

/// A pipeline of one to five steps with every kind of transition, and any plan in its steps.
pub fn any_program() -> impl Strategy<Value = Program> {
    program_of(any_plan().boxed())
}

fn program_of(work: BoxedStrategy<Plan>) -> impl Strategy<Value = Program> {
    (1..6_u32).prop_flat_map(move |count| {
        let steps = vec(
            any_step(work.clone(), count),
            usize::try_from(count).unwrap_or(1),
        );
        (
            steps,
            0..count,
            any_limits(),
            any::<[bool; 2]>(),
            any_agent(),
        )
            .prop_map(
                |(mut steps, entry, limits, [is_limited, starts_late], governor)| {
                    for (i, step) in steps.iter_mut().enumerate() {
                        step.id = name(&format!("s{i}"));
                    }
                    let agent = Box::new(governor);
                    Program {
                        name: Some("any".to_owned()),
                        steps,
                        entry: if starts_late { entry } else { 0 },
                        given: Vec::new(),
                        limits: if is_limited {
                            limits
                        } else {
                            ScopeLimits::default()
                        },
                        governors: BTreeMap::from([("g".to_owned(), Governor { agent })]),
                        definition: Arc::new(json!({})),
                        input: None,
                        digest: "any".to_owned(),
                    }
                },
            )
    })
}

fn any_step(work: BoxedStrategy<Plan>, steps: u32) -> impl Strategy<Value = Step> {
    let ask = || {
        (1..3_u32).prop_map(|width| Ask {
            governor: "g".to_owned(),
            width,
        })
    };
    let on_fail = prop_oneof![
        3 => (0..steps).prop_map(OnFail::Goto),
        1 => ask().prop_map(OnFail::Ask),
    ];
    let jump = (0..steps).prop_map(|step| RetryIf {
        keyword: KEYWORD.to_owned(),
        step,
    });
    (
        prop_oneof![2 => any_agent().prop_map(plan::run).boxed(), 1 => work],
        proptest::bool::weighted(0.25),
        option::of(on_fail),
        option::weighted(0.2, ask()),
        vec(jump, 0..2),
        option::weighted(0.3, 0..steps),
        0..4_u32,
    )
        .prop_map(
            |(work, only_after_error, on_fail, on_success, retry_if, next, max_retries)| Step {
                id: name("x"),
                work,
                only_after_error,
                on_fail,
                on_success,
                retry_if,
                next,
                max_retries,
            },
        )
}

fn name(text: &str) -> StepId {
    StepId::new(text).unwrap_or_else(|error| panic!("{text} is no name: {error}"))
}
