use super::*;

#[test]
fn an_event_of_another_plan_is_refused_and_changes_nothing() {
    let (_, log) = driven(&mut Machine::new(chain([agent("ok"), agent("ok")])));
    let mut machine = Machine::new(agent("ok"));
    assert_eq!(
        machine.apply(&log[0]),
        Err(UnexpectedEvent(Cursor(vec![0])))
    );
    assert_eq!(machine.demands().len(), 1);
    let mut machine = Machine::new(chain([agent("ok"), agent("ok")]));
    assert!(
        machine.apply(&log[1]).is_err(),
        "the second stage before the first"
    );
    machine.apply(&log[0]).unwrap();
    assert!(machine.apply(&log[0]).is_err(), "the same end twice");
}
