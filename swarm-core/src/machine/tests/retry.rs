use super::*;
use crate::plan::valid;

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
fn a_retry_ends_when_nobody_can_judge_and_goes_on_when_somebody_could() {
    for (judge, attempts) in [
        ("absent", 1),
        ("refused", 1),
        ("poor", 1),
        ("too-late", 1),
        ("mute", 3),
        ("fail", 3),
        ("silly", 3),
    ] {
        let plan = retry(valid(agent("ok"), by(judge)), count(3));
        let (end, log) = driven(&mut Machine::new(plan));
        let work = ran(&log).into_iter().filter(|name| !name.contains("score"));
        assert_eq!(work.count(), attempts, "{judge}");
        let End::Failed { failures, .. } = end else {
            panic!("{judge}: {end:?}")
        };
        assert_eq!(failures[0].has_no_judge, attempts == 1, "{judge}");
    }
    // A judge that had begun is no reason, though there is no time for another attempt.
    let late = retry(valid(agent("ok"), by("late")), count(3));
    let (end, _) = driven(&mut Machine::new(late));
    assert!(matches!(end, End::Failed { failures, .. } if !failures[0].has_no_judge));
    // Who does the task may be started at the next attempt.
    let (_, log) = driven(&mut Machine::new(retry(agent("absent"), count(3))));
    assert_eq!(log.len(), 3);
}

#[test]
fn an_attempt_that_is_over_is_not_heard_of_again() {
    let plan = retry(agent("ok-at-2"), count(3));
    let (_, log) = driven(&mut Machine::new(plan.clone()));
    assert_eq!(ran(&log), ["attempt-1", "attempt-2"]);
    let mut machine = Machine::replay(plan, &log[..1]).unwrap();
    assert!(machine.apply(&log[0]).is_err(), "the first attempt twice");
    machine.apply(&log[1]).unwrap();
    assert!(machine.apply(&log[1]).is_err(), "the last attempt twice");
}
