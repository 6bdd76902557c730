//! Slots and named pools that agents wait for.
//!
//! Whoever asks gets everything or waits for everything: nobody holds one thing while waiting for another,
//! so nobody can be in anybody's way for ever. The rules, in the order of the queue:
//!
//! * Who waits for a named pool holds no slot, and keeps no slot from those behind.
//! * Who is first in line for a named pool is not overtaken there.
//! * Who only lacks a slot is not overtaken for the slot.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use thiserror::Error;
use tokio::sync::oneshot;

/// How many agents may run at once if nobody says otherwise.
pub const DEFAULT_MAX_CONCURRENT: usize = 10;
/// How long an agent waits for its turn if nobody says otherwise.
pub const DEFAULT_QUEUE_TIMEOUT: Duration = Duration::from_hours(1);

/// How much there is of everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Agents at once, whatever they need.
    pub slots: NonZeroUsize,
    /// Agents at once per named pool; a pool that is not listed has room for one.
    pub pools: BTreeMap<String, NonZeroUsize>,
    /// How long an agent waits for its turn.
    pub queue_timeout: Duration,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            slots: NonZeroUsize::new(DEFAULT_MAX_CONCURRENT).unwrap_or(NonZeroUsize::MIN),
            pools: BTreeMap::new(),
            queue_timeout: DEFAULT_QUEUE_TIMEOUT,
        }
    }
}

impl PoolLimits {
    /// The capacity of the pool `name`: by its exact name, else in upper case with `_` for other characters, as a shell
    /// can write it.
    fn named(&self, name: &str) -> Option<usize> {
        let found = self.pools.get(name);
        let found = found.or_else(|| self.pools.get(&shell_name(name)));
        found.map(|capacity| capacity.get())
    }
}

/// The name of a pool as a shell can write it.
fn shell_name(name: &str) -> String {
    let written = name.chars().map(|c| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    });
    written.collect()
}

/// Nothing was free in time.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "could not acquire {what} within {}s; raise SWARM_QUEUE_TIMEOUT or the capacity ({})",
    waited.as_secs_f64(),
    hint
)]
pub struct QueueTimeout {
    what: String,
    hint: String,
    waited: Duration,
}

/// Everything that agents wait for. Cheap to clone; all clones are the same pools.
#[derive(Clone, Debug)]
pub struct ResourcePools {
    shared: Arc<Shared>,
    queue_timeout: Duration,
    /// What those who ask here wait for besides, if they may not use everything.
    part: Option<Arc<Part>>,
}

/// A part of the slots, which is a pool that nobody else asks for.
#[derive(Debug)]
struct Part {
    shared: Arc<Shared>,
    pool: String,
}

impl Drop for Part {
    fn drop(&mut self) {
        self.shared.lock().sizes.remove(&self.pool);
    }
}

#[derive(Debug)]
struct Shared {
    limits: PoolLimits,
    state: Mutex<State>,
}

/// What somebody asks for besides a slot.
type Pools = Arc<BTreeSet<String>>;

#[derive(Debug, Default)]
struct State {
    slots_used: usize,
    /// Pools that are not in the limits and have room for more than one.
    sizes: BTreeMap<String, usize>,
    pools_used: BTreeMap<String, usize>,
    /// Who waits, by what they wait for, each line in the order of arrival. All in a line want the same, so
    /// whoever is next is the first of some line, and ten thousand behind them need not be looked at.
    lines: BTreeMap<Pools, VecDeque<Waiter>>,
    next_id: u64,
}

#[derive(Debug)]
struct Waiter {
    /// Counts up over all lines.
    id: u64,
    grant: oneshot::Sender<Permits>,
}

/// One slot and one place in each pool asked for; given back when dropped.
#[derive(Debug)]
#[must_use = "dropping the permits gives everything back"]
pub struct Permits {
    shared: Arc<Shared>,
    pools: Pools,
}

impl ResourcePools {
    /// Pools of which nothing is in use.
    pub fn new(limits: PoolLimits) -> Self {
        Self {
            queue_timeout: limits.queue_timeout,
            shared: Arc::new(Shared {
                limits,
                state: Mutex::default(),
            }),
            part: None,
        }
    }

    /// The same pools for somebody who may use no more than `limits` of them, and waits as long as they say.
    ///
    /// A pool that nobody has set a limit for has the size that was asked for first.
    #[must_use]
    pub fn within(&self, limits: &PoolLimits) -> Self {
        let mut state = self.shared.lock();
        for (pool, size) in &limits.pools {
            if self.shared.limits.named(pool).is_none() {
                state
                    .sizes
                    .entry(pool.clone())
                    .or_insert_with(|| size.get());
            }
        }
        let part = (limits.slots < self.shared.limits.slots).then(|| {
            let id = state.next_id;
            state.next_id += 1;
            // No pool of a user has such a name.
            let pool = format!("\0{id}");
            state.sizes.insert(pool.clone(), limits.slots.get());
            let shared = Arc::clone(&self.shared);
            Arc::new(Part { shared, pool })
        });
        drop(state);
        Self {
            shared: Arc::clone(&self.shared),
            queue_timeout: limits.queue_timeout,
            part,
        }
    }

    /// How long somebody waits at most.
    pub fn queue_timeout(&self) -> Duration {
        self.queue_timeout
    }

    /// Waits for a slot and a place in each of `pools`; a name given twice counts once.
    ///
    /// Dropping the future gives up the place in the queue and leaks nothing.
    pub async fn acquire(
        &self,
        pools: impl IntoIterator<Item = String>,
    ) -> Result<Permits, QueueTimeout> {
        let timeout = tokio::time::sleep(self.queue_timeout);
        self.acquire_unless(pools, timeout).await
    }

