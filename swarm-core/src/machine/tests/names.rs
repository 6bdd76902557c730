use super::*;

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
