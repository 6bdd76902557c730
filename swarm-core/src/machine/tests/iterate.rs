use super::*;
use crate::plan::{Patience, iterate};

fn until(most: u32, threshold: u32, patience: u32) -> Patience {
    Patience {
        max_iterations: count(most),
        success_threshold: Score::from_millionths(threshold * 10_000),
        patience: count(patience),
    }
}

fn iteration(plan: Plan) -> (End, Iteration) {
    match accounted(plan) {
        (end, Account::Iteration(iteration)) => (end, iteration),
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_ends_when_it_is_good_enough_no_longer_gets_better_or_was_tried_often() {
    for (patience, halted, attempts) in [
        (until(9, 50, 9), Halted::SuccessThreshold, 1),
        (until(9, 51, 2), Halted::PatienceExhausted, 3),
        (until(2, 51, 9), Halted::MaxIterations, 2),
        (until(3, 51, 2), Halted::PatienceExhausted, 3),
    ] {
        let (end, iteration) = iteration(iterate(agent("ok"), by("same"), patience));
        assert_eq!(iteration.halted_because, Some(halted));
        assert_eq!(iteration.attempts.len(), attempts);
        // Only more is better: the first of equals is the best.
        assert_eq!(names(&end), ["iter-1"]);
    }
}

#[test]
fn what_fails_is_never_the_best_and_counts_against_patience() {
    let (end, iteration) = iteration(iterate(agent("fail"), by("same"), until(9, 90, 2)));
    assert_eq!(iteration.halted_because, Some(Halted::PatienceExhausted));
    assert_eq!((iteration.best, iteration.attempts.len()), (None, 2));
    let unknown =
        |attempt: &Attempt| attempt.verdict == Verdict::Unknown && attempt.score == Score::ZERO;
    assert!(iteration.attempts.iter().all(unknown));
    let End::Failed { failures, .. } = end else {
        panic!("{end:?}")
    };
    assert_eq!(failures[0].error, "iter-2 said no");
}

#[test]
fn nothing_good_is_a_failure_that_says_so() {
    const NONE: [Plan; 0] = [];
    for (judge, threshold) in [("silly", 0), ("silly", 90), ("fail", 0)] {
        let (end, iteration) = iteration(iterate(agent("ok"), by(judge), until(2, threshold, 5)));
        assert_eq!(
            iteration.halted_because,
            Some(Halted::MaxIterations),
            "{judge}"
        );
        let End::Failed { failures, .. } = end else {
            panic!("{judge}: {end:?}")
        };
        assert_eq!(failures.len(), 1, "{judge}");
    }
    let (end, _) = iteration(iterate(par(NONE), by("score"), until(9, 90, 2)));
    assert!(
        matches!(end, End::Failed { failures, .. } if failures[0].error == "there is no result")
    );
    let nothing = Evaluator::new("score:x", AgentSpec::command("score", ["x"]).unwrap());
    let body = par([agent("fail")]);
    let (end, _) = iteration(iterate(body, nothing, until(1, 90, 1)));
    assert!(matches!(end, End::Failed { failures, .. } if failures.len() == 1));
}

#[test]
fn it_stops_at_a_limit_and_counts_no_attempt_that_never_began() {
    let (end, iteration) = iteration(iterate(agent("poor"), by("same"), until(9, 90, 9)));
    assert_eq!(iteration.halted_because, Some(Halted::BudgetExhausted));
    assert!(iteration.attempts.is_empty());
    assert!(matches!(end, End::Failed { failures, .. } if failures[0].error == "no money"));
    // What was made is an attempt, also if nobody can pay who judges it.
    let (_, iteration) = self::iteration(iterate(agent("ok"), by("poor"), until(9, 90, 9)));
    assert_eq!(iteration.halted_because, Some(Halted::BudgetExhausted));
    assert_eq!(iteration.attempts.len(), 1);
}

#[test]
fn it_stops_when_nobody_can_judge_and_pays_no_further_attempt() {
    for (judge, why) in [("absent", "no such program"), ("refused", "not allowed")] {
        let (end, iteration) = iteration(iterate(agent("ok"), by(judge), until(9, 90, 9)));
        assert_eq!(
            iteration.halted_because,
            Some(Halted::EvaluatorUnavailable),
            "{judge}"
        );
        assert_eq!(iteration.attempts.len(), 1, "{judge}");
        let End::Failed { failures, .. } = end else {
            panic!("{judge}: {end:?}")
        };
        let told = format!("iter-1.score-0 could not be started: {why}");
        assert!(failures[0].error.ends_with(&told), "{failures:?}");
    }
    // One that ran and said nothing may say something of the next attempt.
    for judge in ["fail", "silly"] {
        let (_, iteration) = iteration(iterate(agent("ok"), by(judge), until(3, 90, 9)));
        assert_eq!(iteration.attempts.len(), 3, "{judge}");
    }
}

#[test]
fn an_attempt_is_told_of_those_before_it() {
    let mut machine = Machine::new(iterate(agent("ok"), by("same"), until(2, 90, 9)));
    for expected in 0..2 {
        let demands = machine.demands();
        let [Demand::Start(start)] = demands.as_slice() else {
            panic!("{demands:?}")
        };
        let told = start.context.iter().find_map(|part| match part {
            Context::Iterations { attempts, best } => Some((attempts.len(), best.as_f64())),
            _ => None,
        });
        assert_eq!(told, (expected > 0).then_some((expected, 0.5)));
        for reading in [None, Some(Score::HALF)] {
            let Some(at) = (match reading {
                None => Some((start.at.clone(), start.agent.clone())),
                Some(_) => machine
                    .demands()
                    .into_iter()
                    .find_map(|demand| match demand {
                        Demand::Start(judge) => Some((judge.at, judge.agent)),
                        _ => None,
                    }),
            }) else {
                panic!("nobody judges")
            };
            let (at, name) = at;
            let ended = AgentEnded {
                at,
                agent: name.clone(),
                outcome: AgentOutcome {
                    exit: ExitReason::Completed,
                    error: None,
                    cost: None,
                    duration: Duration::ZERO,
                    result: Some(RefId::new("r".parse().unwrap(), name)),
                    finding: reading.map(|score| Finding::Judgement {
                        verdict: Verdict::of_score(score),
                        score,
                    }),
                    cached: false,
                },
            };
            machine.apply(&ended).unwrap();
        }
    }
}

#[test]
fn what_is_worth_nothing_is_good_enough_only_where_nothing_is_asked_for() {
    for (threshold, succeeds) in [(0, true), (1, false)] {
        let (end, iteration) = iteration(iterate(
            agent("ok"),
            by("worthless"),
            until(2, threshold, 5),
        ));
        assert_eq!(iteration.best, Some(0), "{threshold}");
        assert_eq!(matches!(end, End::Succeeded { .. }), succeeds, "{end:?}");
    }
}
