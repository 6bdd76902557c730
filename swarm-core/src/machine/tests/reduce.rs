use super::*;

#[test]
fn a_reduction_keeps_the_short_names_of_a_map() {
    let spec = AgentSpec::command("ok", ["x"]).unwrap();
    let (end, log) = driven(&mut Machine::new(map_reduce(
        &spec,
        ["a", "b"],
        spec.clone(),
    )));
    assert_eq!(names(&end), ["reducer"]);
    let seen: Vec<_> = log.iter().map(|event| event.agent.to_string()).collect();
    assert_eq!(seen, ["agent-0", "agent-1", "reducer"]);
}

#[test]
fn a_reducer_gets_what_was_given_and_what_succeeded() {
    let mut machine = Machine::new(Plan::Reduce {
        inputs: vec![Input::Text("given".to_owned())],
        body: Some(Box::new(par([agent("ok"), agent("fail")]))),
        reducer: Box::new(agent("ok")),
    });
    let event = |at: &[u32], agent: &str, exit: ExitReason| AgentEnded {
        at: Cursor(at.to_vec()),
        agent: agent.parse().unwrap(),
        outcome: AgentOutcome {
            exit,
            error: None,
            cost: None,
            duration: Duration::ZERO,
            result: Some(format!("r/{agent}").parse().unwrap()),
            finding: None,
            cached: false,
        },
    };
    assert_eq!(machine.demands().len(), 2);
    machine
        .apply(&event(&[0, 1], "agent-1", ExitReason::Failed { code: 1 }))
        .unwrap();
    machine
        .apply(&event(&[0, 0], "agent-0", ExitReason::Completed))
        .unwrap();
    let demands = machine.demands();
    let [Demand::Start(Start { context, .. })] = demands.as_slice() else {
        panic!("{demands:?}")
    };
    let inputs = [
        Input::Text("given".to_owned()),
        Input::Ref("r/agent-0".parse().unwrap()),
    ];
    assert_eq!(context, &[Context::Inputs(inputs.into())]);
}

#[test]
fn nothing_is_reduced_when_nothing_succeeded() {
    let spec = AgentSpec::command("fail", ["x"]).unwrap();
    let (end, log) = driven(&mut Machine::new(map_reduce(
        &spec,
        ["a", "b"],
        spec.clone(),
    )));
    assert!(matches!(end, End::Failed { failures, .. } if failures.len() == 2));
    assert_eq!(log.len(), 2);
}
