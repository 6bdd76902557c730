//! The order in which agents end, told again.
//!
//! An agent that is told again ends at once, so that the loser of a race could win it. So each waits until those have ended that
//! ended before it, and while it ran, when they were recorded. Nobody waits for ever: if nothing happens any more, whoever is
//! still waited for is not coming, because the run has become another one, or had got further when it was interrupted.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use swarm_core::ids::AgentId;
use tokio::{sync::watch, time::timeout};

use super::tape::Known;

/// How long nothing may happen before nobody waits for agents that have not begun.
const ABSENT: Duration = Duration::from_secs(1);
/// How long nothing may happen before an agent that had been stopped knows that nobody stops it.
const ABANDONED: Duration = Duration::from_secs(10);

/// Who has begun and ended so far.
#[derive(Debug)]
pub(super) struct Order {
    state: Mutex<State>,
    /// Counts whatever happens.
    steps: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    /// The ends that are still to come, by their place.
    awaited: BTreeMap<u64, AgentId>,
    under_way: BTreeSet<AgentId>,
}

/// An agent that is being told again.
#[derive(Debug)]
pub(super) struct Turn<'o> {
    order: &'o Order,
    agent: AgentId,
}

impl Order {
    pub(super) fn new(known: impl IntoIterator<Item = Known>) -> Self {
        let awaited = known.into_iter().map(|known| (known.ended, known.agent));
        Self {
            state: Mutex::new(State {
                awaited: awaited.collect(),
                under_way: BTreeSet::new(),
            }),
            steps: watch::Sender::new(0),
        }
    }

    /// `agent` begins; it ends when this is dropped.
    pub(super) fn begin(&self, agent: &AgentId) -> Turn<'_> {
        self.state().under_way.insert(agent.clone());
        self.step();
        Turn {
            order: self,
            agent: agent.clone(),
        }
    }

    /// Something happens: whoever waits goes on to wait.
    pub(super) fn step(&self) {
        self.steps
            .send_modify(|steps| *steps = steps.wrapping_add(1));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// Waits until everybody has ended who ended between `began` and `ended`.
    pub(super) async fn comes(&self, began: u64, ended: u64) {
        let mut steps = self.order.steps.subscribe();
        while self.is_preceded(began, ended) {
            if timeout(ABSENT, steps.changed()).await.is_err() {
                self.order.state().forget_absent(began, ended);
            }
        }
    }

    /// Waits until nothing has happened for so long that nothing will.
    pub(super) async fn is_abandoned(&self) {
        let mut steps = self.order.steps.subscribe();
        while timeout(ABANDONED, steps.changed()).await.is_ok() {}
    }

    fn is_preceded(&self, began: u64, ended: u64) -> bool {
        self.order.state().before(began, ended).next().is_some()
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.order.state();
        state.under_way.remove(&self.agent);
        state.awaited.retain(|_, agent| *agent != self.agent);
        drop(state);
        self.order.step();
    }
}

impl State {
    fn before(&self, began: u64, ended: u64) -> impl Iterator<Item = (&u64, &AgentId)> {
        // A damaged recording may have an end before its beginning.
        let began = began.saturating_add(1).min(ended);
        self.awaited.range(began..ended)
    }

    fn forget_absent(&mut self, began: u64, ended: u64) {
        let absent = self
            .before(began, ended)
            .filter(|(_, agent)| !self.under_way.contains(*agent));
        let absent: Vec<u64> = absent.map(|(place, _)| *place).collect();
        for place in absent {
            self.awaited.remove(&place);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    fn known(all: &[(&str, u64, u64)]) -> Vec<Known> {
        let known = all.iter().map(|(agent, began, ended)| Known {
            agent: AgentId::new(agent).unwrap(),
            began: *began,
            ended: *ended,
        });
        known.collect()
    }

    fn name(agent: &str) -> AgentId {
        AgentId::new(agent).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_ended_first_ends_first_again() {
        let order = Order::new(known(&[("slow", 0, 3), ("quick", 1, 2)]));
        let ends = Mutex::new(Vec::new());
        let slow = async {
            let turn = order.begin(&name("slow"));
            turn.comes(0, 3).await;
            ends.lock().unwrap().push("slow");
        };
        let quick = async {
            // As if it had to wait for its slot.
            tokio::time::sleep(Duration::from_millis(500)).await;
            let turn = order.begin(&name("quick"));
            turn.comes(1, 2).await;
            ends.lock().unwrap().push("quick");
        };
        let began = Instant::now();
        futures_util::future::join(slow, quick).await;
        assert_eq!(*ends.lock().unwrap(), ["quick", "slow"]);
        assert_eq!(began.elapsed(), Duration::from_millis(500));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_those_who_ran_before_or_do_not_come() {
        let order = Order::new(known(&[("a", 0, 1), ("b", 2, 5), ("gone", 3, 4)]));
        let began = Instant::now();
        let b = order.begin(&name("b"));
        b.comes(2, 5).await;
        assert_eq!(began.elapsed(), ABSENT, "a had ended before b began");
        drop(b);
    }

    #[tokio::test(start_paused = true)]
    async fn places_that_make_no_sense_stop_nobody() {
        let order = Order::new(known(&[
            ("a", 9, 1),
            ("b", 0, u64::MAX),
            ("c", u64::MAX, 0),
        ]));
        for (agent, began, ended) in [("a", 9, 1), ("c", u64::MAX, 0), ("b", 0, u64::MAX)] {
            order.begin(&name(agent)).comes(began, ended).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_agent_that_nobody_stops_is_abandoned_only_when_nothing_happens_any_more() {
        let order = Order::new(known(&[]));
        let turn = order.begin(&name("a"));
        let began = Instant::now();
        let others = async {
            for _ in 0..5 {
                tokio::time::sleep(Duration::from_secs(9)).await;
                drop(order.begin(&name("b")));
            }
        };
        futures_util::future::join(turn.is_abandoned(), others).await;
        assert_eq!(began.elapsed(), Duration::from_secs(45) + ABANDONED);
    }
}
