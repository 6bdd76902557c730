//! What an agent needs before it may start: time, money, a slot and its pools.

use std::{sync::Arc, time::Duration};

use super::Stopped;
use crate::{
    agents::AgentKind,
    breaker::Breakers,
    budget::Budget,
    drive::{Halt, Start},
    journal::{RunEvent, RunJournal},
    money::Usd,
    outcome::{AgentOutcome, ExitReason},
    refs::{BudgetStamp, DeadlineStamp},
    resources::{Permits, ResourcePools},
    scopes::{Bounds, Reserved},
    spec::AgentSpec,
    time::{Clock, Timestamp},
};

/// What limits the time of an agent besides its own timeout, and what to do if that was too little.
pub(super) const fn limit_of_time(bounds: &Bounds) -> (&'static str, &'static str) {
    if bounds.is_of_part {
        let more = "run it again with more time for that, or with more agents at once";
        ("the time that this part of the run may take", more)
    } else {
        let more = "run it again with a later deadline, or with more agents at once";
        ("the deadline of the run", more)
    }
}

/// The limits of one run.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) pools: ResourcePools,
    pub(crate) breakers: Breakers,
    pub(crate) budget: Budget,
    pub(crate) deadline: Option<Timestamp>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What is to be admitted.
#[derive(Clone, Copy)]
pub(super) struct Applicant<'a> {
    pub(super) start: &'a Start,
    pub(super) kind: &'static dyn AgentKind,
    /// Who runs already is no burden to its provider.
    pub(super) is_new: bool,
    /// An earlier process has started it, and it is to be taken over: no deadline keeps it from that, not even one that has passed.
    pub(super) is_under_way: bool,
    pub(super) bounds: &'a Bounds,
}

/// Leave to start. The permits go back when it is settled or dropped.
#[derive(Debug)]
pub(super) struct Admission {
    reserved: Reserved,
    _permits: Permits,
}

impl Admission {
    pub(super) fn reserved(&self) -> Usd {
        self.reserved.amount()
    }

    pub(super) fn begin(&mut self) {
        self.reserved.begin();
    }

    pub(super) fn settle(self, cost: Option<Usd>) -> BudgetStamp {
        self.reserved.settle(cost)
    }
}

impl Limits {
    /// How an agent ends for which it is too late already.
    pub(super) fn refuses(&self, bounds: &Bounds) -> Option<AgentOutcome> {
        let remaining = bounds.remaining(self.clock.as_ref());
        (remaining == Some(Duration::ZERO)).then(|| not_in_time(bounds))
    }

