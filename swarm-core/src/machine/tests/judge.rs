use super::*;
use crate::plan::{beam, filter, score_list, valid, validate};

fn ranking(account: &Account) -> &Ranking {
    match account {
        Account::Ranking(ranking) => ranking,
        other => panic!("{other:?}"),
    }
}

fn order(ranking: &Ranking) -> Vec<(String, f64, bool)> {
    let ranked = ranking.ranked.iter().map(|ranked| {
        let name = ranked.result.as_ref().map(|id| id.agent.to_string());
        (
            name.unwrap_or_default(),
            ranked.score.as_f64(),
            ranked.pruned,
        )
    });
    ranked.collect()
}

fn told(name: &str, score: f64, pruned: bool) -> (String, f64, bool) {
    (name.to_owned(), score, pruned)
}

#[test]
fn a_filter_keeps_what_is_valid_in_its_order() {
    let plan = filter(given(&["a_100", "b_94", "c_95", "d_0"]), by("score"));
    let (end, log) = driven(&mut Machine::new(plan));
    assert_eq!(names(&end), ["a_100", "c_95"]);
    assert_eq!(ran(&log), ["agent-0", "agent-1", "agent-2", "agent-3"]);
}

#[test]
fn nothing_valid_is_an_empty_success_and_nobody_judged_a_failure() {
    let none = filter(given(&["a_10"]), by("score"));
    assert_eq!(
        driven(&mut Machine::new(none)).0,
        End::Succeeded { refs: vec![] }
    );
    for judge in ["fail", "silly", "poor"] {
        let (end, account) = accounted(filter(given(&["a_10", "b_20"]), by(judge)));
        let End::Failed {
            succeeded,
            failures,
        } = end
        else {
            panic!("{judge}: {end:?}")
        };
        assert_eq!((succeeded.len(), failures.len()), (0, 2), "{judge}");
        assert!(
            failures[1].error.contains("it could not be judged"),
            "{failures:?}"
        );
        let unknown = |ranked: &Ranked| {
            ranked.verdict == Verdict::Unknown && ranked.score == Score::ZERO && ranked.by.is_none()
        };
        assert!(ranking(&account).ranked.iter().all(unknown));
    }
}

// A judge that prints nonsense finds UNKNOWN, which counted as a judgement.
#[test]
fn what_nobody_could_tell_anything_of_is_a_failure_however_it_is_chosen() {
    let given = || given(&["a_10", "b_20"]);
    for plan in [
        filter(given(), by("vague")),
        score_list(given(), by("vague"), 1),
        validate(given(), by("vague")),
    ] {
        let (end, _) = driven(&mut Machine::new(plan));
        let End::Failed {
            succeeded,
            failures,
        } = end
        else {
            panic!("{end:?}")
        };
        assert_eq!((succeeded.len(), failures.len()), (0, 2));
        let failure = &failures[0];
        assert_eq!(failure.exit, ExitReason::InvalidOutput);
        assert!(failure.error.contains("swarm inspect"), "{failure:?}");
    }
}

#[test]
fn equals_keep_their_order_and_the_rest_is_cut() {
    let (end, account) = accounted(score_list(
        given(&["a_20", "b_90", "c_30", "d_90"]),
        by("score"),
        3,
    ));
    assert_eq!(names(&end), ["b_90", "d_90", "c_30"]);
    assert_eq!(
        order(ranking(&account)),
        [
            told("b_90", 0.9, false),
            told("d_90", 0.9, false),
            told("c_30", 0.3, false),
            told("a_20", 0.2, true)
        ]
    );
}

#[test]
fn a_failing_candidate_loses_nobody_else() {
    let body = par([agent("ok"), agent("fail"), agent("ok")]);
    let plan = Plan::Judge {
        given: given(&["given_100"]),
        body: Some(Box::new(body)),
        evaluator: by("score"),
        select: Selection::Best { keep_losers: true },
        limit: None,
    };
    let (end, account) = accounted(plan);
    assert_eq!(names(&end), ["given_100"]);
    let ranking = ranking(&account);
    assert_eq!((ranking.ranked.len(), ranking.failures.len()), (3, 1));
    assert_eq!(ranking.failures[0].agent.as_str(), "agent-1");
}

#[test]
fn a_beam_of_nothing_but_failures_names_each() {
    for (behaviour, judge) in [("fail", "score"), ("ok", "silly")] {
        let spec = AgentSpec::command(behaviour, ["x"]).unwrap();
        let (end, _) = driven(&mut Machine::new(beam(spec, count(3), by(judge), true)));
        let End::Failed { failures, .. } = end else {
            panic!("{end:?}")
        };
        let mut failed: Vec<_> = failures.iter().map(|f| f.agent.as_str()).collect();
        failed.sort_unstable();
        assert_eq!(failed, ["agent-0", "agent-1", "agent-2"], "{behaviour}");
    }
}

