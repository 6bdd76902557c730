//! One way to look for something.

use serde::{Deserialize, Serialize};

use super::{Evaluator, Plan};
use crate::{ids::StepId, spec::AgentSpec};

/// One way of a hunt: seeds, something to do with each, and who judges what comes of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Strategy {
    /// Its name.
    pub name: StepId,
    /// What it begins with.
    pub seeds: Seeds,
    /// What is done with each: `{input}` in its prompts and commands is replaced.
    pub template: Box<Plan>,
    /// Who judges what comes of it.
    pub evaluator: Evaluator,
    /// How many of its results may be among the best; all if zero.
    pub top: u32,
}

/// What a strategy begins with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seeds {
    /// These.
    Listed(Vec<String>),
    /// What an agent lists.
    Fetched(Box<AgentSpec>),
}
