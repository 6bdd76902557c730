//! Live progress of a run, on a terminal's stderr.

use std::{sync::Arc, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use swarm_core::{
    journal::{Observer, RunEvent},
    run_view::Counts,
};

use super::{Output, first_line, printable};

/// A line that counts agents; silent if nobody watches.
#[derive(Clone)]
pub(crate) struct Progress {
    bar: ProgressBar,
    begins: Arc<dyn Fn() + Send + Sync>,
}

impl Progress {
    pub(crate) fn new(out: Output, agents: usize) -> Self {
        let target = if out.is_watched() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(agents as u64), target);
        let style =
            ProgressStyle::with_template("{spinner} {pos}/{len} agents, {elapsed} {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(100));
        Self {
            bar,
            begins: Arc::new(|| {}),
        }
    }

    /// Calls `begins` once the run is in the log: a run that is refused before that was never there.
    pub(crate) fn when_it_begins(mut self, begins: impl Fn() + Send + Sync + 'static) -> Self {
        self.begins = Arc::new(begins);
        self
    }

    /// Counts what was done before.
    pub(crate) fn already(&self, counts: Counts) {
        self.bar
            .set_position((counts.succeeded + counts.failed) as u64);
    }

    /// Keeps the line up to date.
    pub(crate) fn observer(&self) -> Observer {
        let bar = self.bar.clone();
        let begins = Arc::clone(&self.begins);
        Arc::new(move |event| {
            if matches!(event, RunEvent::Started { .. }) {
                begins();
            }
            show(&bar, event);
        })
    }

    /// Takes the line away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn show(bar: &ProgressBar, event: &RunEvent) {
    match event {
        RunEvent::AgentStarted { agent, .. } => bar.set_message(format!("{agent} started")),
        RunEvent::AgentEnded(ended) => {
            // A retry starts more agents than the plan could tell.
            bar.inc(1);
            if bar.position() > bar.length().unwrap_or_default() {
                bar.inc_length(1);
            }
            if let Some(error) = &ended.outcome.error {
                bar.println(format!("{}: {}", ended.agent, first_line(error, 100)));
            }
            bar.set_message(printable(&format!(
                "{} {}",
                ended.agent, ended.outcome.exit
            )));
        }
        RunEvent::Started { .. }
        | RunEvent::CancelRequested
        | RunEvent::Interrupted
        | RunEvent::Resumed
        | RunEvent::Ended { .. } => {}
    }
}
