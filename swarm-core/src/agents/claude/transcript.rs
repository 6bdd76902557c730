//! The stream-json output of Claude Code.
//!
//! Written for version 2.1.329; tests hold its real output. Fields that are missing or of another type count as absent, one by
//! one, so that one field that changes does not take the others with it.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::{
    agents::transcript::{AgentEvent, Answer, Conclusion, Conversation, Transcript, Verdict},
    money::Usd,
    usage::Usage,
};

/// How many names of denied tools are kept.
const MAX_DENIED: usize = 100;

/// Reads what `claude --print --output-format stream-json` prints.
#[derive(Debug, Default)]
pub(super) struct StreamJson {
    conversation: Conversation,
    /// All that the main agent wrote.
    written: Answer,
    /// The message whose text came in pieces, so that it is not taken twice when it comes as a whole.
    streamed: Option<String>,
    /// The last one counts: background agents make a program give several.
    result: Option<RunResult>,
}

#[derive(Debug)]
struct RunResult {
    text: Option<String>,
    structured: Option<Value>,
    verdict: Verdict,
    cost: Option<Usd>,
}

/// Enough of a line to know what it is.
#[derive(Deserialize)]
struct Head<'l> {
    #[serde(borrow, rename = "type", default, deserialize_with = "lenient")]
    kind: Option<std::borrow::Cow<'l, str>>,
}

/// `null`, and anything of another type, is nothing.
fn lenient<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either<T> {
        Expected(T),
        Other(serde::de::IgnoredAny),
    }
    Ok(match Either::deserialize(from)? {
        Either::Expected(value) => Some(value),
        Either::Other(_) => None,
    })
}

