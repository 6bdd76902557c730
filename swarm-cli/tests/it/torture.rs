//! The daemon is killed again and again while messages are sent.

use crate::common::TestEnvironment;

#[test]
fn of_five_hundred_kills_none_loses_doubles_or_reorders_what_was_acknowledged() {
    let env = TestEnvironment::new();
    let outcome = env.json(&["torture", "--seed", "5", "--points", "500"]);
    assert_eq!(outcome["kills"], 500);
    for count in ["lost", "doubled", "out_of_order"] {
        assert_eq!(outcome[count], 0, "{outcome}");
    }
    let acknowledged = outcome["acknowledged"].as_u64().unwrap();
    assert!(acknowledged >= 500, "{outcome}");
    assert!(
        outcome["received"].as_u64().unwrap() >= acknowledged,
        "{outcome}"
    );
}
