//! What holds of every plan.

use proptest::prelude::*;

use super::*;
use crate::{
    plan::{Patience, Seeds, Strategy as Way, approve, fan_out, guard, hunt, iterate, limit},
    refs::Check,
};

fn judge() -> impl Strategy<Value = Evaluator> {
    prop_oneof![
        Just("score"),
        Just("score"),
        Just("same"),
        Just("silly"),
        Just("fail"),
        Just("poor")
    ]
    .prop_map(by)
}

fn source() -> impl Strategy<Value = AgentSpec> {
    prop_oneof![
        Just("list-2"),
        Just("list-3"),
        Just("list-0"),
        Just("fail"),
        Just("ok")
    ]
    .prop_map(|behaviour| AgentSpec::command(behaviour, ["x"]).unwrap())
}

fn selection() -> impl Strategy<Value = Selection> {
    prop_oneof![
        Just(Selection::All),
        Just(Selection::Valid),
        any::<bool>().prop_map(|keep_losers| Selection::Best { keep_losers }),
        (0..3_u32).prop_map(|count| Selection::Top { count }),
    ]
}

fn way(template: BoxedStrategy<Plan>) -> impl Strategy<Value = Way> {
    let seeds = prop_oneof![
        (0..3_usize).prop_map(|n| Seeds::Listed(vec!["s".to_owned(); n])),
        source().prop_map(|source| Seeds::Fetched(Box::new(source))),
    ];
    (seeds, template, judge(), 0..3_u32).prop_map(|(seeds, template, evaluator, top)| Way {
        name: "way".parse().unwrap(),
        seeds,
        template: Box::new(template),
        evaluator,
        top,
    })
}

/// Plans in which somebody judges or lists, made of others.
fn judged(inner: &BoxedStrategy<Plan>) -> impl Strategy<Value = Plan> + use<> {
    let inner = inner.clone();
    let names = proptest::sample::subsequence(vec!["g_0", "g_50", "g_100"], 0..=3);
    let body = proptest::option::of(inner.clone());
    let ways = proptest::collection::vec(way(inner.clone()), 1..4);
    prop_oneof![
        (
            names,
            body,
            judge(),
            selection(),
            proptest::option::of(1..3_usize)
        )
            .prop_map(|(names, body, evaluator, select, limit)| Plan::Judge {
                given: given(&names),
                body: body.map(Box::new),
                evaluator,
                select,
                limit: limit.and_then(NonZeroUsize::new),
            }),
        (inner.clone(), judge(), 1..4_u32, 0..101_u32, 1..3_u32).prop_map(
            |(body, evaluator, most, percent, patience)| {
                let until = Patience {
                    max_iterations: count(most),
                    success_threshold: Score::from_millionths(percent * 10_000),
                    patience: count(patience),
                };
                iterate(body, evaluator, until)
            }
        ),
        (source(), inner.clone()).prop_map(|(source, template)| fan_out(source, template)),
        (ways, 0..3_u32).prop_map(|(mut ways, top)| {
            // Names that judges, reducers and bodies have as well.
            for (way, name) in ways.iter_mut().zip(["score-0", "reducer", "body"]) {
                way.name = name.parse().unwrap();
            }
            hunt(ways, top, None)
        }),
        inner.prop_map(|body| {
            let limits = ScopeLimits {
                budget: Some(Usd::ZERO),
                ..ScopeLimits::default()
            };
            limit(body, limits)
        }),
        Just(()).prop_map(|()| guard(["g/a".parse().unwrap()], [Check::Exists])),
        Just(()).prop_map(|()| approve("Go on?")),
    ]
}

/// Plans that succeed, plans that need not, and races whose winner does not depend on time.
fn plan() -> impl Strategy<Value = Plan> {
    let leaf = prop_oneof![Just("ok"), Just("ok"), Just("fail"), Just("ok-at-2")].prop_map(agent);
    leaf.prop_recursive(4, 24, 4, |inner| {
        let some = || proptest::collection::vec(inner.clone(), 0..4);
        let limit = proptest::option::of(1..3usize);
        prop_oneof![
            4 => judged(&inner.clone().boxed()),
            1 => some().prop_map(chain),
            1 => (some(), limit).prop_map(|(branches, limit)| Plan::Par {
                branches,
                limit: limit.and_then(NonZeroUsize::new),
            }),
            1 => (inner.clone(), 1..4u32).prop_map(|(body, n)| retry(body, NonZeroU32::new(n).unwrap())),
            1 => (proptest::option::of(inner.clone()), inner.clone()).prop_map(|(body, reducer)| {
                Plan::Reduce {
                    inputs: vec![],
                    body: body.map(Box::new),
                    reducer: Box::new(reducer),
                }
            }),
            1 => (0..3usize, 0..3usize).prop_map(|(before, after)| {
                let losers = |n| (0..n).map(|i| agent(if i % 2 == 0 { "hang" } else { "fail" }));
                race(losers(before).chain([agent("ok")]).chain(losers(after)))
            }),
            1 => proptest::collection::vec(Just(()), 1..3)
                .prop_map(|branches| race(branches.into_iter().map(|()| agent("fail")))),
        ]
    })
}

fn at(event: &Happened) -> &Cursor {
    match event {
        Happened::Agent(ended) => &ended.at,
        Happened::Effect(done) => &done.at,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// The decisive property: cut the log anywhere, go on, and nothing tells the difference.
    #[test]
    fn a_run_resumed_from_any_cut_of_its_log_ends_as_the_uninterrupted_run_did(plan in plan()) {
        let mut whole = Machine::new(plan.clone());
        let (expected, log) = driven_with_effects(&mut whole);
        let finished: Vec<&Cursor> = log.iter().map(at).collect();
        for cut in 0..=log.len() {
            let mut machine = Machine::replay(plan.clone(), &log[..cut]).unwrap();
            let (end, rest) = driven_with_effects(&mut machine);
            prop_assert_eq!(&end, &expected, "cut after {} of {:?}", cut, finished);
            prop_assert_eq!(machine.account(), whole.account());
            for event in &rest {
                prop_assert!(!finished[..cut].contains(&at(event)), "{} happened twice", at(event));
            }
        }
    }

    #[test]
    fn no_two_agents_of_a_plan_have_the_same_name(plan in plan()) {
        let (_, log) = driven(&mut Machine::new(plan));
        let names: std::collections::BTreeSet<_> = log.iter().map(|event| &event.agent).collect();
        prop_assert_eq!(names.len(), log.len());
    }

    /// Who is told that something failed is told what.
    #[test]
    fn a_failure_is_never_without_a_reason(plan in plan()) {
        if let (End::Failed { failures, .. }, _) = driven(&mut Machine::new(plan)) {
            prop_assert!(!failures.is_empty());
            prop_assert!(failures.iter().all(|failure| !failure.error.is_empty()));
        }
    }

    #[test]
    fn a_plan_that_is_cancelled_anywhere_comes_to_an_end(plan in plan(), cut in any::<proptest::sample::Index>()) {
        let (_, log) = driven_with_effects(&mut Machine::new(plan.clone()));
        let cut = cut.index(log.len() + 1);
        let mut machine = Machine::replay(plan, &log[..cut]).unwrap();
        machine.cancel();
        let (_, rest) = driven_with_effects(&mut machine);
        let began = agents(&rest).into_iter().filter(|ended| ended.outcome.exit != ExitReason::Cancelled);
        prop_assert_eq!(began.count(), 0);
    }
}
