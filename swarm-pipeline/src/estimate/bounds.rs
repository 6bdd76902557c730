//! The least and the most that a plan can need, by adding it up.

use std::{collections::BTreeSet, num::NonZeroUsize};

use swarm_core::{
    Plan,
    evaluate::MAX_SEEDS,
    machine::ScopeLimits,
    plan::{Evaluator, Seeds, Selection, Strategy},
    spec::AgentSpec,
};

use super::{assumptions::worst_case, limited::Most};

/// What a part of a plan can need.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Need {
    /// Agents that are started at least, if nobody stops them and no limit is in the way.
    pub(super) least: u64,
    /// Agents that are started at most.
    pub(super) agents: Most,
    /// Millionths of a dollar.
    pub(super) cost: Most,
    /// The time of all agents together, in milliseconds.
    pub(super) work: Most,
    /// How long it takes if every agent that is ready runs at once.
    pub(super) path: Most,
    /// How many results it can have.
    pub(super) results: Most,
}

/// Adds up plans.
#[derive(Debug)]
pub(super) struct Adding {
    /// How many agents there may be at once.
    pub(super) slots: usize,
    /// Whether a person is asked, which takes as long as it takes.
    pub(super) asks_people: bool,
    /// Whether a governor is asked.
    pub(super) governs: bool,
    /// Whether something waits while there are slots: for a pool, or for money.
    pub(super) may_idle: bool,
    pub(super) notes: BTreeSet<String>,
}

impl Need {
    pub(super) const NOTHING: Self = Self {
        least: 0,
        agents: Most::NOTHING,
        cost: Most::NOTHING,
        work: Most::NOTHING,
        path: Most::NOTHING,
        results: Most::NOTHING,
    };

    /// How long it takes at most with so many slots. At any time either all slots are busy, or everything that is ready runs; so
    /// it is not longer than all work shared evenly, and the longest path on top. Nor is it longer than one agent after the other.
    pub(super) fn time(&self, slots: usize, may_idle: bool) -> Most {
        if may_idle {
            return self.work;
        }
        self.work.min(self.work.divided(slots) + self.path)
    }

    /// One after the other.
    pub(super) fn then(self, next: Self) -> Self {
        Self {
            least: self.least,
            results: self.results.max(next.results),
            path: self.path + next.path,
            ..self.and(next)
        }
    }

    /// Side by side.
    fn and(self, other: Self) -> Self {
        Self {
            least: self.least.saturating_add(other.least),
            agents: self.agents + other.agents,
            cost: self.cost + other.cost,
            work: self.work + other.work,
            path: self.path.max(other.path),
            results: self.results + other.results,
        }
    }

    /// So often, one after the other; once at least.
    pub(super) fn again(self, times: Most) -> Self {
        Self {
            agents: self.agents.times(times),
            cost: self.cost.times(times),
            work: self.work.times(times),
            path: self.path.times(times),
            ..self
        }
    }

    /// So often, side by side, but only `limit` at once.
    fn many(self, times: Most, limit: Option<usize>) -> Self {
        let path = match limit {
            None => self.path,
            Some(limit) => {
                let serial = self.path.times(times);
                serial.min(serial.divided(limit) + self.path)
            }
        };
        let path = if times == Most::NOTHING {
            Most::NOTHING
        } else {
            path
        };
        Self {
            least: self.least.saturating_mul(times.get().unwrap_or(1)),
            path,
            results: self.results.times(times),
            ..self.again(times)
        }
    }
}

impl Adding {
    pub(super) const fn new(slots: usize) -> Self {
        Self {
            slots,
            asks_people: false,
            governs: false,
            may_idle: false,
            notes: BTreeSet::new(),
        }
    }

