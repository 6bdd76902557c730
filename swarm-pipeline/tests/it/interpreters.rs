//! What holds of all plans.

use std::time::Duration;

use proptest::prelude::*;
use swarm_core::{
    Plan,
    money::Usd,
    plan::Program,
    resources::PoolLimits,
    testing::plans::{any_plan, any_program},
};
use swarm_pipeline::{
    estimate::{Assumptions, Estimate, estimate},
    simulate::{Chances, Simulated, Simulation},
};

/// Agents that cost and take all that they may, so that bounds are felt.
const WILD: Chances = Chances {
    fails: 0.4,
    keyword: 0.6,
    passes: 0.7,
    approves: 0.7,
    governor_intervenes: 0.5,
    cost: 1.2,
    time: 1.2,
    lists: 4,
};

fn simulation(plan: &Plan, seed: u64) -> Simulation {
    Simulation::of(plan.clone()).chances(WILD).dice(seed)
}

fn is_within(estimate: &Estimate, simulated: &Simulated) -> Result<(), TestCaseError> {
    let story = || format!("{estimate}\n{simulated}");
    prop_assert!(estimate.cost.lowest <= simulated.cost, "{}", story());
    if let Some(highest) = estimate.cost.highest {
        prop_assert!(simulated.cost <= highest, "cost: {}", story());
    }
    if let Some(highest) = estimate.time.highest {
        prop_assert!(simulated.time <= highest.0, "time: {}", story());
    }
    let agents = simulated.started().count() as u64;
    prop_assert!(estimate.agents.lowest <= agents, "agents: {}", story());
    if let Some(highest) = estimate.agents.highest {
        prop_assert!(agents <= highest, "agents: {}", story());
    }
    for step in &estimate.steps {
        let visits = simulated.trace().into_iter().flat_map(|trace| {
            let visits = trace.visits.iter().enumerate();
            visits.filter(|(_, visit)| {
                visit.step == step.step && visit.end != Some(swarm_core::machine::VisitEnd::Skipped)
            })
        });
        let visits: Vec<u32> = visits.map(|(i, _)| u32::try_from(i).unwrap()).collect();
        prop_assert!(
            visits.len() as u64 >= step.visits.lowest,
            "visits of {}: {}",
            step.step,
            story()
        );
        prop_assert!(
            visits.len() as u64 <= step.visits.highest.unwrap(),
            "visits of {}: {}",
            step.step,
            story()
        );
        let mine = || {
            simulated
                .started()
                .filter(|agent| agent.at.first().is_some_and(|at| visits.contains(&at)))
        };
        let cost: Usd = mine().map(|agent| agent.cost).sum();
        prop_assert!(
            step.cost.highest.is_none_or(|highest| cost <= highest),
            "cost of {}: {}",
            step.step,
            story()
        );
        let count = mine().count() as u64;
        prop_assert!(
            count >= step.agents.lowest,
            "agents of {}: {}",
            step.step,
            story()
        );
        prop_assert!(
            step.agents.highest.is_none_or(|highest| count <= highest),
            "agents of {}: {}",
            step.step,
            story()
        );
    }
    Ok(())
}

fn plan_of(program: Program) -> Plan {
    Plan::Pipeline {
        program: program.into(),
    }
}

fn any_work() -> impl Strategy<Value = Plan> {
    prop_oneof![any_plan(), any_program().prop_map(plan_of)]
}

fn pools(slots: usize) -> PoolLimits {
    PoolLimits {
        slots: slots.try_into().unwrap(),
        ..PoolLimits::default()
    }
}

proptest! {
    #[test]
    fn what_a_run_spends_is_within_its_estimate(
        plan in any_work(), seeds in prop::collection::vec(any::<u64>(), 8), slots in 1..5_usize,
    ) {
        let pools = pools(slots);
        let assumptions = Assumptions { pools: pools.clone(), ..Assumptions::default() };
        let estimate = estimate(&plan, &assumptions).unwrap();
        for seed in seeds {
            let simulated = simulation(&plan, seed).pools(pools.clone()).run().unwrap();
            is_within(&estimate, &simulated)?;
        }
        let smooth = Simulation::of(plan).pools(pools).run().unwrap();
        is_within(&estimate, &smooth)?;
    }

    #[test]
    fn nor_does_it_spend_more_within_limits_or_when_somebody_cancels_it(
        plan in any_work(), seed: u64, budget in 0..3_000_000_u64, seconds in 0..500_u64, cancelled in 0..500_u64,
    ) {
        let (budget, deadline) = (Usd::from_micros(budget), Duration::from_secs(seconds));
        let assumptions = Assumptions { budget: Some(budget), deadline: Some(deadline), ..Assumptions::default() };
        let estimate = estimate(&plan, &assumptions).unwrap();
        let limited = simulation(&plan, seed).budget(budget).deadline(deadline);
        let simulated = limited.run().unwrap();
        prop_assert!(simulated.cost <= budget);
        is_within(&estimate, &simulated)?;
        let simulated = limited.cancelled_after(Duration::from_secs(cancelled)).run().unwrap();
        let expected = simulated.cost <= estimate.cost.highest.unwrap_or(budget);
        prop_assert!(expected, "{estimate}\n{simulated}");
    }

    #[test]
    fn the_same_simulation_is_always_the_same(plan in any_work(), seed: u64) {
        let simulation = simulation(&plan, seed);
        prop_assert_eq!(simulation.run().unwrap(), simulation.run().unwrap());
    }

    #[test]
    fn no_step_is_entered_more_often_than_it_may_be(program in any_program(), seed: u64) {
        let simulated = simulation(&plan_of(program.clone()), seed).run().unwrap();
        for step in &program.steps {
            let visits = &simulated.trace().unwrap().visits;
            let jumps = visits.iter().filter(|v| v.step == step.id && v.entered.is_jump()).count();
            prop_assert!(jumps <= step.max_retries as usize, "{simulated}");
        }
    }
}