    /// Waits for everything the agent needs; gives up at the deadline and when halted. An agent that is under way
    /// `holds` its money already.
    pub(super) async fn admit(
        &self,
        applicant: Applicant<'_>,
        holds: Option<Reserved>,
        halt: &Halt,
        journal: &RunJournal,
    ) -> Result<Admission, Stopped> {
        let bounds = applicant.bounds;
        let counts = !applicant.is_under_way;
        let left = || bounds.remaining(self.clock.as_ref());
        let remaining = || counts.then(left).flatten();
        let at_first = remaining();
        if at_first == Some(Duration::ZERO) {
            return Err(too_late(bounds));
        }
        let deadline = async {
            match at_first {
                Some(remaining) => tokio::time::sleep(remaining).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = halt.token().cancelled() => Err(halted(halt)),
            admitted = self.wait(applicant, holds, journal) => match admitted {
                // The slot may come from somebody whom the deadline has just stopped.
                Ok(_) if remaining() == Some(Duration::ZERO) => Err(too_late(bounds)),
                admitted => admitted,
            },
            () = deadline => Err(too_late(bounds)),
        }
    }

    /// Money before permits: who waits for money must not keep others from a slot.
    async fn wait(
        &self,
        applicant: Applicant<'_>,
        holds: Option<Reserved>,
        journal: &RunJournal,
    ) -> Result<Admission, Stopped> {
        let spec = applicant.start.spec.as_ref();
        let worst_case = applicant.kind.worst_case(spec);
        let denied = |exit, error: String| Stopped::Denied(AgentOutcome::not_started(exit, error));
        // Before the money, too: it may take days, and others can use it meanwhile.
        self.until_closed(applicant, journal).await?;
        let reserved = applicant
            .bounds
            .reserve(&self.budget, worst_case, holds)
            .await
            .map_err(|error| denied(ExitReason::BudgetExhausted, error.to_string()))?;
        loop {
            self.until_closed(applicant, journal).await?;
            let permits = self
                .pools
                .acquire(spec.sandbox.pools())
                .await
                .map_err(|error| denied(ExitReason::QueueTimedOut, error.to_string()))?;
            // The slot may come from somebody whose provider has just refused its requests.
            if self.open_until(applicant).is_none() {
                return Ok(Admission {
                    reserved,
                    _permits: permits,
                });
            }
        }
    }

    /// Waits until the provider takes requests, and says so in the log.
    async fn until_closed(
        &self,
        applicant: Applicant<'_>,
        journal: &RunJournal,
    ) -> Result<(), Stopped> {
        let mut told = None;
        while let Some(until) = self.open_until(applicant) {
            if told != Some(until) {
                let waits = RunEvent::AgentWaits {
                    at: applicant.start.at.clone(),
                    agent: applicant.start.agent.clone(),
                    kind: applicant.kind.name().to_owned(),
                    until,
                };
                journal
                    .append(vec![waits])
                    .await
                    .map_err(|error| Stopped::Broken(error.into()))?;
                told = Some(until);
            }
            tokio::time::sleep(until.since(self.clock.now())).await;
        }
        Ok(())
    }

    fn open_until(&self, applicant: Applicant<'_>) -> Option<Timestamp> {
        if !applicant.is_new {
            return None;
        }
        self.breakers
            .open_until(applicant.kind.name(), self.clock.now())
    }

    /// Learns from how an agent ended whether its provider takes requests.
    pub(super) fn learn(
        &self,
        kind: &'static dyn AgentKind,
        exit: &ExitReason,
        reset: Option<Timestamp>,
    ) {
        match exit {
            ExitReason::RateLimited => self.breakers.trip(kind.name(), self.clock.now(), reset),
            ExitReason::Completed => self.breakers.close(kind.name()),
            _ => {}
        }
    }

    /// The time in `wait`.
    pub(super) fn after(&self, wait: Duration) -> Timestamp {
        self.clock.now().plus(wait)
    }

    /// How long the agent may run: its own timeout, but not past the deadline.
    pub(super) fn timeout(&self, spec: &AgentSpec, bounds: &Bounds) -> Duration {
        let own = spec.sandbox.timeout;
        let remaining = bounds.remaining(self.clock.as_ref());
        remaining.map_or(own, |remaining| own.min(remaining))
    }

    /// The same for one that runs since `started`, from then on: there may be nothing left of it.
    pub(super) fn timeout_since(started: Timestamp, spec: &AgentSpec, bounds: &Bounds) -> Duration {
        let own = spec.sandbox.timeout;
        let until = bounds.deadline.map(|deadline| deadline.since(started));
        until.map_or(own, |until| own.min(until))
    }

    /// What to tell about an agent that the deadline stopped.
    pub(super) fn stopped_at_deadline(bounds: &Bounds) -> Option<String> {
        bounds.deadline.map(|deadline| {
            let (limit, more) = limit_of_time(bounds);
            let until = if bounds.is_of_part {
                "at the end of "
            } else {
                "at "
            };
            format!("stopped {until}{limit}, {deadline}; what it had printed is kept; {more}")
        })
    }

    pub(super) fn deadline_stamp(&self, bounds: &Bounds) -> Option<DeadlineStamp> {
        let deadline = bounds.deadline?;
        let now = self.clock.now();
        let left = deadline.since(now).as_secs_f64() - now.since(deadline).as_secs_f64();
        Some(DeadlineStamp {
            deadline: deadline.seconds(),
            time_remaining: (left * 100.0).round() / 100.0,
        })
    }
}

fn too_late(bounds: &Bounds) -> Stopped {
    Stopped::Denied(not_in_time(bounds))
}

fn not_in_time(bounds: &Bounds) -> AgentOutcome {
    let when = bounds.deadline.unwrap_or_default();
    let (limit, more) = limit_of_time(bounds);
    let until = if bounds.is_of_part { "until " } else { "" };
    AgentOutcome::not_started(
        ExitReason::DeadlineExceeded,
        format!("{limit}, {until}{when}, had passed before it could start; {more}"),
    )
}

fn halted(halt: &Halt) -> Stopped {
    if halt.is_interruption() {
        Stopped::Interrupted
    } else {
        let error = "stopped while it waited for its turn";
        Stopped::Denied(AgentOutcome::not_started(ExitReason::Cancelled, error))
    }
}
