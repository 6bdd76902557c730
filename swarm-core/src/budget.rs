//! What a run may spend.
//!
//! The worst case of an agent is set aside before it starts and settled when it has ended, so agents that
//! run side by side cannot together spend what each alone could have.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use tokio::sync::Notify;

use crate::{money::Usd, refs::BudgetStamp};

/// The budget does not cover an agent, and nothing that is under way can change that.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "budget exhausted: spent {spent} of {limit}, and this agent may cost {wanted}; raise the budget, or lower `max_budget` of the agent"
)]
pub struct BudgetExhausted {
    /// What was spent.
    pub spent: Usd,
    /// What may be spent.
    pub limit: Usd,
    /// The worst case of the agent.
    pub wanted: Usd,
}

/// The purse of one run. Cheap to clone; all clones are the same purse.
#[derive(Clone, Debug)]
pub struct Budget {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limit: Option<Usd>,
    purse: Mutex<Purse>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Purse {
    spent: Usd,
    reserved: Usd,
}

/// Money set aside for one agent. Dropped before the agent has begun, it goes back; dropped unsettled after
/// that, all of it counts as spent, since nobody knows better.
#[derive(Debug)]
#[must_use = "dropping a reservation gives the money back, or spends it if the agent has begun"]
pub struct Reservation {
    shared: Arc<Shared>,
    amount: Usd,
    begun: bool,
    settled: bool,
}

impl Budget {
    /// A purse with `limit` in all, of which `spent` is gone already. Without a limit it only counts.
    pub fn new(limit: Option<Usd>, spent: Usd) -> Self {
        let purse = Mutex::new(Purse {
            spent,
            reserved: Usd::ZERO,
        });
        Self {
            shared: Arc::new(Shared {
                limit,
                purse,
                changed: Notify::new(),
            }),
        }
    }

    /// Sets `worst_case` aside. Waits as long as what others have set aside may yet come back.
    pub async fn reserve(&self, worst_case: Usd) -> Result<Reservation, BudgetExhausted> {
        loop {
            // Armed before looking, or a settlement in between would go unheard.
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match self.try_reserve(worst_case) {
                Some(result) => return result,
                None => changed.await,
            }
        }
    }

    /// `None` if it is too early to say.
    fn try_reserve(&self, wanted: Usd) -> Option<Result<Reservation, BudgetExhausted>> {
        let mut purse = self.shared.purse();
        if let Some(limit) = self.shared.limit {
            let spent = purse.spent;
            if spent + wanted > limit {
                return Some(Err(BudgetExhausted {
                    spent,
                    limit,
                    wanted,
                }));
            }
            if spent + purse.reserved + wanted > limit {
                return None;
            }
        }
        purse.reserved = purse.reserved + wanted;
        drop(purse);
        let shared = Arc::clone(&self.shared);
        Some(Ok(Reservation {
            shared,
            amount: wanted,
            begun: false,
            settled: false,
        }))
    }

    /// What an earlier process of ours set aside for an agent that may still be under way. It was allowed then, so it
    /// is not checked against the limit again.
    pub fn hold(&self, amount: Usd) -> Reservation {
        let mut purse = self.shared.purse();
        purse.reserved = purse.reserved + amount;
        drop(purse);
        Reservation {
            shared: Arc::clone(&self.shared),
            amount,
            begun: true,
            settled: false,
        }
    }

    /// What was spent so far.
    pub fn spent(&self) -> Usd {
        self.shared.purse().spent
    }
}

impl Reservation {
    /// What was set aside.
    pub fn amount(&self) -> Usd {
        self.amount
    }

    /// Takes note that the agent may cost something from now on.
    pub fn begin(&mut self) {
        self.begun = true;
    }

    /// Replaces what was set aside by what it did cost; `None` (nobody can say) counts in full.
    ///
    /// An agent that cost more than its own worst case is counted with what it cost: the record is honest,
    /// and whatever comes next finds less.
    pub fn settle(mut self, cost: Option<Usd>) -> BudgetStamp {
        self.close(cost.unwrap_or(self.amount))
    }

    fn close(&mut self, cost: Usd) -> BudgetStamp {
        self.settled = true;
        let spent = {
            let mut purse = self.shared.purse();
            purse.reserved = purse.reserved.saturating_sub(self.amount);
            purse.spent = purse.spent + cost;
            purse.spent
        };
        self.shared.changed.notify_waiters();
        BudgetStamp {
            step_cost: cost,
            spent_so_far: spent,
            remaining: self.shared.limit.map(|limit| limit.saturating_sub(spent)),
            limit: self.shared.limit,
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.settled {
            let cost = if self.begun { self.amount } else { Usd::ZERO };
            self.close(cost);
        }
    }
}

impl Shared {
    fn purse(&self) -> MutexGuard<'_, Purse> {
        // Every change is complete when it can panic, so a poisoned lock is still sound.
        self.purse.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
