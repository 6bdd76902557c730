//! The stream-json output of Claude Code.
//!
//! Written for version 2.1.329; tests hold its real output. Lines and fields that are not known are passed over. In the line
//! with the result, a field of another type counts as absent and takes no other with it.

use std::{borrow::Cow, collections::BTreeSet};

use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use crate::{
    agents::{
        json::{self, owned, text},
        transcript::{
            AgentEvent, Answer, Conclusion, Conversation, MAX_DENIED, MAX_NAME, Transcript,
            Verdict, beginning,
        },
    },
    money::Usd,
    time::Timestamp,
    usage::Usage,
};

/// How many names of tools that are offered are kept.
const MAX_OFFERED: usize = 1000;
/// Tools that the program does not list, and offers by itself, or under another name.
const UNLISTED: [&str; 3] = ["Agent", "StructuredOutput", "Task"];

/// Reads what `claude --print --output-format stream-json` prints.
#[derive(Debug, Default)]
pub(super) struct StreamJson {
    conversation: Conversation,
    /// All that the main agent wrote.
    written: Answer,
    /// Where in that the text of the newest message begins.
    newest: usize,
    /// Messages that ended at their greatest length, for the next one to go on.
    unended: Unended,
    /// The message whose text came in pieces, so that it is not taken twice when it comes as a whole.
    streamed: Option<String>,
    /// Background agents make a program give several. The last one has the answer and all the cost, but what an earlier
    /// one said against the agent, no later one takes back.
    result: Option<RunResult>,
    /// Until when the plan of the account is used up.
    resets_at: Option<Timestamp>,
    /// The tools that the program offers.
    offered: BTreeSet<String>,
}

/// What the result leaves out: it has only the last message.
#[derive(Debug, Default)]
struct Unended {
    text: Answer,
    /// Whether the newest message is the last of them.
    is_newest: bool,
}

#[derive(Debug)]
struct RunResult {
    text: Option<String>,
    structured: Option<Value>,
    verdict: Verdict,
    cost: Option<Usd>,
}

impl RunResult {
    /// This one, after an `earlier` one.
    fn after(self, earlier: Self) -> Self {
        Self {
            verdict: match earlier.verdict {
                Verdict::Succeeded => self.verdict,
                against => against,
            },
            cost: self.cost.max(earlier.cost),
            ..self
        }
    }
}

/// Enough of a line to know what it is.
#[derive(Deserialize)]
struct Head<'l> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'l, str>,
    #[serde(borrow, default)]
    subtype: Option<Cow<'l, str>>,
}

#[derive(Deserialize)]
struct Init {
    #[serde(default)]
    tools: Vec<String>,
    #[serde(default)]
    session_id: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    mcp_servers: Vec<AttachedServer>,
}

#[derive(Deserialize)]
struct AttachedServer {
    #[serde(default)]
    name: String,
    #[serde(default)]
    status: String,
}

/// Only accounts with a plan are told this.
#[derive(Deserialize)]
struct RateLimit {
    rate_limit_info: RateLimitInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RateLimitInfo {
    #[serde(default)]
    status: Option<String>,
    /// Seconds since 1970.
    #[serde(default)]
    resets_at: Option<u64>,
}

impl RateLimit {
    fn refused_until(&self) -> Option<Timestamp> {
        let info = &self.rate_limit_info;
        let seconds = info.resets_at?;
        let millis = seconds.saturating_mul(1000);
        (info.status.as_deref() == Some("rejected")).then(|| Timestamp::from_millis(millis))
    }
}

#[derive(Deserialize)]
struct ApiRetry {
    #[serde(default)]
    error_status: Option<u16>,
}

#[derive(Deserialize)]
struct Assistant<'l> {
    #[serde(borrow)]
    message: Message<'l>,
    #[serde(default)]
    parent_tool_use_id: Option<IgnoredAny>,
    #[serde(default)]
    is_api_error_message: bool,
}

#[derive(Deserialize)]
struct Message<'l> {
    #[serde(borrow, default)]
    id: Option<Cow<'l, str>>,
    #[serde(borrow, default)]
    model: Option<Cow<'l, str>>,
    #[serde(borrow, default)]
    content: Vec<Block<'l>>,
    #[serde(default)]
    usage: Option<Tokens>,
}

#[derive(Deserialize)]
struct Block<'l> {
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'l, str>,
    #[serde(borrow, default)]
    text: Option<Cow<'l, str>>,
    #[serde(default)]
    name: Option<String>,
    #[serde(borrow, default)]
    stop_reason: Option<Cow<'l, str>>,
}

#[derive(Deserialize)]
struct Streamed<'l> {
    #[serde(borrow)]
    event: StreamEvent<'l>,
    #[serde(default)]
    parent_tool_use_id: Option<IgnoredAny>,
    #[serde(borrow, default)]
    api_message_id: Option<Cow<'l, str>>,
}

