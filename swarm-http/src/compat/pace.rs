//! When the next event may go to a server of theirs.
//!
//! It looks up who is here for each message, and passes the message on once it knows. Two messages at once are looked up at once, and
//! whichever answer comes first is passed on first. So the next one waits until the look-up for this one was answered.

use std::time::Duration;

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// How long is waited for one that is known to look up.
const KNOWN: Duration = Duration::from_secs(1);
/// How long is waited for one of which that is not known.
const UNKNOWN: Duration = Duration::from_millis(50);
/// How long an answer to a look-up may take to be worked with on the other side.
const SETTLES: Duration = Duration::from_millis(3);
/// After so many messages without a look-up, none is expected any more.
const TRIES: u8 = 3;

/// What is known of one server, and whether it is waited for.
#[derive(Debug, Default)]
pub(super) struct Pace {
    looks_up: bool,
    missed: u8,
    /// How many look-ups there had been when the last message went.
    at: u64,
    until: Option<Instant>,
    /// The look-up was answered; only a moment is waited for.
    settles: bool,
}

impl Pace {
    /// A message goes, which is looked up.
    pub(super) fn sent(&mut self, lookups: u64) {
        self.at = lookups;
    }

    /// The message has come.
    pub(super) fn taken(&mut self, lookups: u64) {
        let wait = if self.looks_up { KNOWN } else { UNKNOWN };
        if lookups > self.at {
            self.looked_up();
        } else if self.looks_up || self.missed < TRIES {
            self.until = Some(Instant::now() + wait);
        }
    }

    /// Whether something is waited for.
    pub(super) const fn is_waiting(&self) -> bool {
        self.until.is_some()
    }

    /// Ready when the next one may go.
    pub(super) async fn over(&mut self, lookups: &mut watch::Receiver<u64>) {
        if let Some(until) = self.until.filter(|_| !self.settles) {
            tokio::select! {
                looked_up = lookups.wait_for(|count| *count > self.at) => {
                    drop(looked_up);
                    self.looked_up();
                }
                () = sleep_until(until) => {
                    self.missed = self.missed.saturating_add(1);
                    self.until = None;
                }
            }
        }
        if let Some(until) = self.until {
            sleep_until(until).await;
        }
        (self.until, self.settles) = (None, false);
    }

    fn looked_up(&mut self) {
        self.looks_up = true;
        self.missed = 0;
        self.settles = true;
        self.until = Some(Instant::now() + SETTLES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long the next one waits.
    async fn wait(pace: &mut Pace, lookups: &mut watch::Receiver<u64>) -> Duration {
        let began = Instant::now();
        pace.over(lookups).await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn who_looks_up_is_waited_for_and_who_does_not_only_at_first() {
        let (sender, mut lookups) = watch::channel(0);
        let mut pace = Pace::default();
        let mut waited = Vec::new();
        for _ in 0..5 {
            pace.sent(0);
            pace.taken(0);
            waited.push(wait(&mut pace, &mut lookups).await);
        }
        let zero = Duration::ZERO;
        assert_eq!(waited, [UNKNOWN, UNKNOWN, UNKNOWN, zero, zero]);
        // It begins to.
        pace.sent(0);
        pace.taken(1);
        assert_eq!(wait(&mut pace, &mut lookups).await, SETTLES);
        assert!(!pace.is_waiting());
        sender.send_replace(1);
        pace.sent(1);
        pace.taken(1);
        assert!(pace.is_waiting());
        sender.send_replace(2);
        assert_eq!(wait(&mut pace, &mut lookups).await, SETTLES);
        pace.sent(2);
        pace.taken(2);
        assert_eq!(wait(&mut pace, &mut lookups).await, KNOWN);
    }
}
