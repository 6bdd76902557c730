//! Stopping a run from outside: signals to this process, and `swarm runs kill` in another one.

pub(crate) mod signals;

use std::time::Duration;

use swarm_core::{
    drive::Stop,
    journal::{RunEvent, RunJournal, Sequence},
    tasks::TaskGroup,
};
use tokio::sync::{mpsc, watch};

use self::signals::{Heard, Signals};
use crate::{
    error::CliError,
    output::{Output, progress::Progress},
};

/// How often the log is asked whether somebody wants the run to end.
const KILL_POLL: Duration = Duration::from_millis(250);

/// Both ways to stop a run, for as long as this is kept.
#[derive(Debug)]
pub(crate) struct Stops {
    /// Asks the run to stop.
    pub(crate) stop: watch::Receiver<Option<Stop>>,
    /// Hears of the second signal: somebody is in a hurry.
    pub(crate) hurry: mpsc::Receiver<()>,
    tasks: TaskGroup,
}

impl Stops {
    /// Listens from now on. What it says does not come between `progress`.
    pub(crate) fn listen(
        journal: RunJournal,
        out: Output,
        progress: &Progress,
    ) -> Result<Self, CliError> {
        let (ask, stop) = watch::channel(None);
        let (hurry, in_a_hurry) = mpsc::channel(1);
        let mut tasks = TaskGroup::new();
        tasks.spawn(
            "signals",
            signals(
                Signals::listen()?,
                ask.clone(),
                hurry,
                out,
                progress.clone(),
            ),
        );
        tasks.spawn("kill requests", kill_requests(journal, ask));
        Ok(Self {
            stop,
            hurry: in_a_hurry,
            tasks,
        })
    }

    /// Listens no longer.
    pub(crate) async fn close(self) {
        // Nobody in the group listens to a polite request: they wait for signals and for time to pass.
        self.tasks.shutdown(Duration::ZERO).await;
    }
}

async fn signals(
    mut signals: Signals,
    ask: watch::Sender<Option<Stop>>,
    hurry: mpsc::Sender<()>,
    out: Output,
    progress: Progress,
) {
    loop {
        let heard = signals.next().await;
        if ask.borrow().is_none() {
            progress.aside(|| {
                out.notice("stopping the agents under way; ctrl-C again leaves at once");
            });
            ask.send_replace(Some(Stop::Interrupt));
        } else if heard == Heard::Hangup {
            // The kernel and the shell both tell of a terminal that is gone; nobody is in a hurry.
        } else if hurry.send(()).await.is_err() {
            return;
        }
    }
}

async fn kill_requests(journal: RunJournal, ask: watch::Sender<Option<Stop>>) {
    let mut seen = Sequence::default();
    let mut ticks = tokio::time::interval(KILL_POLL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // A log that cannot be read will stop the run by itself.
        let Ok(events) = journal.read_after(seen).await else {
            return;
        };
        if let Some((recorded, _)) = events.last() {
            seen = recorded.sequence;
        }
        // What was asked before somebody went on after the end counts no more.
        let last = events.iter().rev().find(|(_, event)| {
            matches!(
                event,
                RunEvent::CancelRequested | RunEvent::Restarted { .. }
            )
        });
        if matches!(last, Some((_, RunEvent::CancelRequested))) {
            ask.send_replace(Some(Stop::Cancel));
            return;
        }
    }
}