    /// What `plan` needs if it is told of so many results.
    #[expect(
        clippy::too_many_lines,
        reason = "one arm for each operation, as in the machine"
    )]
    pub(super) fn need(&mut self, plan: &Plan, told: Most) -> Need {
        match plan {
            Plan::Run { agent } => self.agent(agent),
            Plan::Seq { stages } => {
                let mut told = told;
                let mut all: Option<Need> = None;
                for stage in stages {
                    let need = self.need(stage, told);
                    told = need.results;
                    all = Some(match all {
                        None => need,
                        Some(all) => all.then(need),
                    });
                }
                all.unwrap_or(Need::NOTHING)
            }
            Plan::Par { branches, limit } => {
                let branches: Vec<Need> = branches.iter().map(|b| self.need(b, told)).collect();
                side_by_side(&branches, limit.map(NonZeroUsize::get))
            }
            Plan::Map {
                template,
                inputs,
                limit,
            } => {
                let each = self.need(template, told);
                let limit = limit.map(NonZeroUsize::get);
                each.many(Most::count(inputs.len()), limit)
            }
            Plan::Race { branches } => {
                let branches: Vec<Need> = branches.iter().map(|b| self.need(b, told)).collect();
                let least = branches.iter().map(|branch| branch.least).min();
                Need {
                    least: least.unwrap_or(0),
                    ..side_by_side(&branches, None)
                }
            }
            Plan::Retry { body, attempts } => {
                let attempts = Most::of(u64::from(attempts.get()));
                self.need(body, told).again(attempts)
            }
            Plan::Reduce {
                inputs,
                body,
                reducer,
            } => {
                let given = Most::count(inputs.len());
                match body {
                    None => self.need(reducer, told + given),
                    Some(body) => {
                        let body = self.need(body, told);
                        let reducer = self.need(reducer, body.results + given);
                        Need {
                            results: reducer.results,
                            // What the body makes may be nothing, and then nothing is reduced.
                            ..body.then(reducer)
                        }
                    }
                }
            }
            Plan::Judge {
                given,
                body,
                evaluator,
                select,
                limit,
            } => {
                let body = body.as_ref().map(|body| self.need(body, told));
                let limit = limit.map(NonZeroUsize::get);
                self.judged(given.len(), body, evaluator, *select, limit)
            }
            Plan::Iterate {
                body,
                evaluator,
                max_iterations,
                ..
            } => {
                let body = self.need(body, told);
                let select = Selection::Best { keep_losers: false };
                let once = self.judged(0, Some(body), evaluator, select, None);
                once.again(Most::of(u64::from(max_iterations.get())))
            }
            Plan::FanOut {
                source,
                template,
                limit,
            } => self.fan_out(source, template, limit.map(NonZeroUsize::get), told),
            Plan::Hunt {
                strategies, limit, ..
            } => {
                let each: Vec<Need> = strategies.iter().map(|s| self.strategy(s, told)).collect();
                side_by_side(&each, limit.map(NonZeroUsize::get))
            }
            Plan::Limit { body, limits } => {
                let need = self.need(body, told);
                self.limited(need, limits)
            }
            Plan::Guard { refs, .. } => Need {
                results: told + Most::count(refs.len()),
                ..Need::NOTHING
            },
            Plan::Approve { .. } => {
                self.asks_people = true;
                Need {
                    results: told,
                    ..Need::NOTHING
                }
            }
            Plan::Pipeline { program } => {
                let need = self.pipeline(program, told).all;
                self.limited(need, &program.limits)
            }
            other => {
                let op = other.op();
                self.notes
                    .insert(format!("nothing is known of `{op}`, so there is no bound"));
                Need {
                    least: 0,
                    agents: Most::UNBOUNDED,
                    cost: Most::UNBOUNDED,
                    work: Most::UNBOUNDED,
                    path: Most::UNBOUNDED,
                    results: Most::UNBOUNDED,
                }
            }
        }
    }

    /// Of so many agents that want to start, those that surely do: others may wait for their turn until it is too late.
    pub(super) fn surely(&self, least: u64) -> u64 {
        let slots = if self.may_idle { 1 } else { self.slots };
        least.min(u64::try_from(slots).unwrap_or(u64::MAX))
    }

    pub(super) fn agent(&mut self, spec: &AgentSpec) -> Need {
        let is_cached = spec.sandbox.cache;
        if is_cached {
            self.notes
                .insert("an agent whose result is stored may not be started at all".to_owned());
        }
        self.may_idle |= !spec.sandbox.pools().is_empty();
        let time = Most::time(spec.sandbox.timeout);
        Need {
            least: u64::from(!is_cached),
            agents: Most::of(1),
            cost: Most::money(worst_case(spec)),
            work: time,
            path: time,
            results: Most::of(1),
        }
    }

    /// A body, and a judge for each of its results and of those that are given.
    fn judged(
        &mut self,
        given: usize,
        body: Option<Need>,
        evaluator: &Evaluator,
        select: Selection,
        limit: Option<usize>,
    ) -> Need {
        let made = body.map_or(Most::NOTHING, |body| body.results);
        let candidates = made + Most::count(given);
        let judge = self.agent(&evaluator.agent);
        let judges = judge.many(candidates, limit);
        let is_judged_anyway = body.is_none() || select != Selection::All;
        let least = judge.least.saturating_mul(if is_judged_anyway {
            u64::try_from(given).unwrap_or(u64::MAX)
        } else {
            0
        });
        let chosen = match select {
            Selection::Best { .. } => Some(Most::of(1)),
            Selection::Top { count } if count > 0 => Some(Most::of(u64::from(count))),
            Selection::All | Selection::Valid | Selection::Top { .. } => None,
        };
        let body = body.unwrap_or(Need::NOTHING);
        Need {
            least: body.least.saturating_add(least),
            results: candidates.within(chosen),
            ..body.then(judges)
        }
    }

    fn fan_out(
        &mut self,
        source: &AgentSpec,
        template: &Plan,
        limit: Option<usize>,
        told: Most,
    ) -> Need {
        let each = self.need(template, told);
        self.notes.insert(format!(
            "an agent that lists things lists {MAX_SEEDS} at most; more are refused"
        ));
        let items = each.many(Most::count(MAX_SEEDS), limit);
        let source = self.agent(source);
        Need {
            results: items.results,
            ..source.then(items)
        }
    }

    fn strategy(&mut self, strategy: &Strategy, told: Most) -> Need {
        let body = match &strategy.seeds {
            Seeds::Listed(seeds) => {
                let each = self.need(&strategy.template, told);
                each.many(Most::count(seeds.len()), None)
            }
            Seeds::Fetched(source) => self.fan_out(source, &strategy.template, None, told),
        };
        let select = Selection::Top {
            count: strategy.top,
        };
        self.judged(0, Some(body), &strategy.evaluator, select, None)
    }

    /// The same within limits, in which perhaps nothing can be started at all.
    pub(super) fn limited(&mut self, need: Need, limits: &ScopeLimits) -> Need {
        // Who waits for money leaves a slot free.
        self.may_idle |= limits.budget.is_some();
        let is_limited = limits.budget.is_some() || limits.wall_time.is_some();
        let time = limits.wall_time.map(Most::time);
        Need {
            least: if is_limited { 0 } else { need.least },
            cost: need.cost.within(limits.budget.map(Most::money)),
            work: need
                .work
                .within(time.map(|time| time.times(Most::count(self.slots)))),
            path: need.path.within(time),
            ..need
        }
    }
}

/// Branches of which all run, `limit` at once.
fn side_by_side(branches: &[Need], limit: Option<usize>) -> Need {
    let all = branches
        .iter()
        .fold(Need::NOTHING, |all, one| all.and(*one));
    let Some(limit) = limit else { return all };
    let serial = branches
        .iter()
        .fold(Most::NOTHING, |sum, one| sum + one.path);
    Need {
        path: serial.min(serial.divided(limit) + all.path),
        ..all
    }
}
