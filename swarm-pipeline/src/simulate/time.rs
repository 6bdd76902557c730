//! Time that passes only when nothing else can happen.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use swarm_core::time::{Clock, Timestamp};

/// A clock in whole milliseconds that begins at zero. Clones are the same clock.
#[derive(Clone, Debug, Default)]
pub(super) struct VirtualClock {
    shared: Arc<Mutex<Timers>>,
}

#[derive(Debug, Default)]
struct Timers {
    now: u64,
    asleep: BinaryHeap<Reverse<Sleeper>>,
    next_id: u64,
}

#[derive(Debug)]
struct Sleeper {
    until: u64,
    /// Who slept first wakes first, so that the same simulation is always the same.
    id: u64,
    waker: Waker,
}

impl PartialEq for Sleeper {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Sleeper {}

impl PartialOrd for Sleeper {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Sleeper {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.until, self.id).cmp(&(other.until, other.id))
    }
}

impl VirtualClock {
    fn timers(&self) -> MutexGuard<'_, Timers> {
        // Every change is complete when it can panic, so a poisoned lock is still sound.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps; what is not a whole millisecond is rounded up.
    pub(super) fn sleep(&self, time: Duration) -> Sleep {
        let until = self.timers().now.saturating_add(millis(time));
        Sleep {
            clock: self.clone(),
            until,
        }
    }

    /// Does `work`, and lets time pass whenever that waits. `None` if it waits for something that never happens.
    pub(super) fn block_on<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let flag = Arc::new(Flag::default());
        let waker = Waker::from(Arc::clone(&flag));
        let mut context = Context::from_waker(&waker);
        let mut work = pin!(work);
        loop {
            if let Poll::Ready(done) = work.as_mut().poll(&mut context) {
                return Some(done);
            }
            if flag.0.swap(false, Ordering::AcqRel) {
                continue;
            }
            let next = {
                let mut timers = self.timers();
                let Reverse(next) = timers.asleep.pop()?;
                timers.now = timers.now.max(next.until);
                next
            };
            next.waker.wake();
        }
    }
}

/// In whole milliseconds, rounded up.
fn millis(time: Duration) -> u64 {
    let millis = time.as_nanos().div_ceil(1_000_000);
    u64::try_from(millis).unwrap_or(u64::MAX)
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.timers().now)
    }
}

#[derive(Debug)]
pub(super) struct Sleep {
    clock: VirtualClock,
    until: u64,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut timers = self.clock.timers();
        if timers.now >= self.until {
            return Poll::Ready(());
        }
        // A sleeper that was polled twice is woken twice, and one that is gone is woken in vain; both do no harm.
        let id = timers.next_id;
        timers.next_id += 1;
        timers.asleep.push(Reverse(Sleeper {
            until: self.until,
            id,
            waker: context.waker().clone(),
        }));
        Poll::Pending
    }
}

#[derive(Debug, Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join;

    use super::*;

    #[test]
    fn sleepers_wake_in_the_order_of_their_time_and_nobody_waits() {
        let clock = VirtualClock::default();
        let order = Mutex::new(Vec::new());
        let day = Duration::from_hours(24);
        let nap = |days: u32| {
            let (clock, order) = (clock.clone(), &order);
            async move {
                clock.sleep(day * days).await;
                order.lock().unwrap().push((days, clock.now()));
            }
        };
        clock.block_on(join(nap(2), nap(1))).unwrap();
        let at = |days| Timestamp::default().plus(day * days);
        assert_eq!(*order.lock().unwrap(), [(1, at(1)), (2, at(2))]);
    }

    #[test]
    fn who_waits_for_what_never_happens_is_told_so() {
        let clock = VirtualClock::default();
        assert_eq!(clock.block_on(std::future::pending::<()>()), None);
    }
}
