//! The events of `opencode run --format json`.
//!
//! Written for version 1.18.33; tests hold its real output. It says nothing of requests that it makes again, which it does
//! without end, nor which model it asks.

use serde_json::Value;

use crate::{
    agents::{
        json::{count, owned, parsed, text, type_of},
        transcript::{AgentEvent, Conclusion, Conversation, Transcript, Verdict},
        written::Written,
    },
    money::Usd,
    usage::Usage,
};

/// What the error of a tool says if the agent may not use it.
const DENIALS: [&str; 3] = [
    "Model tried to call unavailable tool",
    "The user has specified a rule which prevents",
    "The user rejected permission",
];

/// Reads what `opencode run --format json` prints.
#[derive(Debug, Default)]
pub(super) struct RunEvents {
    conversation: Conversation,
    written: Written,
    /// The message that the text so far belongs to.
    message: Option<String>,
    cost: Usd,
    /// Why the last step ended; `None` while one is under way.
    reason: Option<String>,
    failure: Option<Failure>,
}

#[derive(Debug)]
struct Failure {
    message: String,
    status: Option<u64>,
}

impl Transcript for RunEvents {
    fn read(&mut self, line: &[u8], tell: &mut dyn FnMut(AgentEvent)) {
        let Some(kind) = type_of(line) else {
            return;
        };
        let line = match kind.as_ref() {
            "step_start" | "text" | "tool_use" | "step_finish" | "error" => parsed(line),
            _ => return,
        };
        if let Some(session_id) = owned(&line, "/sessionID") {
            self.conversation.session_id = Some(session_id);
        }
        match kind.as_ref() {
            "step_start" => self.reason = None,
            "text" => self.text(&line, tell),
            "tool_use" => self.tool_use(&line, tell),
            "step_finish" => self.step_finish(&line, tell),
            _ => self.error(&line),
        }
    }

    fn conclude(self: Box<Self>) -> Conclusion {
        let usage = self.conversation.usage;
        let is_free = self.cost == Usd::ZERO && usage.prompt().saturating_add(usage.output) > 0;
        let verdict = match (self.failure, self.reason.as_deref()) {
            (Some(failure), _) => failure.into_verdict(),
            (None, Some("stop")) => Verdict::Succeeded,
            // Another step was to come.
            (None, None | Some("tool-calls" | "unknown")) => Verdict::Unfinished,
            (None, Some(reason)) => Verdict::Failed {
                message: format!("the model stopped with {reason:?}"),
            },
        };
        let text = match verdict {
            Verdict::Succeeded => self.written.last_part(),
            _ => self.written.all(),
        };
        // A model whose price it does not know costs nothing, it says.
        let is_known = verdict != Verdict::Unfinished && !is_free;
        Conclusion {
            text,
            verdict: verdict.shortened(),
            cost: is_known.then_some(self.cost),
            conversation: self.conversation,
            ..Conclusion::default()
        }
    }
}

impl RunEvents {
    fn text(&mut self, line: &Value, tell: &mut dyn FnMut(AgentEvent)) {
        let Some(piece) = text(line, "/part/text") else {
            return;
        };
        let message = owned(line, "/part/messageID");
        if self.message != message {
            self.message = message;
            self.written.end_part();
        }
        self.written.push(piece);
        tell(AgentEvent::Text(piece.to_owned()));
    }

    /// One line for each call, when it has ended.
    fn tool_use(&mut self, line: &Value, tell: &mut dyn FnMut(AgentEvent)) {
        self.conversation.tool_calls += 1;
        let name = owned(line, "/part/tool").unwrap_or_default();
        let error = text(line, "/part/state/error").unwrap_or_default();
        if DENIALS.iter().any(|denial| error.starts_with(denial)) {
            self.conversation.deny(name.clone());
        }
        tell(AgentEvent::ToolCall { name });
    }

    fn step_finish(&mut self, line: &Value, tell: &mut dyn FnMut(AgentEvent)) {
        self.reason = Some(owned(line, "/part/reason").unwrap_or_default());
        let usage = Usage {
            input: count(line, "/part/tokens/input"),
            output: count(line, "/part/tokens/output")
                .saturating_add(count(line, "/part/tokens/reasoning")),
            cache_read: count(line, "/part/tokens/cache/read"),
            cache_write: count(line, "/part/tokens/cache/write"),
        };
        self.conversation.usage += usage;
        let turns = self.conversation.turns.unwrap_or_default();
        self.conversation.turns = Some(turns.saturating_add(1));
        let cost = line.pointer("/part/cost").and_then(Value::as_f64);
        let cost = cost.and_then(|dollars| Usd::try_from(dollars).ok());
        self.cost = self.cost + cost.unwrap_or_default();
        if let Some(id) = owned(line, "/part/id") {
            tell(AgentEvent::Request {
                id,
                model: String::new(),
                usage,
            });
        }
    }

    fn error(&mut self, line: &Value) {
        let message = text(line, "/error/data/message").or_else(|| text(line, "/error/name"));
        self.failure = Some(Failure {
            message: message.unwrap_or("it does not say why").to_owned(),
            status: line
                .pointer("/error/data/statusCode")
                .and_then(Value::as_u64),
        });
    }
}

impl Failure {
    fn into_verdict(self) -> Verdict {
        let message = self.message;
        if self.status == Some(429) {
            Verdict::RateLimited { message }
        } else {
            Verdict::Failed { message }
        }
    }
}

#[cfg(test)]
mod tests;