#[derive(Deserialize)]
struct StreamEvent<'l> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'l, str>,
    #[serde(borrow, default)]
    message: Option<Message<'l>>,
    #[serde(borrow, default)]
    delta: Option<Block<'l>>,
    #[serde(default)]
    usage: Option<Tokens>,
}

#[derive(Clone, Copy, Deserialize)]
struct Tokens {
    #[serde(default, deserialize_with = "json::told")]
    input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "json::told")]
    output_tokens: Option<u64>,
    #[serde(default, deserialize_with = "json::told")]
    cache_read_input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "json::told")]
    cache_creation_input_tokens: Option<u64>,
}

impl From<Tokens> for Usage {
    fn from(tokens: Tokens) -> Self {
        Self {
            input: tokens.input_tokens.unwrap_or_default(),
            output: tokens.output_tokens.unwrap_or_default(),
            cache_read: tokens.cache_read_input_tokens.unwrap_or_default(),
            cache_write: tokens.cache_creation_input_tokens.unwrap_or_default(),
        }
    }
}

impl Transcript for StreamJson {
    fn read(&mut self, line: &[u8], tell: &mut dyn FnMut(AgentEvent)) {
        // Most lines are these, and say so first: one look instead of two.
        if line.starts_with(br#"{"type":"stream_event","#)
            && let Ok(streamed) = serde_json::from_slice(line)
        {
            return self.streamed(&streamed, tell);
        }
        let Ok(Head { kind, subtype }) = serde_json::from_slice(line) else {
            return;
        };
        match (kind.as_ref(), subtype.as_deref()) {
            ("stream_event", _) => {
                if let Ok(streamed) = serde_json::from_slice(line) {
                    self.streamed(&streamed, tell);
                }
            }
            ("assistant", _) => {
                if let Ok(assistant) = serde_json::from_slice(line) {
                    self.assistant(assistant, tell);
                }
            }
            ("system", Some("init")) => {
                if let Ok(Init {
                    tools,
                    session_id,
                    model,
                    mcp_servers,
                }) = serde_json::from_slice(line)
                {
                    let kept = |name: String| beginning(&name, MAX_NAME).to_owned();
                    self.offered = tools.into_iter().map(kept).take(MAX_OFFERED).collect();
                    self.conversation.session_id = session_id.map(kept);
                    self.conversation.model = model.map(kept);
                    // The program goes on without it, and so may an answer that rests on nothing.
                    self.conversation.failed_mcps = mcp_servers
                        .into_iter()
                        .filter(|server| ["failed", "needs-auth"].contains(&server.status.as_str()))
                        .map(|server| kept(server.name))
                        .take(MAX_DENIED)
                        .collect();
                }
            }
            ("rate_limit_event", _) => {
                if let Ok(limit) = serde_json::from_slice::<RateLimit>(line) {
                    self.resets_at = limit.refused_until();
                }
            }
            ("system", Some("api_retry")) => {
                let retry = serde_json::from_slice(line);
                tell(AgentEvent::Retry {
                    status: retry
                        .ok()
                        .and_then(|ApiRetry { error_status }| error_status),
                });
            }
            // A whole run hangs on this line: it is read field by field.
            ("result", _) => {
                // Bytes that are no text cost nothing but themselves.
                let line = String::from_utf8_lossy(line);
                let line = serde_json::from_str(&line).unwrap_or_default();
                let result = self.run_result(&line);
                self.result = Some(match self.result.take() {
                    Some(earlier) => result.after(earlier),
                    None => result,
                });
            }
            _ => {}
        }
    }

    fn conclude(self: Box<Self>) -> Conclusion {
        let Self {
            conversation,
            written,
            result,
            resets_at,
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
        // By a schema, the text is that answer as the model wrote it.
        let given = match (&result.structured, given) {
            (Some(structured), given) => given
                .filter(|text| {
                    serde_json::from_str::<Value>(text).is_ok_and(|text| text == *structured)
                })
                .or_else(|| Some(structured.to_string())),
            (None, given) => given,
        };
        Conclusion {
            text: given.unwrap_or_else(|| written.finish()),
            structured: result.structured,
            verdict: result.verdict,
            resets_at,
            cost: result.cost,
            conversation,
        }
    }
}

impl Unended {
    fn followed_by(self, text: &str) -> String {
        let mut answer = self.text;
        if !self.is_newest {
            answer.push(text);
        }
        answer.finish()
    }
}

impl StreamJson {
    fn streamed(&mut self, line: &Streamed<'_>, tell: &mut dyn FnMut(AgentEvent)) {
        let event = &line.event;
        match event.kind.as_ref() {
            "message_start" => {
                if let Some(message) = &event.message {
                    request(message, tell);
                }
            }
            "message_delta" => {
                // Its model is that of its start.
                if let (Some(id), Some(usage), Some(model)) =
                    (&line.api_message_id, event.usage, &self.conversation.model)
                {
                    tell(AgentEvent::Request {
                        id: beginning(id, MAX_NAME).to_owned(),
                        model: model.clone(),
                        usage: usage.into(),
                    });
                }
                if let (Some(delta), None) = (&event.delta, &line.parent_tool_use_id)
                    && let Some(reason) = &delta.stop_reason
                {
                    self.ended(reason);
                }
            }
            "content_block_delta" if line.parent_tool_use_id.is_none() => {
                let Some(Block { kind, text, .. }) = &event.delta else {
                    return;
                };
                if let ("text_delta", Some(text)) = (kind.as_ref(), text) {
                    if self.streamed.as_deref() != line.api_message_id.as_deref() {
                        if !self.unended.is_newest {
                            self.separate();
                        }
                        self.unended.is_newest = false;
                        self.newest = self.written.len();
                        self.streamed = line.api_message_id.as_deref().map(str::to_owned);
                    }
                    self.written.push(text);
                    tell(AgentEvent::Text(text.to_string()));
                }
            }
            _ => {}
        }
    }

    /// The newest message of the main agent has come to its end.
    fn ended(&mut self, reason: &str) {
        if reason == "max_tokens" {
            self.unended.text.push(self.written.tail(self.newest));
            self.unended.is_newest = true;
        } else if reason == "tool_use" {
            self.unended = Unended::default();
        }
    }

    /// Answers before tool calls and after stand apart.
    fn separate(&mut self) {
        if !self.written.is_empty() {
            self.written.push("\n\n");
        }
    }

    /// One finished block of a message. Its usage is that of the start of the message.
    fn assistant(&mut self, line: Assistant<'_>, tell: &mut dyn FnMut(AgentEvent)) {
        let Assistant { message, .. } = &line;
        // What the program itself says about an error is no answer.
        if line.is_api_error_message || message.model.as_deref() == Some("<synthetic>") {
            return;
        }
        request(message, tell);
        let is_main = line.parent_tool_use_id.is_none();
        let is_streamed =
            self.streamed.is_some() && self.streamed.as_deref() == message.id.as_deref();
        for block in line.message.content {
            match block.kind.as_ref() {
                "text" if is_main && !is_streamed => {
                    let piece = block.text.unwrap_or_default();
                    self.separate();
                    self.written.push(&piece);
                    tell(AgentEvent::Text(piece.into_owned()));
                }
                "tool_use" => {
                    self.conversation.tool_calls += 1;
                    let name = block.name.unwrap_or_default();
                    let name = beginning(&name, MAX_NAME).to_owned();
                    self.note_unless_offered(&name);
                    tell(AgentEvent::ToolCall { name });
                }
                _ => {}
            }
        }
    }

    /// A call of a built-in tool that the program does not offer fails. Servers may offer theirs later.
    fn note_unless_offered(&mut self, name: &str) {
        let is_built_in = !name.starts_with("mcp__") && !UNLISTED.contains(&name);
        if is_built_in && !self.offered.is_empty() && !self.offered.contains(name) {
            self.conversation.deny(name.to_owned());
        }
    }

    fn run_result(&mut self, line: &Value) -> RunResult {
        let conversation = &mut self.conversation;
        conversation.turns = line.pointer("/num_turns").and_then(Value::as_u64);
        if let Some(session_id) = owned(line, "/session_id") {
            conversation.session_id = Some(session_id);
        }
        let models = line.pointer("/modelUsage").and_then(Value::as_object);
        let usage = models.into_iter().flat_map(serde_json::Map::values).fold(
            Usage::default(),
            |sum, used| {
                let tokens = |name| json::whole(used.get(name));
                sum + Usage {
                    input: tokens("inputTokens"),
                    output: tokens("outputTokens"),
                    cache_read: tokens("cacheReadInputTokens"),
                    cache_write: tokens("cacheCreationInputTokens"),
                }
            },
        );
        conversation.usage = conversation.usage.at_least(usage);
        let denials = line
            .pointer("/permission_denials")
            .and_then(Value::as_array);
        let denials = denials.into_iter().flatten();
        for name in denials.filter_map(|denial| owned(denial, "/tool_name")) {
            conversation.deny(name);
        }
        let cost = line.pointer("/total_cost_usd").and_then(Value::as_f64);
        let structured = line
            .pointer("/structured_output")
            .filter(|output| !output.is_null());
        let unended = std::mem::take(&mut self.unended);
        RunResult {
            text: match (text(line, "/result"), structured) {
                (Some(text), None) if !text.is_empty() => Some(unended.followed_by(text)),
                (given, _) => given.map(str::to_owned),
            },
            structured: structured.cloned(),
            verdict: verdict(line).shortened(),
            cost: cost.and_then(Usd::at_most),
        }
    }
}

fn request(message: &Message<'_>, tell: &mut dyn FnMut(AgentEvent)) {
    if let (Some(id), Some(model), Some(usage)) = (&message.id, &message.model, message.usage) {
        tell(AgentEvent::Request {
            id: beginning(id, MAX_NAME).to_owned(),
            model: beginning(model, MAX_NAME).to_owned(),
            usage: usage.into(),
        });
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
        _ if subtype.is_empty() => "it ended without saying how".to_owned(),
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

#[cfg(test)]
mod tests;
