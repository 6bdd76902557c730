use super::*;
use crate::plan::fan_out;

fn source(behaviour: &str) -> AgentSpec {
    AgentSpec::command(behaviour, ["x"]).unwrap()
}

#[test]
fn the_template_is_done_for_each_item() {
    let template = chain([agent("ok"), agent("ok")]);
    let (end, log) = driven(&mut Machine::new(fan_out(source("list-2"), template)));
    assert_eq!(names(&end), ["agent-0.stage-1", "agent-1.stage-1"]);
    assert_eq!(log[0].agent.as_str(), "fetch");
    assert_eq!(log.len(), 5);
}

#[test]
fn each_branch_is_told_its_item_also_after_a_restart() {
    let plan = || fan_out(source("list-3"), agent("ok")).with_limit(count(1).try_into().unwrap());
    let (_, log) = driven(&mut Machine::new(plan()));
    let mut machine = Machine::replay(plan(), &log[..2]).unwrap();
    let demands = machine.demands();
    let [Demand::Start(start)] = demands.as_slice() else {
        panic!("{demands:?}")
    };
    let item = start.item.as_ref().unwrap();
    assert_eq!((item.of.agent.as_str(), item.index), ("fetch", 1));
}

#[test]
fn a_list_that_is_empty_or_none_fails_without_starting_anything() {
    for (behaviour, error) in [
        ("list-0", "no seeds produced"),
        ("ok", "it makes no sense"),
        ("fail", "fetch said no"),
    ] {
        let (end, log) = driven(&mut Machine::new(fan_out(source(behaviour), agent("ok"))));
        assert_eq!(log.len(), 1, "{behaviour}");
        assert!(matches!(end, End::Failed { failures, .. } if failures[0].error == error));
    }
}
