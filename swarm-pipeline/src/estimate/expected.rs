//! The estimate of a plan.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::Serialize;
use swarm_core::{
    Plan,
    ids::StepId,
    machine::{Account, Cursor, ScopeLimits},
    money::Usd,
    spec::AgentSpec,
};

use super::{
    Assumptions,
    bounds::{Adding, Need},
    limited::Most,
};
use crate::simulate::{Seconds, Simulated, Simulation, SimulationError};

/// What a plan needs, before it runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Dollars.
    pub cost: Range<Usd>,
    /// From its start to its end, in seconds.
    pub time: Range<Seconds>,
    /// Agents that are started, evaluators and governors included.
    pub agents: Range<u64>,
    /// The steps, if it is a pipeline: all visits of each together.
    pub steps: Vec<StepEstimate>,
    /// What is taken for granted, in sentences.
    pub assumes: Vec<String>,
}

/// One step of a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepEstimate {
    /// The step.
    pub step: StepId,
    /// How often it is worked on.
    pub visits: Range<u64>,
    /// Dollars.
    pub cost: Range<Usd>,
    /// In seconds.
    pub time: Range<Seconds>,
    /// Agents that are started.
    pub agents: Range<u64>,
}

/// What is expected, and what it is at least and at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Range<T> {
    /// No run that comes to its end needs less.
    pub lowest: T,
    /// If all goes well.
    pub expected: T,
    /// No run needs more; none if there is no bound.
    pub highest: Option<T>,
}

/// Estimates `plan`, whatever its limits.
///
/// # Errors
///
/// If the simulation of a run in which all goes well comes to no end.
pub fn estimate(plan: &Plan, assumptions: &Assumptions) -> Result<Estimate, SimulationError> {
    let slots = assumptions.pools.slots.get();
    let mut adding = Adding::new(slots);
    let of_run = ScopeLimits {
        budget: assumptions.budget,
        wall_time: assumptions.deadline,
        classification: None,
    };
    let need = adding.need(plan, Most::NOTHING);
    let need = adding.limited(need, &of_run);
    let simulated = smooth(plan, assumptions)?;
    let expected = Sums::of(&simulated, |_| true);
    let steps = steps(plan, &mut adding, &of_run, &simulated);
    let time = if adding.asks_people {
        Most::UNBOUNDED
    } else {
        let time = need.time(slots, adding.may_idle);
        time.within(assumptions.deadline.map(Most::time))
    };
    Ok(Estimate {
        cost: costs(expected.cost, need.cost),
        time: times(simulated.time, time),
        agents: Range {
            lowest: adding.surely(need.least).min(expected.agents),
            expected: expected.agents,
            highest: need.agents.get(),
        },
        steps,
        assumes: assumed(plan, assumptions, &adding, &simulated),
    })
}

/// Any agent may fail before it has cost anything.
fn costs(expected: Usd, most: Most) -> Range<Usd> {
    Range {
        lowest: Usd::ZERO,
        expected,
        highest: most.as_money(),
    }
}

/// Any agent may end as soon as it is started.
fn times(expected: Duration, most: Most) -> Range<Seconds> {
    Range {
        lowest: Seconds(Duration::ZERO),
        expected: Seconds(expected),
        highest: most.as_time().map(Seconds),
    }
}

/// A run in which all goes well, and every agent costs and takes what is usual.
fn smooth(plan: &Plan, assumptions: &Assumptions) -> Result<Simulated, SimulationError> {
    let assumptions = assumptions.clone();
    let mut simulation = Simulation::of(plan.clone())
        .agent("*")
        .lists(assumptions.listed)
        .pools(assumptions.pools.clone());
    if let Some(budget) = assumptions.budget {
        simulation = simulation.budget(budget);
    }
    if let Some(deadline) = assumptions.deadline {
        simulation = simulation.deadline(deadline);
    }
    simulation
        .usually(move |spec| (assumptions.cost_of(spec), assumptions.time_of(spec)))
        .run()
}

/// What some agents of a simulation came to.
#[derive(Default)]
struct Sums {
    cost: Usd,
    agents: u64,
    time: Duration,
}

impl Sums {
    fn of(simulated: &Simulated, is_meant: impl Fn(&Cursor) -> bool) -> Self {
        let meant = || simulated.started().filter(|agent| is_meant(&agent.at));
        let began = meant().map(|agent| agent.began).min().unwrap_or_default();
        let ends = meant().map(|agent| agent.began.saturating_add(agent.took));
        Self {
            cost: meant().map(|agent| agent.cost).sum(),
            agents: u64::try_from(meant().count()).unwrap_or(u64::MAX),
            time: ends.max().unwrap_or_default().saturating_sub(began),
        }
    }
}

