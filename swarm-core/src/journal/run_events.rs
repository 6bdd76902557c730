//! What can happen to a run.

use serde::{Deserialize, Serialize};

use crate::{
    ids::{AgentId, RefId},
    machine::{AgentEnded, Cursor, EffectDone, End},
    money::Usd,
    plan::{Plan, Program},
    time::Timestamp,
};

/// Limits of a whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLimits {
    /// What all agents together may spend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Usd>,
    /// When everything must be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
}

/// Something that happened to a run. The events of a run are all that is known about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum RunEvent {
    /// It was asked for. From here on it survives a crash.
    Started {
        /// What is to run.
        plan: Plan,
        /// Within which limits.
        limits: RunLimits,
        /// Where its agents run.
        runtime: String,
    },
    /// An agent was given to the runtime, or is about to be.
    AgentStarted {
        /// Where in the plan.
        at: Cursor,
        /// Its name in the run.
        agent: AgentId,
        /// What was set aside for it.
        reserved: Usd,
    },
    /// An agent is not started yet: the provider of its kind takes no requests.
    AgentWaits {
        /// Where in the plan.
        at: Cursor,
        /// Its name in the run.
        agent: AgentId,
        /// Its kind.
        kind: String,
        /// When it will be tried.
        until: Timestamp,
    },
    /// An agent ended, or will never start.
    AgentEnded(AgentEnded),
    /// Something else was done.
    EffectDone(EffectDone),
    /// A person is asked.
    ApprovalAsked {
        /// Where in the plan.
        at: Cursor,
        /// What asks, such as the name of a step.
        name: AgentId,
        /// What they are asked.
        question: String,
        /// What it is about.
        refs: Vec<RefId>,
    },
    /// A person has answered.
    ApprovalAnswered {
        /// Where in the plan.
        at: Cursor,
        /// Whether they agree.
        approved: bool,
        /// What they say about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// A pipeline that was over goes on from one of its steps. All jumps are allowed anew.
    Restarted {
        /// From which, as an index.
        step: u32,
        /// The pipeline as it is from here on, if it was edited.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        program: Option<Box<Program>>,
        /// Its limits from here on.
        limits: RunLimits,
    },
    /// Its limits are others from here on.
    LimitsChanged {
        /// The new ones.
        limits: RunLimits,
    },
    /// Somebody wants the run to end.
    CancelRequested,
    /// The process that drove it stopped before the end. The run can be resumed.
    Interrupted,
    /// Another process drives it from here.
    Resumed,
    /// It is over.
    Ended {
        /// How.
        end: End,
    },
}

impl RunEvent {
    /// The version of the shapes above. A change that an older reader cannot read counts it up.
    pub const VERSION: u32 = 2;
    /// What has no values of variables in it, although there were some, has this version; everything else has
    /// [`PLAIN`](Self::PLAIN).
    pub(super) const WITHOUT_VALUES: u32 = 2;
    /// What anybody can read.
    pub(super) const PLAIN: u32 = 1;

    /// Whether agents are described in it, whose variables may be secrets.
    pub(super) const fn describes_work(&self) -> bool {
        matches!(
            self,
            Self::Started { .. } | Self::Restarted { .. } | Self::EffectDone(_)
        )
    }

    /// Whether all agents that run from here on are described in it.
    pub(super) const fn replaces_work(&self) -> bool {
        matches!(
            self,
            Self::Started { .. }
                | Self::Restarted {
                    program: Some(_),
                    ..
                }
        )
    }

    /// What kind of event this is.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Started { .. } => "run_started",
            Self::AgentStarted { .. } => "agent_started",
            Self::AgentWaits { .. } => "agent_waits",
            Self::AgentEnded(_) => "agent_ended",
            Self::EffectDone(_) => "effect_done",
            Self::ApprovalAsked { .. } => "approval_asked",
            Self::ApprovalAnswered { .. } => "approval_answered",
            Self::Restarted { .. } => "run_restarted",
            Self::LimitsChanged { .. } => "run_limits_changed",
            Self::CancelRequested => "run_cancel_requested",
            Self::Interrupted => "run_interrupted",
            Self::Resumed => "run_resumed",
            Self::Ended { .. } => "run_ended",
        }
    }
}
