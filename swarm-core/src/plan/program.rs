//! A pipeline that was checked: steps, and where it goes from each.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Plan;
use crate::{
    ids::{RefId, StepId},
    machine::ScopeLimits,
    spec::AgentSpec,
};

/// A pipeline in which every name was found and every jump leads somewhere.
///
/// Made by the compiler of `swarm-pipeline`, which says what is wrong with a definition. A jump that leads nowhere
/// nevertheless ends the pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its steps; at least one.
    pub steps: Vec<Step>,
    /// The step that it begins with.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub entry: u32,
    /// Results that the first step is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given: Vec<RefId>,
    /// Limits of all its steps together.
    #[serde(default, skip_serializing_if = "ScopeLimits::is_empty")]
    pub limits: ScopeLimits,
    /// Who may be asked how to go on, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub governors: BTreeMap<String, Governor>,
    /// What it was made from, for governors that change it. What a template is filled with is not in it, but in `input`.
    pub definition: Arc<Value>,
    /// What `{input}` was replaced by in its steps, if it stands in a template. In what a governor makes of it, it stands for the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// SHA-256 of what it was made from, with every name replaced by what it stood for. Two programs with the same digest
    /// do the same.
    pub digest: String,
}

/// One step of a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its name.
    pub id: StepId,
    /// What is to be done.
    pub work: Plan,
    /// Whether it is left out if the step before it did not fail. As the first step it runs nevertheless.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_after_error: bool,
    /// What happens if it fails; without it, the pipeline ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_fail: Option<OnFail>,
    /// Who decides how to go on if it succeeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_success: Option<Ask>,
    /// Words in its result that lead elsewhere; the first that is there counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retry_if: Vec<RetryIf>,
    /// The step after it, if that is not the next one in the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u32>,
    /// How often it may be entered by a jump.
    pub max_retries: u32,
}

impl Step {
    /// How often a step may be entered by a jump if nobody says otherwise.
    pub const MAX_RETRIES: u32 = 3;

    /// A step that is followed by the next one in the list, and that ends the pipeline if it fails.
    pub const fn new(id: StepId, work: Plan) -> Self {
        Self {
            id,
            work,
            only_after_error: false,
            on_fail: None,
            on_success: None,
            retry_if: Vec::new(),
            next: None,
            max_retries: Self::MAX_RETRIES,
        }
    }
}

/// What happens if a step fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFail {
    /// This step is next.
    Goto(u32),
    /// A governor decides.
    Ask(Ask),
}

/// A governor is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Its name.
    pub governor: String,
    /// How many times at once; they vote.
    pub width: u32,
}

/// A word that leads elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryIf {
    /// The word; letters count as they are.
    pub keyword: String,
    /// The step that it leads to.
    pub step: u32,
}

/// An agent that decides how a pipeline goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Governor {
    /// Who decides. The state of the pipeline follows its prompt.
    pub agent: Box<AgentSpec>,
}

/// Changes pipelines that are under way, as governors want it.
pub trait Patcher: Send + Sync + std::fmt::Debug {
    /// `program` with the merge patch (RFC 7396) `patch` applied to its definition. Blocks.
    ///
    /// # Errors
    ///
    /// What is wrong with the changed pipeline, or what it may do that the present one may not: a change never widens what
    /// agents can reach or spend.
    fn patch(&self, program: &Program, patch: &Value) -> Result<Program, String>;
}

impl Program {
    /// Replaces `{input}` in the work of every step.
    pub fn fill(&mut self, input: &str) {
        for step in &mut self.steps {
            step.work.fill(input);
        }
        // Whoever comes later finds nothing to replace, but perhaps in what the first has put there.
        self.input.get_or_insert_with(|| input.to_owned());
    }

    /// The step called `id`.
    pub fn step(&self, id: &str) -> Option<u32> {
        let at = self.steps.iter().position(|step| step.id.as_str() == id)?;
        u32::try_from(at).ok()
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}