#[derive(Deserialize)]
struct Streamed {
    event: StreamEvent,
    #[serde(default, deserialize_with = "lenient")]
    parent_tool_use_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    api_message_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum StreamEvent {
    MessageStart {
        message: Value,
    },
    ContentBlockDelta {
        delta: Delta,
    },
    MessageDelta {
        #[serde(default)]
        usage: Value,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Delta {
    TextDelta {
        text: String,
    },
    #[serde(other)]
    Other,
}

impl Transcript for StreamJson {
    fn read(&mut self, line: &[u8], tell: &mut dyn FnMut(AgentEvent)) {
        let Ok(Head { kind: Some(kind) }) = serde_json::from_slice(line) else {
            return;
        };
        match kind.as_ref() {
            "stream_event" => {
                if let Ok(streamed) = serde_json::from_slice(line) {
                    self.streamed(streamed, tell);
                }
            }
            "assistant" => self.assistant(&parsed(line), tell),
            "system" => self.system(&parsed(line), tell),
            "result" => self.result = Some(self.run_result(&parsed(line))),
            _ => {}
        }
    }

    fn conclude(self: Box<Self>) -> Conclusion {
        let Self {
            conversation,
            written,
            result,
            ..
        } = *self;
        let Some(result) = result else {
            return Conclusion {
                text: written.finish(),
                conversation,
                ..Conclusion::default()
            };
        };
        // The text of a run that failed is about the failure; what the agent wrote before is its answer so far.
        let given = match result.verdict {
            Verdict::Succeeded => result.text.filter(|text| !text.is_empty()),
            _ => None,
        };
        let schema = result.structured.as_ref().map(Value::to_string);
        Conclusion {
            text: given.or(schema).unwrap_or_else(|| written.finish()),
            structured: result.structured,
            verdict: result.verdict,
            cost: result.cost,
            conversation,
        }
    }
}

fn parsed(line: &[u8]) -> Value {
    serde_json::from_slice(line).unwrap_or_default()
}

impl StreamJson {
    fn system(&mut self, line: &Value, tell: &mut dyn FnMut(AgentEvent)) {
        match text(line, "/subtype") {
            Some("init") => {
                let conversation = &mut self.conversation;
                conversation.session_id = owned(line, "/session_id");
                conversation.model = owned(line, "/model");
            }
            Some("api_retry") => tell(AgentEvent::Retry {
                status: line
                    .pointer("/error_status")
                    .and_then(Value::as_u64)
                    .and_then(|status| u16::try_from(status).ok()),
            }),
            _ => {}
        }
    }

    fn streamed(&mut self, line: Streamed, tell: &mut dyn FnMut(AgentEvent)) {
        let is_main = line.parent_tool_use_id.is_none();
        match line.event {
            StreamEvent::MessageStart { message } => Self::request(&message, tell),
            StreamEvent::MessageDelta { usage } => {
                // The model is that of its start; the meter knows the request.
                if let (Some(id), Some(model)) = (line.api_message_id, &self.conversation.model) {
                    tell(AgentEvent::Request {
                        id,
                        model: model.clone(),
                        usage: usage_of(&usage),
                    });
                }
            }
            StreamEvent::ContentBlockDelta {
                delta: Delta::TextDelta { text },
            } if is_main => {
                if self.streamed != line.api_message_id {
                    self.separate();
                    self.streamed = line.api_message_id;
                }
                self.written.push(&text);
                tell(AgentEvent::Text(text));
            }
            StreamEvent::ContentBlockDelta { .. } | StreamEvent::Other => {}
        }
    }

    /// Answers before tool calls and after stand apart.
    fn separate(&mut self) {
        if !self.written.is_empty() {
            self.written.push("\n\n");
        }
    }

    fn request(message: &Value, tell: &mut dyn FnMut(AgentEvent)) {
        if let (Some(id), Some(model)) = (owned(message, "/id"), owned(message, "/model"))
            && let Some(usage) = message.pointer("/usage")
        {
            tell(AgentEvent::Request {
                id,
                model,
                usage: usage_of(usage),
            });
        }
    }

    /// One finished block of a message. Its usage is that of the start of the message.
    fn assistant(&mut self, line: &Value, tell: &mut dyn FnMut(AgentEvent)) {
        // What the program itself says about an error is no answer.
        if line.pointer("/is_api_error_message") == Some(&Value::Bool(true))
            || text(line, "/message/model") == Some("<synthetic>")
        {
            return;
        }
        let message = line.pointer("/message").unwrap_or(&Value::Null);
        Self::request(message, tell);
        let is_main = line
            .pointer("/parent_tool_use_id")
            .is_none_or(Value::is_null);
        let is_streamed = self.streamed.is_some() && self.streamed == owned(message, "/id");
        let blocks = message.pointer("/content").and_then(Value::as_array);
        for block in blocks.into_iter().flatten() {
            match text(block, "/type") {
                Some("text") if is_main && !is_streamed => {
                    let piece = text(block, "/text").unwrap_or_default();
                    self.separate();
                    self.written.push(piece);
                    tell(AgentEvent::Text(piece.to_owned()));
                }
                Some("tool_use") => {
                    self.conversation.tool_calls += 1;
                    tell(AgentEvent::ToolCall {
                        name: owned(block, "/name").unwrap_or_default(),
                    });
                }
                _ => {}
            }
        }
    }

    fn run_result(&mut self, line: &Value) -> RunResult {
        let conversation = &mut self.conversation;
        conversation.turns = line.pointer("/num_turns").and_then(Value::as_u64);
        if let Some(session_id) = owned(line, "/session_id") {
            conversation.session_id = Some(session_id);
        }
        let models = line.pointer("/modelUsage").and_then(Value::as_object);
        conversation.usage = models.into_iter().flat_map(serde_json::Map::values).fold(
            Usage::default(),
            |sum, used| {
                let tokens = |name| used.get(name).and_then(Value::as_u64).unwrap_or_default();
                sum + Usage {
                    input: tokens("inputTokens"),
                    output: tokens("outputTokens"),
                    cache_read: tokens("cacheReadInputTokens"),
                    cache_write: tokens("cacheCreationInputTokens"),
                }
            },
        );
        let denials = line
            .pointer("/permission_denials")
            .and_then(Value::as_array);
        conversation.denied_tools = denials
            .into_iter()
            .flatten()
            .filter_map(|denial| owned(denial, "/tool_name"))
            .take(MAX_DENIED)
            .collect();
        let cost = line.pointer("/total_cost_usd").and_then(Value::as_f64);
        RunResult {
            text: owned(line, "/result"),
            structured: line
                .pointer("/structured_output")
                .filter(|output| !output.is_null())
                .cloned(),
            verdict: verdict(line),
            cost: cost.and_then(|dollars| Usd::try_from(dollars).ok()),
        }
    }
}

/// The program calls an API error a `success` with `is_error`, so both count.
fn verdict(line: &Value) -> Verdict {
    let subtype = text(line, "/subtype").unwrap_or_default();
    let is_error = line.pointer("/is_error") != Some(&Value::Bool(false));
    if !is_error && subtype == "success" {
        return Verdict::Succeeded;
    }
    let errors = line.pointer("/errors").and_then(Value::as_array);
    let errors: Vec<&str> = errors
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let message = match text(line, "/result") {
        Some(result) if !result.is_empty() => result.to_owned(),
        _ if !errors.is_empty() => errors.join("; "),
        _ => format!("it ended with {subtype:?}"),
    };
    match subtype {
        "error_max_budget_usd" => Verdict::OverBudget { message },
        _ if line.pointer("/api_error_status").and_then(Value::as_u64) == Some(429) => {
            Verdict::RateLimited { message }
        }
        _ => Verdict::Failed { message },
    }
}

fn text<'v>(value: &'v Value, pointer: &str) -> Option<&'v str> {
    value.pointer(pointer)?.as_str()
}

fn owned(value: &Value, pointer: &str) -> Option<String> {
    text(value, pointer).map(str::to_owned)
}

fn usage_of(usage: &Value) -> Usage {
    let tokens = |name| usage.get(name).and_then(Value::as_u64).unwrap_or_default();
    Usage {
        input: tokens("input_tokens"),
        output: tokens("output_tokens"),
        cache_read: tokens("cache_read_input_tokens"),
        cache_write: tokens("cache_creation_input_tokens"),
    }
}

#[cfg(test)]
mod tests;