fn steps(
    plan: &Plan,
    adding: &mut Adding,
    of_run: &ScopeLimits,
    simulated: &Simulated,
) -> Vec<StepEstimate> {
    let Plan::Pipeline { program } = plan else {
        return Vec::new();
    };
    let mut visits: BTreeMap<&StepId, Vec<u32>> = BTreeMap::new();
    if let Some(Account::Pipeline(trace)) = &simulated.account {
        for (number, visit) in (0..).zip(&trace.visits) {
            if visit.end != Some(swarm_core::machine::VisitEnd::Skipped) {
                visits.entry(&visit.step).or_default().push(number);
            }
        }
    }
    let each = adding.pipeline(program, Most::NOTHING).each;
    let slots = adding.slots;
    let estimates = program.steps.iter().zip(each).enumerate();
    let estimates = estimates.map(|(index, (step, (most, need)))| {
        let mine = visits.get(&step.id).map(Vec::as_slice).unwrap_or_default();
        let each = mine
            .iter()
            .map(|visit| Sums::of(simulated, |at| at.first() == Some(*visit)));
        let expected = each.fold(Sums::default(), |sum, one| Sums {
            cost: sum.cost + one.cost,
            agents: sum.agents.saturating_add(one.agents),
            time: sum.time.saturating_add(one.time),
        });
        let need = adding.limited(need, &program.limits);
        let need: Need = adding.limited(need, of_run);
        let is_first = usize::try_from(program.entry) == Ok(index);
        let count = u64::try_from(mine.len()).unwrap_or(u64::MAX);
        let time = if asks_a_person(&step.work) {
            Most::UNBOUNDED
        } else {
            need.time(slots, adding.may_idle)
        };
        StepEstimate {
            step: step.id.clone(),
            visits: Range {
                lowest: u64::from(is_first),
                expected: count,
                highest: most.get(),
            },
            cost: costs(expected.cost, need.cost),
            time: times(expected.time, time),
            agents: Range {
                lowest: if is_first {
                    adding.surely(need.least).min(expected.agents)
                } else {
                    0
                },
                expected: expected.agents,
                highest: need.agents.get(),
            },
        }
    });
    estimates.collect()
}

fn asks_a_person(plan: &Plan) -> bool {
    let mut adding = Adding::new(1);
    adding.need(plan, Most::NOTHING);
    adding.asks_people
}

fn assumed(
    plan: &Plan,
    assumptions: &Assumptions,
    adding: &Adding,
    simulated: &Simulated,
) -> Vec<String> {
    let agents: Vec<&AgentSpec> = plan.agents();
    let mut assumes = vec![
        "expected: every agent does its task at once, every evaluator is content, every governor goes on, and every person and guard agrees"
            .to_owned(),
    ];
    assumes.extend(assumptions.words(agents.iter().copied()));
    assumes.push(
        "lowest: nobody stops the run; an agent may fail before it costs anything, so no cost and no time is certain"
            .to_owned(),
    );
    assumes.push(
        "highest: no agent costs more than its `max_budget`, or the default of its kind; it is stopped there, and what a request under way costs then comes on top"
            .to_owned(),
    );
    let slots = assumptions.pools.slots;
    assumes.push(format!(
        "time: {slots} agents at once, no other run takes their places, no provider makes anybody wait, and to start and stop an agent takes no time"
    ));
    assumes.push(
        "nobody goes on with the run after its end, and no process that drives it dies: what is started again counts again"
            .to_owned(),
    );
    if agents.iter().any(|spec| spec.prompt.contains("{input}")) && plan_lists(plan) {
        let listed = assumptions.listed;
        assumes.push(format!("an agent that lists things usually lists {listed}"));
    }
    if adding.asks_people {
        assumes.push(
            "a person is asked, and takes as long as they take: there is no highest time"
                .to_owned(),
        );
    }
    if adding.governs {
        assumes.push("no governor changes the pipeline".to_owned());
    }
    if adding.may_idle {
        assumes.push(
            "agents may have to wait for money or for a pool: the highest time is that of all of them one after the other"
                .to_owned(),
        );
    }
    if simulated.outcome() != "succeeded" {
        let why = simulated
            .agents
            .iter()
            .find(|agent| !agent.exit.is_success());
        let why = why.map_or_else(String::new, |agent| {
            format!(": {} ends with `{}`", agent.name, agent.exit)
        });
        assumes.push(format!(
            "even if all goes well it does not come to a good end within these limits{why}"
        ));
    }
    assumes.extend(adding.notes.iter().cloned());
    assumes
}

fn plan_lists(plan: &Plan) -> bool {
    let mut adding = Adding::new(1);
    adding.need(plan, Most::NOTHING);
    adding
        .notes
        .iter()
        .any(|note| note.contains("lists things"))
}

impl<T: fmt::Display> fmt::Display for Range<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} expected, {} to ", self.expected, self.lowest)?;
        match &self.highest {
            Some(highest) => write!(f, "{highest}"),
            None => f.write_str("no bound"),
        }
    }
}

/// A line for each number, for each step, and for each assumption.
impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "cost:   {}", self.cost)?;
        writeln!(f, "time:   {}", self.time)?;
        writeln!(f, "agents: {}", self.agents)?;
        for step in &self.steps {
            let (id, visits) = (&step.step, step.visits);
            writeln!(f, "step {id}: {visits} visits")?;
            writeln!(f, "  cost:   {}", step.cost)?;
            writeln!(f, "  time:   {}", step.time)?;
            writeln!(f, "  agents: {}", step.agents)?;
        }
        for sentence in &self.assumes {
            writeln!(f, "assumes: {sentence}")?;
        }
        Ok(())
    }
}
