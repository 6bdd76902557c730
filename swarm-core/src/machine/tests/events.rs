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

#[test]
fn a_cursor_knows_its_first_number_and_what_it_is_within() {
    let at = |numbers: &[u32]| Cursor(numbers.to_vec());
    assert_eq!(at(&[7, 1]).first(), Some(7));
    assert_eq!(at(&[]).first(), None);
    assert!(at(&[7, 1]).is_within(&at(&[7])) && at(&[7]).is_within(&at(&[7])));
    assert!(!at(&[7]).is_within(&at(&[7, 1])) && !at(&[7]).is_within(&at(&[1])));
}