    /// The same, but it is `too_late` that says when to give up, for those whose time is not that of the machine.
    pub async fn acquire_unless(
        &self,
        pools: impl IntoIterator<Item = String>,
        too_late: impl Future<Output = ()>,
    ) -> Result<Permits, QueueTimeout> {
        let part = self.part.iter().map(|part| part.pool.clone());
        let pools: Pools = Arc::new(pools.into_iter().chain(part).collect());
        let (grant, granted) = oneshot::channel();
        let mut place = {
            let mut state = self.shared.lock();
            let id = state.next_id;
            state.next_id += 1;
            let line = state.lines.entry(Arc::clone(&pools)).or_default();
            line.push_back(Waiter { id, grant });
            Place {
                shared: &self.shared,
                pools: Arc::clone(&pools),
                id,
                granted: false,
            }
        };
        self.shared.grant();
        let granted = tokio::select! {
            biased;
            granted = granted => granted.ok(),
            () = too_late => None,
        };
        match granted {
            Some(permits) => {
                place.granted = true;
                Ok(permits)
            }
            None => Err(self.timed_out(&pools, self.queue_timeout)),
        }
    }

    fn timed_out(&self, pools: &BTreeSet<String>, waited: Duration) -> QueueTimeout {
        let limits = &self.shared.limits;
        let state = self.shared.lock();
        let short = pools.iter().find(|pool| !state.has_place(limits, pool));
        match short {
            Some(pool) if self.part.as_ref().is_some_and(|part| part.pool == **pool) => {
                QueueTimeout {
                    what: "an execution slot".to_owned(),
                    hint: format!("this run may use {} at once", state.capacity(limits, pool)),
                    waited,
                }
            }
            Some(pool) => QueueTimeout {
                what: format!("resource `{pool}`"),
                hint: format!("SWARM_RESOURCE_{pool} is {}", state.capacity(limits, pool)),
                waited,
            },
            None => QueueTimeout {
                what: "an execution slot".to_owned(),
                hint: format!("SWARM_MAX_CONCURRENT is {}", limits.slots),
                waited,
            },
        }
    }
}

impl State {
    fn has_place(&self, limits: &PoolLimits, pool: &str) -> bool {
        self.pools_used.get(pool).copied().unwrap_or(0) < self.capacity(limits, pool)
    }

    fn capacity(&self, limits: &PoolLimits, pool: &str) -> usize {
        let asked_for = || {
            let size = self.sizes.get(pool);
            size.or_else(|| self.sizes.get(&shell_name(pool))).copied()
        };
        limits.named(pool).or_else(asked_for).unwrap_or(1)
    }

    /// The line whose first may go now; see the rules at the top.
    fn next_to_go(&self, limits: &PoolLimits) -> Option<Pools> {
        if self.slots_used >= limits.slots.get() {
            return None;
        }
        let first = |line: &VecDeque<Waiter>| line.front().map(|waiter| waiter.id);
        let mut lines: Vec<(u64, &Pools)> = self
            .lines
            .iter()
            .filter_map(|(pools, line)| Some((first(line)?, pools)))
            .collect();
        lines.sort_unstable_by_key(|&(id, _)| id);
        let mut taken: BTreeSet<&str> = BTreeSet::new();
        for (_, pools) in lines {
            let names = || pools.iter().map(String::as_str);
            if names().all(|pool| !taken.contains(pool) && self.has_place(limits, pool)) {
                return Some(Arc::clone(pools));
            }
            taken.extend(names());
        }
        None
    }

    /// Takes one waiter out of the line for `pools`: who `at` finds there.
    fn take(
        &mut self,
        pools: &Pools,
        at: impl FnOnce(&VecDeque<Waiter>) -> Option<usize>,
    ) -> Option<Waiter> {
        let line = self.lines.get_mut(pools)?;
        let waiter = at(line).and_then(|i| line.remove(i));
        if line.is_empty() {
            self.lines.remove(pools);
        }
        waiter
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change to the state is complete when it can panic, so a poisoned lock is still sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets everybody go who may.
    fn grant(self: &Arc<Self>) {
        loop {
            let (pools, waiter) = {
                let mut state = self.lock();
                let Some(pools) = state.next_to_go(&self.limits) else {
                    return;
                };
                let Some(waiter) = state.take(&pools, |_| Some(0)) else {
                    return;
                };
                state.slots_used += 1;
                for pool in pools.iter() {
                    *state.pools_used.entry(pool.clone()).or_default() += 1;
                }
                (pools, waiter)
            };
            let permits = Permits {
                shared: Arc::clone(self),
                pools,
            };
            // Who has given up in this very moment gets nothing, and dropping the permits gives it back.
            drop(waiter.grant.send(permits));
        }
    }
}

impl Drop for Permits {
    fn drop(&mut self) {
        {
            let mut state = self.shared.lock();
            state.slots_used -= 1;
            for pool in self.pools.iter() {
                if let Some(used) = state.pools_used.get_mut(pool) {
                    *used -= 1;
                    if *used == 0 {
                        state.pools_used.remove(pool);
                    }
                }
            }
        }
        self.shared.grant();
    }
}

/// A place in the queue, given up when dropped.
struct Place<'p> {
    shared: &'p Arc<Shared>,
    pools: Pools,
    id: u64,
    /// Who has been granted is in no line any more.
    granted: bool,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.granted {
            return;
        }
        let gone = self.shared.lock().take(&self.pools, |line| {
            line.binary_search_by_key(&self.id, |waiter| waiter.id).ok()
        });
        if gone.is_some() {
            self.shared.grant();
        }
    }
}

#[cfg(test)]
mod tests;
