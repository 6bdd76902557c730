//! The stream-json output of the Gemini CLI.
//!
//! Written for version 0.61.0; tests hold its real output. It tells its usage once, at its end, and nothing of requests that it
//! makes again.

use std::collections::VecDeque;

use serde_json::Value;

use crate::{
    agents::{
        json::{count, owned, parsed, text, type_of},
        transcript::{
            AgentEvent, Conclusion, Conversation, MAX_NAME, Transcript, Verdict, beginning,
        },
        written::Written,
    },
    usage::Usage,
};

/// How many calls that are under way are known, to name those that are denied.
const OPEN_CALLS: usize = 64;
/// Errors of calls of tools that the agent may not use.
const DENIALS: [&str; 2] = ["tool_not_registered", "policy_violation"];

/// Reads what `gemini --output-format stream-json` prints.
#[derive(Debug, Default)]
pub(super) struct StreamJson {
    conversation: Conversation,
    written: Written,
    open_calls: VecDeque<(String, String)>,
    /// Whether its result is a success.
    is_success: Option<bool>,
    failure: Option<String>,
}

impl Transcript for StreamJson {
    fn read(&mut self, line: &[u8], tell: &mut dyn FnMut(AgentEvent)) {
        let Some(kind) = type_of(line) else {
            return;
        };
        match kind.as_ref() {
            "init" => {
                let line = parsed(line);
                self.conversation.session_id = owned(&line, "/session_id");
                self.conversation.model = owned(&line, "/model");
            }
            "message" => self.message(&parsed(line), tell),
            "tool_use" => self.called(&parsed(line), tell),
            "tool_result" => self.answered(&parsed(line)),
            // Of whatever severity: even a warning says here that it stopped before it was done.
            "error" => self.failed(text(&parsed(line), "/message")),
            "result" => self.result(&parsed(line), tell),
            _ => {}
        }
    }

    fn conclude(self: Box<Self>) -> Conclusion {
        let verdict = match (self.failure, self.is_success) {
            (Some(message), _) if is_rate_limit(&message) => Verdict::RateLimited { message },
            (Some(message), _) => Verdict::Failed { message },
            (None, Some(true)) => Verdict::Succeeded,
            (None, Some(false)) => Verdict::Failed {
                message: "it ended with an error and does not say which".to_owned(),
            },
            (None, None) => Verdict::Unfinished,
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

impl StreamJson {
    fn message(&mut self, line: &Value, tell: &mut dyn FnMut(AgentEvent)) {
        if text(line, "/role") == Some("assistant")
            && let Some(piece) = text(line, "/content")
        {
            self.written.push(piece);
            tell(AgentEvent::Text(piece.to_owned()));
        }
    }

    fn called(&mut self, line: &Value, tell: &mut dyn FnMut(AgentEvent)) {
        self.written.end_part();
        self.conversation.tool_calls += 1;
        let name = owned(line, "/tool_name").unwrap_or_default();
        if let Some(id) = owned(line, "/tool_id") {
            if self.open_calls.len() == OPEN_CALLS {
                self.open_calls.pop_front();
            }
            self.open_calls.push_back((id, name.clone()));
        }
        tell(AgentEvent::ToolCall { name });
    }

    fn answered(&mut self, line: &Value) {
        self.written.end_part();
        let id = owned(line, "/tool_id");
        let mut open = self.open_calls.iter();
        let Some(at) = open.position(|(open, _)| id.as_ref() == Some(open)) else {
            return;
        };
        let call = self.open_calls.remove(at);
        let is_denied = text(line, "/error/type").is_some_and(|error| DENIALS.contains(&error));
        if is_denied && let Some((_, name)) = call {
            self.conversation.deny(name);
        }
    }

    fn result(&mut self, line: &Value, tell: &mut dyn FnMut(AgentEvent)) {
        // Nothing that comes later takes a failure back.
        let is_success = text(line, "/status") == Some("success");
        self.is_success = Some(is_success && self.is_success != Some(false));
        if line.pointer("/error").is_some_and(|error| !error.is_null()) {
            self.failed(text(line, "/error/message"));
        }
        let models = line.pointer("/stats/models").and_then(Value::as_object);
        let mut sum = Usage::default();
        let mut most = 0;
        for (model, stats) in models.into_iter().flatten() {
            let model = beginning(model, MAX_NAME);
            let usage = usage_of(stats);
            sum += usage;
            // The first name is "auto" if the program chooses; models that failed have no usage.
            let size = usage.prompt().saturating_add(usage.output);
            if size > most {
                most = size;
                self.conversation.model = Some(model.to_owned());
            }
            tell(AgentEvent::Request {
                id: model.to_owned(),
                model: model.to_owned(),
                usage,
            });
        }
        self.conversation.usage = self.conversation.usage.at_least(sum);
    }

    fn failed(&mut self, message: Option<&str>) {
        let message = message.filter(|message| !message.is_empty());
        if message.is_some() || self.failure.is_none() {
            self.failure = Some(message.unwrap_or("it does not say why").to_owned());
        }
    }
}

fn usage_of(stats: &Value) -> Usage {
    let prompt = count(stats, "/input_tokens");
    let cache_read = count(stats, "/cached");
    Usage {
        // What was found in the cache is part of it.
        input: prompt.saturating_sub(cache_read),
        // Thoughts are only in the total.
        output: count(stats, "/total_tokens")
            .saturating_sub(prompt)
            .max(count(stats, "/output_tokens")),
        cache_read,
        cache_write: 0,
    }
}

/// The message of the provider need not name the status; what the program adds to it does.
fn is_rate_limit(message: &str) -> bool {
    message.contains("\nPlease wait and try again later.")
        || message.contains("\nPossible quota limitations in place")
        || message.contains("\"code\":429")
        || message.contains("RESOURCE_EXHAUSTED")
}

#[cfg(test)]
mod tests;
