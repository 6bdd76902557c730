//! The events of `codex exec --json`.
//!
//! Written for version 0.169.0; tests hold its real output. The program does not say which model it asks, nor what that costs.

use std::collections::VecDeque;

use serde_json::Value;

use crate::{
    agents::{
        json::{count, owned, parsed, text, type_of},
        transcript::{AgentEvent, Conclusion, Conversation, Transcript, Verdict},
        written::Written,
    },
    usage::Usage,
};

/// Items that are calls of tools. One that fails early has no item at all.
const TOOL_ITEMS: [&str; 5] = [
    "command_execution",
    "file_change",
    "mcp_tool_call",
    "collab_tool_call",
    "web_search",
];
/// How many calls that are under way are known, so that their end does not count again.
const OPEN_CALLS: usize = 64;

/// Reads what `codex exec --json` prints.
#[derive(Debug, Default)]
pub(super) struct ExecEvents {
    conversation: Conversation,
    written: Written,
    open_calls: VecDeque<String>,
    is_completed: bool,
    failure: Option<String>,
}

impl Transcript for ExecEvents {
    fn read(&mut self, line: &[u8], tell: &mut dyn FnMut(AgentEvent)) {
        let Some(kind) = type_of(line) else {
            return;
        };
        match kind.as_ref() {
            "thread.started" => self.conversation.session_id = owned(&parsed(line), "/thread_id"),
            "turn.started" => self.is_completed = false,
            "item.started" => self.started(&parsed(line), tell),
            "item.completed" => self.completed(&parsed(line), tell),
            "turn.completed" => self.turn_completed(&parsed(line), tell),
            "turn.failed" => self.failed(text(&parsed(line), "/error/message")),
            "error" => self.error(&parsed(line), tell),
            _ => {}
        }
    }

    fn conclude(self: Box<Self>) -> Conclusion {
        let verdict = match self.failure {
            Some(message) if is_rate_limit(&message) => Verdict::RateLimited { message },
            Some(message) => Verdict::Failed { message },
            None if self.is_completed => Verdict::Succeeded,
            None => Verdict::Unfinished,
        };
        let text = match verdict {
            Verdict::Succeeded => self.written.last_part(),
            _ => self.written.all(),
        };
        Conclusion {
            text,
            verdict: verdict.shortened(),
            conversation: self.conversation,
            ..Conclusion::default()
        }
    }
}

impl ExecEvents {
    fn started(&mut self, line: &Value, tell: &mut dyn FnMut(AgentEvent)) {
        if self.call(line, tell)
            && let Some(id) = owned(line, "/item/id")
        {
            if self.open_calls.len() == OPEN_CALLS {
                self.open_calls.pop_front();
            }
            self.open_calls.push_back(id);
        }
    }

    fn completed(&mut self, line: &Value, tell: &mut dyn FnMut(AgentEvent)) {
        match text(line, "/item/type") {
            Some("agent_message") => {
                let message = text(line, "/item/text").unwrap_or_default();
                self.written.end_part();
                self.written.push(message);
                tell(AgentEvent::Text(message.to_owned()));
            }
            // An item of type `error` is a notice, such as of another way to the provider.
            _ => {
                let id = owned(line, "/item/id");
                match self
                    .open_calls
                    .iter()
                    .position(|open| id.as_ref() == Some(open))
                {
                    Some(at) => drop(self.open_calls.remove(at)),
                    None => drop(self.call(line, tell)),
                }
            }
        }
    }

    /// Counts the item of `line` if it is the call of a tool.
    fn call(&mut self, line: &Value, tell: &mut dyn FnMut(AgentEvent)) -> bool {
        let kind = text(line, "/item/type").unwrap_or_default();
        if !TOOL_ITEMS.contains(&kind) {
            return false;
        }
        self.conversation.tool_calls += 1;
        let name = owned(line, "/item/tool").unwrap_or_else(|| kind.to_owned());
        tell(AgentEvent::ToolCall { name });
        true
    }

    /// Its usage is that of all requests of the thread so far.
    fn turn_completed(&mut self, line: &Value, tell: &mut dyn FnMut(AgentEvent)) {
        self.is_completed = true;
        let cache_read = count(line, "/usage/cached_input_tokens");
        let cache_write = count(line, "/usage/cache_write_input_tokens");
        let usage = Usage {
            // What was found in the cache is part of it.
            input: count(line, "/usage/input_tokens")
                .saturating_sub(cache_read)
                .saturating_sub(cache_write),
            // Thoughts are part of it.
            output: count(line, "/usage/output_tokens"),
            cache_read,
            cache_write,
        };
        self.conversation.usage = self.conversation.usage.at_least(usage);
        tell(AgentEvent::Request {
            id: self.conversation.session_id.clone().unwrap_or_default(),
            model: String::new(),
            usage,
        });
    }

    fn error(&mut self, line: &Value, tell: &mut dyn FnMut(AgentEvent)) {
        let message = text(line, "/message");
        match message {
            Some(message) if message.starts_with("Reconnecting...") => {
                tell(AgentEvent::Retry {
                    status: status_in(message),
                });
            }
            _ => self.failed(message),
        }
    }

    fn failed(&mut self, message: Option<&str>) {
        let message = message.filter(|message| !message.is_empty());
        if message.is_some() || self.failure.is_none() {
            self.failure = Some(message.unwrap_or("it does not say why").to_owned());
        }
    }
}

/// A quota that is used up is no such limit: it is not there again after a while.
fn is_rate_limit(message: &str) -> bool {
    let lower = message.to_lowercase();
    status_in(message) == Some(429) || lower.contains("rate limit") || lower.contains("usage limit")
}

/// The HTTP status that the program names.
fn status_in(message: &str) -> Option<u16> {
    if message.contains("rate limit exceeded") {
        return Some(429);
    }
    let (_, after) = message.split_once("status")?;
    let word = after.trim_start_matches([':', ' ']).split(' ').next()?;
    word.parse().ok().filter(|code| (100..600).contains(code))
}

#[cfg(test)]
mod tests;
