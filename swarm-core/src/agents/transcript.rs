//! What an agent prints while it works, read line by line.
//!
//! Everything here comes from inside the sandbox: a transcript may say anything, and is believed only as far as the agent
//! may be believed about itself. How it really ended, and what it printed, is known from outside.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use std::sync::Arc;

use crate::{ids::AgentId, money::Usd, time::Timestamp, usage::Usage};

/// The most text of an answer that is kept beside the stream, in bytes.
pub const MAX_TEXT: usize = 8 * 1024 * 1024;
/// The longest name or id that is kept, in bytes; the rest of a longer one is cut off.
pub const MAX_NAME: usize = 1024;
/// The longest message of a program that is kept, in bytes; the rest of a longer one is cut off.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// Reads what one kind of agent prints on stdout. Pure: no I/O, no clock.
///
/// No line makes it panic. What it does not know it passes over, since the next version of a program may print it.
pub trait Transcript: Send {
    /// Reads one line, which has no line break, and says what it tells.
    fn read(&mut self, line: &[u8], tell: &mut dyn FnMut(AgentEvent));

    /// What all of it comes to. Called once, when stdout has ended, whatever ended it.
    fn conclude(self: Box<Self>) -> Conclusion;
}

/// Something that an agent did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentEvent {
    /// It wrote a piece of its answer.
    Text(String),
    /// It called a tool.
    ToolCall {
        /// The tool.
        name: String,
    },
    /// A request to a model has used this so far.
    Request {
        /// The id of the request.
        id: String,
        /// The model; empty if the program does not say which.
        model: String,
        /// From the beginning of the request.
        usage: Usage,
    },
    /// A request is made again.
    Retry {
        /// The HTTP status of the answer, if there was one.
        status: Option<u16>,
    },
}

/// Sees what agents do while they work, at once and not durably. It is called where it may block, but holds the agent's output
/// up as long as it takes. What it is told comes from inside the sandbox.
pub type Onlooker = Arc<dyn Fn(&AgentId, &AgentEvent) + Send + Sync>;

/// What a transcript comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conclusion {
    /// The answer: the last one that the agent gave as such, else all that it wrote.
    pub text: String,
    /// The answer by the output schema, if there is one.
    pub structured: Option<Value>,
    /// Whether the agent says that it did its task.
    pub verdict: Verdict,
    /// When the provider takes requests again, if it refused them and said that.
    pub resets_at: Option<Timestamp>,
    /// What it says that it did cost.
    pub cost: Option<Usd>,
    /// What else it tells.
    pub conversation: Conversation,
}

/// What an agent says of its own end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// It did its task.
    Succeeded,
    /// It did not.
    Failed {
        /// Why, in the words of the program.
        message: String,
    },
    /// It stopped at its budget.
    OverBudget {
        /// In the words of the program.
        message: String,
    },
    /// The provider takes no more requests for now.
    RateLimited {
        /// In the words of the provider.
        message: String,
    },
    /// It said nothing of an end: it was stopped, or cut off.
    #[default]
    Unfinished,
}

/// How many names of denied tools, and of servers that did not start, are kept.
pub(super) const MAX_DENIED: usize = 100;

/// A conversation with a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// Its id, by which the program finds it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The model that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How many turns it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns: Option<u64>,
    /// How many tools were called.
    #[serde(default)]
    pub tool_calls: u64,
    /// Tools that were called and not allowed, at most 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denied_tools: Vec<String>,
    /// MCP servers that were attached and did not start, at most 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_mcps: Vec<String>,
    /// What all requests used.
    #[serde(default)]
    pub usage: Usage,
}

impl Conversation {
    /// Notes that a tool was called and not allowed.
    pub(super) fn deny(&mut self, name: String) {
        if self.denied_tools.len() < MAX_DENIED && !self.denied_tools.contains(&name) {
            self.denied_tools.push(name);
        }
    }
}

/// The beginning of `text`, at most `most` bytes. Some are kept by the dozen, and a line may be nothing but one of them.
pub(super) fn beginning(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

impl Verdict {
    /// The same with a message that can be kept.
    pub(super) fn shortened(mut self) -> Self {
        if let Self::Failed { message }
        | Self::OverBudget { message }
        | Self::RateLimited { message } = &mut self
        {
            message.truncate(beginning(message, MAX_MESSAGE).len());
        }
        self
    }
}

/// An answer that grows piece by piece, up to [`MAX_TEXT`].
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    text: String,
    is_cut: bool,
}

impl Answer {
    pub(super) fn push(&mut self, piece: &str) {
        let room = MAX_TEXT.saturating_sub(self.text.len());
        let end = piece.floor_char_boundary(room);
        self.text.push_str(piece.get(..end).unwrap_or_default());
        self.is_cut |= end < piece.len();
    }

    /// In bytes.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// What was pushed since it had this length.
    pub(super) fn tail(&self, length: usize) -> &str {
        self.text.get(length..).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub(super) fn finish(mut self) -> String {
        if self.is_cut {
            self.text
                .push_str("\n[cut here; the rest is in stream.jsonl]\n");
        }
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_end_is_cut_between_characters() {
        let mut answer = Answer::default();
        answer.push(&"x".repeat(MAX_TEXT - 1));
        answer.push("é");
        answer.push("more");
        let text = answer.finish();
        assert!(text.starts_with("xxx"));
        assert!(text.ends_with("[cut here; the rest is in stream.jsonl]\n"));
        assert!(text.len() < MAX_TEXT + 100);
    }
}