#[test]
fn validation_fails_with_what_was_said_and_keeps_what_is_valid() {
    let plan = validate(given(&["a_100", "b_50"]), by("score"));
    let End::Failed {
        succeeded,
        failures,
    } = driven(&mut Machine::new(plan)).0
    else {
        panic!("it succeeded")
    };
    assert_eq!(succeeded[0].agent.as_str(), "a_100");
    assert_eq!(failures[0].error, "score:x says PARTIAL, score=0.50");
    assert_eq!(failures[0].exit, ExitReason::Rejected);
    let judged_by = failures[0].judged_by.as_ref().unwrap();
    assert_eq!(judged_by.agent.as_str(), "score-1");
}

#[test]
fn an_attempt_that_is_not_valid_is_made_again_and_told_why() {
    let plan = retry(valid(agent("ok"), by("same")), count(2));
    let mut machine = Machine::new(plan);
    let (end, log) = driven(&mut machine);
    assert!(matches!(end, End::Failed { .. }));
    assert_eq!(
        ran(&log),
        [
            "attempt-1",
            "attempt-1.score-0",
            "attempt-2",
            "attempt-2.score-0"
        ]
    );
    // A judge that nobody can pay will not be paid next time either.
    let (_, log) = driven(&mut Machine::new(retry(
        valid(agent("ok"), by("poor")),
        count(3),
    )));
    assert_eq!(log.len(), 2);
}

#[test]
fn results_are_stamped_before_the_end() {
    let plan = score_list(given(&["a_20", "b_90"]), by("score"), 1);
    let (_, events) = driven_with_effects(&mut Machine::new(plan.clone()));
    assert!(matches!(events.last(), Some(Happened::Effect(done)) if done.name.as_str() == "stamp"));
    let mut machine = Machine::replay(plan, &events[..2]).unwrap();
    let demands = machine.demands();
    let [Demand::Do(what)] = demands.as_slice() else {
        panic!("{demands:?}")
    };
    let Effect::Stamp(stamps) = &what.effect else {
        panic!("{what:?}")
    };
    let stamp = |i: usize| stamps[i].1.search.clone().unwrap();
    assert_eq!((stamp(0).beam_rank, stamp(0).pruned), (0, false));
    assert_eq!((stamp(1).beam_rank, stamp(1).pruned), (1, true));
    let validated = stamps[0].1.validated.as_ref().unwrap();
    assert_eq!(validated.validated_as, "score:x");
    assert_eq!(validated.validation_verdict, Verdict::Partial);
    assert_eq!(validated.validation_score, Score::from_millionths(900_000));
    let by = validated.validation_ref.as_ref().unwrap();
    assert_eq!(by.agent.as_str(), "score-1");
    assert!(machine.end().is_none());
}

#[test]
fn as_many_judge_at_once_as_may() {
    let plan = filter(given(&["a", "b", "c"]), by("score"));
    let mut machine = Machine::new(plan.with_limit(NonZeroUsize::MIN));
    assert_eq!(machine.demands().len(), 1);
}

#[test]
fn the_best_is_told_of_those_it_was_better_than_if_they_are_kept() {
    let stamps = |select| {
        let plan = Plan::Judge {
            given: given(&["a_20", "b_90", "c_50"]),
            body: None,
            evaluator: by("score"),
            select,
            limit: None,
        };
        let (_, events) = driven_with_effects(&mut Machine::new(plan.clone()));
        let mut machine = Machine::replay(plan, &events[..3]).unwrap();
        let [Demand::Do(what)] = &machine.demands()[..] else {
            panic!()
        };
        let Effect::Stamp(stamps) = &what.effect else {
            panic!("{what:?}")
        };
        let told = stamps.iter().map(|(id, judged)| {
            let others = judged.search.as_ref().unwrap().alternatives.iter();
            let others: Vec<_> = others.map(|id| id.agent.to_string()).collect();
            (id.agent.to_string(), others)
        });
        told.collect::<Vec<_>>()
    };
    let kept = stamps(Selection::Best { keep_losers: true });
    assert_eq!(kept[0].1, ["c_50", "a_20"]);
    assert!(kept[1..].iter().all(|(_, others)| others.is_empty()));
    for select in [
        Selection::Best { keep_losers: false },
        Selection::Top { count: 1 },
    ] {
        let stamps = stamps(select);
        assert_eq!(stamps[0].0, "b_90");
        assert!(stamps.iter().all(|(_, others)| others.is_empty()));
    }
}

#[test]
fn a_stamp_is_heard_of_once_and_at_its_place() {
    let plan = score_list(given(&["a_20"]), by("score"), 1);
    let (_, events) = driven_with_effects(&mut Machine::new(plan.clone()));
    let [judge, Happened::Effect(stamp)] = &events[..] else {
        panic!("{events:?}")
    };
    let mut machine = Machine::replay(plan, [judge]).unwrap();
    let mut below = stamp.clone();
    below.at.0.push(0);
    assert!(machine.apply(&below).is_err(), "nobody is there");
    assert!(machine.apply(judge).is_err(), "who has judged judges again");
    assert!(machine.end().is_none());
    machine.apply(stamp).unwrap();
    assert!(machine.apply(stamp).is_err(), "the same stamp twice");
}
