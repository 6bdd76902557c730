//! The same for the steps of a pipeline.

use swarm_core::plan::{Ask, OnFail, Program, Step};

use super::{
    bounds::{Adding, Need},
    limited::Most,
};

/// How often the results that steps are told of may grow before there is no bound to them.
const MOST_ROUNDS: usize = 64;

/// A pipeline, and each of its steps in all visits together.
pub(super) struct Steps {
    pub(super) all: Need,
    /// How often each may be entered, and what that needs.
    pub(super) each: Vec<(Most, Need)>,
}

impl Adding {
    /// Every jump that is allowed is counted, whether or not there is a way that has them all.
    pub(super) fn pipeline(&mut self, program: &Program, told: Most) -> Steps {
        let told = self.told(program, told.max(Most::count(program.given.len())));
        let visits = visits(program);
        let mut each = Vec::with_capacity(program.steps.len());
        for (step, visits) in program.steps.iter().zip(visits) {
            let work = self.need(&step.work, told);
            let once = work.then(self.governor(program, step));
            let need = Need {
                results: work.results,
                ..once.again(visits)
            };
            each.push((visits, need));
        }
        let entry = usize::try_from(program.entry).unwrap_or(usize::MAX);
        let least = each.get(entry).map_or(0, |(_, need)| need.least);
        let all = each
            .iter()
            .fold(Need::NOTHING, |all, (_, step)| all.then(*step));
        Steps {
            all: Need {
                least,
                results: told.max(all.results),
                ..all
            },
            each,
        }
    }

    /// How many results a step can be told of.
    fn told(&mut self, program: &Program, given: Most) -> Most {
        let mut told = given;
        for _ in 0..MOST_ROUNDS {
            let made = program.steps.iter();
            let made = made.fold(told, |most, step| {
                most.max(self.need(&step.work, told).results)
            });
            if made == told {
                return told;
            }
            told = made;
        }
        Most::UNBOUNDED
    }

    /// Who is asked after one visit: after a success or after a failure, never both.
    fn governor(&mut self, program: &Program, step: &Step) -> Need {
        let mut most = Need::NOTHING;
        for ask in asks(step) {
            let Some(governor) = program.governors.get(&ask.governor) else {
                continue;
            };
            self.governs = true;
            let one = self.agent(&governor.agent);
            let width = Most::of(u64::from(ask.width.max(1)));
            most = Need {
                least: 0,
                agents: most.agents.max(one.agents.times(width)),
                cost: most.cost.max(one.cost.times(width)),
                work: most.work.max(one.work.times(width)),
                path: most.path.max(one.path),
                results: Most::NOTHING,
            };
        }
        most
    }
}

fn asks(step: &Step) -> impl Iterator<Item = &Ask> {
    let on_fail = match &step.on_fail {
        Some(OnFail::Ask(ask)) => Some(ask),
        _ => None,
    };
    step.on_success.iter().chain(on_fail)
}

/// How often each step may be entered to be worked on: by every jump that is allowed to it, and in order as often as the step before it.
pub(super) fn visits(program: &Program) -> Vec<Most> {
    let is_governed = program.steps.iter().any(|step| asks(step).next().is_some());
    let mut before = Most::NOTHING;
    let mut flows_on = false;
    let mut visits = Vec::with_capacity(program.steps.len());
    for (index, step) in program.steps.iter().enumerate() {
        let is = |target: u32| usize::try_from(target) == Ok(index);
        let leads_here = |from: &Step| {
            from.next.is_some_and(is)
                || matches!(from.on_fail, Some(OnFail::Goto(target)) if is(target))
                || from.retry_if.iter().any(|retry| is(retry.step))
        };
        let jumps = if is_governed || program.steps.iter().any(leads_here) {
            Most::of(u64::from(step.max_retries))
        } else {
            Most::NOTHING
        };
        let first = if is(program.entry) {
            Most::of(1)
        } else {
            Most::NOTHING
        };
        let in_order = if flows_on { before } else { Most::NOTHING };
        let entered = first + jumps + in_order;
        // In order it comes after a success, and is left out then, unless a governor says so after a failure.
        let is_left_out = step.only_after_error && !is_governed;
        visits.push(if is_left_out { first + jumps } else { entered });
        before = entered;
        flows_on = step.next.is_none() || step.only_after_error || asks(step).next().is_some();
    }
    visits
}
