use super::*;

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
