//! Runs of agents: begun by whoever has the token of the home, driven by the daemon.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use swarm_core::{
    NewRun, Plan, Restart, drive::Stop as HowToStop, ids::RunId, journal::RunLimits, money::Usd,
    plan::Program, supplies::Supplies, time::Timestamp,
};

use super::operation;
use crate::{
    App, Caller, Failure,
    operation::Perform,
    runs::{Asked, GoOn, RunSettings},
};

/// The largest request with a plan, in bytes: ten thousand agents, and files that they are given.
const MAX_PLAN: usize = 256 * 1024 * 1024;

/// Begins a run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// Its id, such as twelve random hexadecimal digits. Asked again with the same one, it is refused, and not begun twice.
    #[schemars(with = "String")]
    pub run: RunId,
    /// What is to run, as `swarm-core` writes plans.
    #[schemars(with = "Value")]
    pub plan: Plan,
    /// Within which limits.
    #[serde(default)]
    pub limits: Limits,
    /// What else holds for it.
    pub settings: RunSettings,
    /// What its agents need of their user's machine. Secrets; kept in memory for as long as the run is driven. Looked up by the daemon
    /// if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Value>")]
    pub supplies: Option<Supplies>,
}

/// What a run may spend, and until when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The most that all agents together may spend, in dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub budget: Option<Usd>,
    /// When everything must be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
}

impl From<Limits> for RunLimits {
    fn from(limits: Limits) -> Self {
        let Limits { budget, deadline } = limits;
        Self { budget, deadline }
    }
}

impl From<RunLimits> for Limits {
    fn from(limits: RunLimits) -> Self {
        let RunLimits { budget, deadline } = limits;
        Self { budget, deadline }
    }
}

/// A run was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Begun {
    /// Its id.
    #[schemars(with = "String")]
    pub run: RunId,
    /// Whether it is in the log, and so goes on whatever happens. Otherwise something takes long, such as an image that has to be built;
    /// `/v1/runs/watch` tells how it goes on.
    pub has_begun: bool,
}

impl From<Asked> for Begun {
    fn from(asked: Asked) -> Self {
        Self {
            run: asked.run,
            has_begun: asked.has_begun,
        }
    }
}

operation!(
    Start,
    "runs/start",
    Command,
    Owner,
    "Begin a run of agents",
    Begun,
    MAX_PLAN
);

impl Perform for Start {
    async fn perform(self, app: &App, _: Caller) -> Result<Begun, Failure> {
        let new = NewRun {
            id: self.run,
            plan: self.plan,
            limits: self.limits.into(),
        };
        let asked = app.runs.start(new, self.settings, self.supplies).await?;
        Ok(asked.into())
    }
}

/// Goes on with a run that nobody drives.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// Which.
    #[schemars(with = "String")]
    pub run: RunId,
    /// A pipeline that is over, or is to go on from a step: how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<FromStep>,
    /// Within which limits from here on; as they were if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// What else holds for it.
    pub settings: RunSettings,
    /// What its agents need of their user's machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Value>")]
    pub supplies: Option<Supplies>,
}

/// From where a pipeline goes on.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FromStep {
    /// From which step; from the one that it ended at if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The pipeline as it is from here on; as it was if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Value>")]
    pub program: Option<Program>,
}

operation!(
    Resume,
    "runs/resume",
    Command,
    Owner,
    "Go on with a run",
    Begun,
    MAX_PLAN
);

impl Perform for Resume {
    async fn perform(self, app: &App, _: Caller) -> Result<Begun, Failure> {
        let restart = self.restart.map(|from| Restart {
            step: from.step,
            program: from.program,
            limits: None,
        });
        let how = GoOn {
            restart,
            limits: self.limits.map(RunLimits::from),
        };
        let resumed = app.runs.resume(self.run, self.settings, how, self.supplies);
        Ok(resumed.await?.into())
    }
}

/// Stops a run that the daemon drives.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// Which.
    #[schemars(with = "String")]
    pub run: RunId,
    /// Whether it is to end for good; else it can be resumed.
    #[serde(default)]
    pub for_good: bool,
}

/// Whether there was something to stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stopping {
    /// Whether the daemon drives the run, and stops it now.
    pub is_stopping: bool,
}

operation!(
    Stop,
    "runs/stop",
    Command,
    Owner,
    "Stop a run that the daemon drives",
    Stopping
);

impl Perform for Stop {
    async fn perform(self, app: &App, _: Caller) -> Result<Stopping, Failure> {
        let how = if self.for_good {
            HowToStop::Cancel
        } else {
            HowToStop::Interrupt
        };
        let is_stopping = app.runs.stop(&self.run, how).await?;
        Ok(Stopping { is_stopping })
    }
}
