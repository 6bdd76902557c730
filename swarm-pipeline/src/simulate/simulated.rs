//! What came of a simulation.

use std::{fmt, time::Duration};

use serde::Serialize;
use swarm_core::{
    ids::AgentId,
    machine::{Account, Cursor, End, PipelineTrace},
    money::Usd,
    outcome::ExitReason,
    time::seconds,
};

/// What came of a simulation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Simulated {
    /// How it ended.
    pub end: End,
    /// What there is to say besides: scores, iterations, the way through a pipeline.
    pub account: Option<Account>,
    /// What it cost.
    pub cost: Usd,
    /// How long it took.
    #[serde(with = "seconds")]
    pub time: Duration,
    /// Every agent that was asked for, in the order in which they ended; also those that were not started.
    pub agents: Vec<SimulatedAgent>,
    /// Names in the script that nobody had.
    pub unused: Vec<String>,
    /// What was said and could not be so.
    pub notes: Vec<String>,
}

/// One agent of a simulation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SimulatedAgent {
    /// Its name in the run.
    pub name: AgentId,
    /// Where in the plan.
    pub at: Cursor,
    /// Whether it was started.
    pub is_started: bool,
    /// When, from the beginning of the run.
    #[serde(with = "seconds")]
    pub began: Duration,
    /// How long it ran.
    #[serde(with = "seconds")]
    pub took: Duration,
    /// What it cost.
    pub cost: Usd,
    /// Why it ended.
    pub exit: ExitReason,
}

impl Simulated {
    /// The agents that were started.
    pub fn started(&self) -> impl Iterator<Item = &SimulatedAgent> {
        self.agents.iter().filter(|agent| agent.is_started)
    }

    /// The way through the pipeline, if it is one.
    pub fn trace(&self) -> Option<&PipelineTrace> {
        match &self.account {
            Some(Account::Pipeline(trace)) => Some(trace),
            _ => None,
        }
    }

    /// How it ended, in one word.
    pub fn outcome(&self) -> &'static str {
        match &self.end {
            End::Succeeded { .. } => "succeeded",
            End::Failed { .. } => "failed",
            End::Cancelled => "cancelled",
        }
    }
}

/// For tests. Each of them panics with the whole story.
impl Simulated {
    #[track_caller]
    fn assert(&self, holds: bool, what: impl FnOnce() -> String) -> &Self {
        assert!(holds, "{}\n\nwhat happened:\n{self}", what());
        self
    }

    /// Panics unless it ended well.
    #[track_caller]
    pub fn assert_succeeded(&self) -> &Self {
        let holds = matches!(self.end, End::Succeeded { .. });
        self.assert(holds, || "expected that it succeeds".to_owned())
    }

    /// Panics unless it failed.
    #[track_caller]
    pub fn assert_failed(&self) -> &Self {
        let holds = matches!(self.end, End::Failed { .. });
        self.assert(holds, || "expected that it fails".to_owned())
    }

    /// Panics unless exactly these agents were started and ended in this order.
    #[track_caller]
    pub fn assert_ran<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> &Self {
        let names: Vec<&str> = names.into_iter().collect();
        let ran: Vec<&str> = self.started().map(|agent| agent.name.as_str()).collect();
        self.assert(names == ran, || {
            let (names, ran) = (names.join(", "), ran.join(", "));
            format!("expected these agents: {names}\n           these ran: {ran}")
        })
    }

    /// Panics unless the way through the pipeline was this; steps that were left out do not count.
    #[track_caller]
    pub fn assert_way<'n>(&self, steps: impl IntoIterator<Item = &'n str>) -> &Self {
        let steps: Vec<&str> = steps.into_iter().collect();
        let visits = self.trace().into_iter().flat_map(|trace| &trace.visits);
        let visits = visits.filter(|v| v.end != Some(swarm_core::machine::VisitEnd::Skipped));
        let way: Vec<&str> = visits.map(|visit| visit.step.as_str()).collect();
        self.assert(steps == way, || {
            let (steps, way) = (steps.join(" > "), way.join(" > "));
            format!("expected this way: {steps}\n      it was this: {way}")
        })
    }

    /// Panics if it cost more.
    #[track_caller]
    pub fn assert_costs_at_most(&self, most: Usd) -> &Self {
        let cost = self.cost;
        self.assert(cost <= most, || {
            format!("expected a cost of {most} at most, and it is {cost}")
        })
    }

    /// Panics if it took longer.
    #[track_caller]
    pub fn assert_takes_at_most(&self, most: Duration) -> &Self {
        let time = self.time;
        self.assert(time <= most, || {
            format!("expected a time of {most:?} at most, and it is {time:?}")
        })
    }

    /// Panics if the script names agents that there were not.
    #[track_caller]
    pub fn assert_all_used(&self) -> &Self {
        self.assert(self.unused.is_empty(), || {
            let unused = self.unused.join(", ");
            format!("no agent had these names, which the script has: {unused}")
        })
    }
}

/// A line for each agent, and how it ended.
impl fmt::Display for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.agents.iter().map(|agent| agent.name.as_str().len());
        let width = names.max().unwrap_or(0);
        for agent in &self.agents {
            let (name, began) = (agent.name.as_str(), agent.began.as_secs_f64());
            let (exit, cost, took) = (&agent.exit, agent.cost, agent.took.as_secs_f64());
            writeln!(
                f,
                "{began:>9.1}s  {name:<width$}  {exit}, {took:.1}s, {cost}"
            )?;
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        if !self.unused.is_empty() {
            writeln!(f, "note: no agent is called {}", self.unused.join(", "))?;
        }
        if let Some(reason) = self.trace().and_then(|trace| trace.reason.as_ref()) {
            writeln!(f, "reason: {reason}")?;
        }
        let (how, cost, count) = (self.outcome(), self.cost, self.started().count());
        let time = self.time.as_secs_f64();
        write!(f, "{how}: {count} agents, {time:.1}s, {cost}")
    }
}
