//! What an answer comes to, as the log keeps it: numbers and names, none of its words.

use serde::{Deserialize, Serialize};

use super::{Action, Score, Verdict};

/// What is to be read out of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// What it says of something that was to be judged.
    Judgement,
    /// The same, out of the exit status of a program.
    ExitStatus,
    /// A list.
    Items,
    /// How a pipeline is to go on.
    Decision,
}

/// What was read out of an answer. The words behind it are in the record of the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Finding {
    /// Something was judged.
    Judgement {
        /// How.
        verdict: Verdict,
        /// By how much.
        score: Score,
    },
    /// Things were listed.
    Items {
        /// How many.
        count: u32,
    },
    /// It was decided how to go on.
    Decision {
        /// How.
        action: Action,
        /// How sure the agent is.
        confidence: Score,
        /// Whether it wants something remembered.
        remembers: bool,
        /// Why, in one line; may be empty.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
    },
    /// The answer cannot be read.
    Unreadable {
        /// Why.
        problem: String,
    },
}
