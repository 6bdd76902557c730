use super::*;

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
