//! Limits of parts of a plan, beside those of the run. Shared by whoever meets the demands of a plan.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    budget::{Budget, BudgetExhausted, Reservation},
    machine::{Cursor, Scope},
    money::Usd,
    refs::{BudgetStamp, Classification},
    run_view::RunView,
    time::{Clock, Timestamp},
};

/// The parts of one run that have limits of their own.
#[derive(Debug, Default)]
pub struct Scopes {
    open: Mutex<HashMap<Cursor, Arc<Part>>>,
    earlier: Vec<Earlier>,
}

/// What is known of an agent that ran, or still runs, before this process went on.
#[derive(Debug)]
struct Earlier {
    at: Cursor,
    started: Timestamp,
    counted: Usd,
    /// What was set aside for it, if it will be heard of again.
    held: Option<Usd>,
}

/// One part of a plan, once one of its agents wants to start.
#[derive(Debug)]
struct Part {
    purse: Budget,
    deadline: Option<Timestamp>,
    held: Mutex<HashMap<Cursor, Reservation>>,
}

/// What holds for one agent because of where it is.
#[derive(Debug)]
pub struct Bounds {
    /// The earliest of all deadlines.
    pub deadline: Option<Timestamp>,
    /// Whether that is the end of the time that a part of the plan may take.
    pub is_of_part: bool,
    /// The innermost first.
    parts: Vec<Arc<Part>>,
    /// How sensitive its result is at least.
    pub classification: Option<Classification>,
}

/// Money set aside in every purse that an agent draws on. Dropped before the agent has begun, it goes back.
#[derive(Debug)]
#[must_use = "dropping it gives the money back, or spends it if the agent has begun"]
pub struct Reserved {
    of_run: Reservation,
    of_parts: Vec<Reservation>,
}

impl Scopes {
    /// The parts of a run that goes on. `is_awaited` knows which agents will be heard of again.
    pub(crate) fn of(view: &RunView, is_awaited: impl Fn(&Cursor) -> bool) -> Self {
        let earlier = view.agents.iter().map(|(at, agent)| {
            let is_under_way = agent.outcome.is_none();
            let is_held = is_under_way && is_awaited(at);
            let lost = if is_under_way && !is_held {
                agent.reserved()
            } else {
                Usd::ZERO
            };
            Earlier {
                at: at.clone(),
                started: agent.started(),
                counted: agent.counted() + lost,
                held: is_held.then(|| agent.reserved()),
            }
        });
        Self {
            open: Mutex::default(),
            earlier: earlier.collect(),
        }
    }

    /// When an earlier process started the agent at `at`, if one did.
    pub(crate) fn started(&self, at: &Cursor) -> Option<Timestamp> {
        let earlier = self.earlier.iter().find(|earlier| earlier.at == *at);
        earlier.map(|earlier| earlier.started)
    }

    /// What holds within `scope`.
    pub fn bounds(
        &self,
        scope: Option<&Arc<Scope>>,
        of_run: Option<Timestamp>,
        clock: &dyn Clock,
    ) -> Bounds {
        let mut bounds = Bounds {
            deadline: of_run,
            is_of_part: false,
            parts: Vec::new(),
            classification: None,
        };
        for scope in Scope::outwards(scope) {
            let part = self.part(scope, clock);
            if let Some(own) = part.deadline
                && bounds.deadline.is_none_or(|earliest| own < earliest)
            {
                bounds.deadline = Some(own);
                bounds.is_of_part = true;
            }
            bounds.parts.push(part);
            let own = scope.limits.classification.clone();
            bounds.classification = match (bounds.classification.take(), own) {
                (Some(a), Some(b)) => Some(a.combined(b)),
                (a, b) => a.or(b),
            };
        }
        bounds
    }

    fn part(&self, scope: &Scope, clock: &dyn Clock) -> Arc<Part> {
        let mut open = lock(&self.open);
        let part = open.entry(scope.at.clone());
        Arc::clone(part.or_insert_with(|| {
            let mine = || self.earlier.iter().filter(|e| e.at.is_within(&scope.at));
            let begun = mine().map(|earlier| earlier.started).min();
            let begun = begun.unwrap_or_else(|| clock.now());
            let spent = mine().map(|earlier| earlier.counted).sum();
            let purse = Budget::new(scope.limits.budget, spent);
            // Held from the beginning, so that nobody else gets it first.
            let held =
                mine().filter_map(|earlier| Some((earlier.at.clone(), purse.hold(earlier.held?))));
            Arc::new(Part {
                deadline: scope.limits.wall_time.map(|time| begun.plus(time)),
                held: Mutex::new(held.collect()),
                purse,
            })
        }))
    }
}

impl Bounds {
    /// How much time is left; none if there is no deadline.
    pub fn remaining(&self, clock: &dyn Clock) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.since(clock.now()))
    }

    /// Sets `worst_case` aside everywhere, from the innermost purse outwards, unless that was done.
    pub async fn reserve(
        &self,
        run: &Budget,
        worst_case: Usd,
        holds: Option<Reserved>,
    ) -> Result<Reserved, BudgetExhausted> {
        if let Some(holds) = holds {
            return Ok(holds);
        }
        let mut of_parts = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            of_parts.push(part.purse.reserve(worst_case).await?);
        }
        let of_run = run.reserve(worst_case).await?;
        Ok(Reserved { of_run, of_parts })
    }

    /// What an earlier process has set aside for the agent at `at`, of which the run has set `of_run` aside.
    ///
    /// To be taken before anything else is asked for: what nobody takes is never settled, and others would wait for it for ever.
    pub fn held(&self, at: &Cursor, of_run: Reservation) -> Reserved {
        let of_parts = self.parts.iter().map(|part| {
            let held = lock(&part.held).remove(at);
            held.unwrap_or_else(|| part.purse.hold(of_run.amount()))
        });
        Reserved {
            of_parts: of_parts.collect(),
            of_run,
        }
    }
}

impl Reserved {
    /// What was set aside.
    pub fn amount(&self) -> Usd {
        self.of_run.amount()
    }

    /// Takes note that the agent may cost something from now on.
    pub fn begin(&mut self) {
        self.of_run.begin();
        self.of_parts.iter_mut().for_each(Reservation::begin);
    }

    /// Settles everywhere; what is stamped is the purse of the run.
    pub fn settle(self, cost: Option<Usd>) -> BudgetStamp {
        for part in self.of_parts {
            let _ = part.settle(cost);
        }
        self.of_run.settle(cost)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is complete when it can panic, so a poisoned lock is still sound.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
