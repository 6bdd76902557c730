//! Live progress of a run, on a terminal's stderr.

use std::{
    fmt,
    io::Write as _,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use swarm_core::{
    Notice,
    agents::{AgentEvent, Onlooker},
    ids::{AgentId, RunId},
    journal::{Observer, RunEvent},
    run_view::Counts,
    time::Timestamp,
};

use super::{Output, first_line, margin::Margin, printable};

/// Is told the name of the runtime once the run is in the log.
type Begins = Arc<dyn Fn(&str) + Send + Sync>;

/// A line that counts agents; silent if nobody watches.
#[derive(Clone)]
pub(crate) struct Progress {
    bar: ProgressBar,
    begins: Begins,
    out: Output,
    run: RunId,
    /// Until when agents wait, as far as it was said.
    said: Arc<Mutex<Option<Timestamp>>>,
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").finish_non_exhaustive()
    }
}

impl Progress {
    pub(crate) fn new(out: Output, run: &RunId, agents: usize) -> Self {
        let target = if out.is_watched() {
            ProgressDrawTarget::term_like(Box::new(Margin(Term::buffered_stderr())))
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
            begins: Arc::new(|_| {}),
            out,
            run: run.clone(),
            said: Arc::default(),
        }
    }

    /// Calls `begins` with the name of its runtime once the run is in the log: a run that is refused before that was never there.
    pub(crate) fn when_it_begins(mut self, begins: impl Fn(&str) + Send + Sync + 'static) -> Self {
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
        let progress = self.clone();
        Arc::new(move |event| {
            if let RunEvent::Started { runtime, .. } = event {
                progress.aside(|| (progress.begins)(runtime));
            }
            progress.show(event);
        })
    }

    /// Shows what agents do, if somebody watches.
    pub(crate) fn onlooker(&self) -> Option<Onlooker> {
        if self.bar.is_hidden() {
            return None;
        }
        let bar = self.bar.clone();
        Some(Arc::new(move |agent, event| {
            let doing = match event {
                AgentEvent::Text(text) => text.trim().to_owned(),
                AgentEvent::ToolCall { name } => format!("uses {name}"),
                AgentEvent::Retry { status: Some(429) } => "waits for its provider".to_owned(),
                AgentEvent::Retry { .. } => "asks again".to_owned(),
                AgentEvent::Request { .. } => return,
            };
            does(&bar, agent, &doing);
        }))
    }

    /// Shows what an agent does.
    pub(crate) fn does(&self, agent: &AgentId, what: &str) {
        does(&self.bar, agent, what);
    }

    /// Says what a person may want to know.
    pub(crate) fn notice(&self) -> Notice {
        let progress = self.clone();
        Arc::new(move |text| progress.aside(|| progress.out.notice(&printable(text))))
    }

    /// Takes the line out of the way while `print` writes to stderr; else it would stay there for good.
    pub(crate) fn aside(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    /// Takes the line away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// However many agents wait, it is for one reason.
    fn say_once(&self, kind: &str, until: Timestamp) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.replace(until) != Some(until) {
            let why = format!(
                "agents of kind {kind} wait until {until}: their provider takes no more requests; ctrl-C stops the run"
            );
            self.aside(|| self.out.notice(&why));
        }
    }

    fn show(&self, event: &RunEvent) {
        let bar = &self.bar;
        match event {
            RunEvent::AgentStarted { agent, .. } => bar.set_message(format!("{agent} started")),
            RunEvent::AgentEnded(ended) => {
                // A retry starts more agents than the plan could tell.
                bar.inc(1);
                if bar.position() > bar.length().unwrap_or_default() {
                    bar.inc_length(1);
                }
                if let Some(error) = &ended.outcome.error
                    && !bar.is_hidden()
                {
                    let line = format!("{}: {}", ended.agent, first_line(error, 100));
                    // Not through the bar: it takes the margin for the end of the line, and begins no other.
                    self.aside(|| drop(writeln!(anstream::stderr().lock(), "{line}")));
                }
                bar.set_message(printable(&format!(
                    "{} {}",
                    ended.agent, ended.outcome.exit
                )));
            }
            RunEvent::AgentWaits {
                agent, kind, until, ..
            } => {
                bar.set_message(format!("{agent} waits"));
                self.say_once(kind, *until);
            }
            RunEvent::ApprovalAsked { name, question, .. } => {
                bar.set_message(format!("{name} asks"));
                let run = &self.run;
                let asked = printable(&format!(
                    "{name} asks: {question}; `swarm runs approve {run} {name}` or `swarm runs reject {run} {name}` answers"
                ));
                self.aside(|| self.out.notice(&asked));
            }
            RunEvent::Started { .. }
            | RunEvent::EffectDone(_)
            | RunEvent::ApprovalAnswered { .. }
            | RunEvent::Restarted { .. }
            | RunEvent::CancelRequested
            | RunEvent::Interrupted
            | RunEvent::Resumed
            | RunEvent::LimitsChanged { .. }
            | RunEvent::Ended { .. } => {}
        }
    }
}

fn does(bar: &ProgressBar, agent: &AgentId, what: &str) {
    if !what.is_empty() {
        bar.set_message(printable(&format!("{agent} {}", first_line(what, 100))));
    }
}
