//! What the model was asked.

use std::collections::BTreeMap;

use axum::http::request::Parts;
use serde_json::Value;

/// One request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without what follows a `?`.
    pub(crate) path: String,
    /// By their names in small letters.
    pub(crate) headers: BTreeMap<String, String>,
    /// Null if it was not JSON.
    pub(crate) body: Value,
}

impl Request {
    pub(super) fn new(parts: &Parts, body: &[u8]) -> Self {
        let headers = parts.headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.as_str().to_owned(), value.into_owned())
        });
        Self {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            headers: headers.collect(),
            body: serde_json::from_slice(body).unwrap_or_default(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The model that is asked.
    pub(crate) fn model(&self) -> &str {
        self.body["model"].as_str().unwrap_or_default()
    }

    /// Names of the tools that are offered to the model.
    pub(crate) fn tools(&self) -> Vec<&str> {
        elements(&self.body["tools"])
            .filter_map(|tool| tool["name"].as_str())
            .collect()
    }

    /// The system prompt: all its blocks.
    pub(crate) fn system(&self) -> String {
        texts(&self.body["system"]).join("\n")
    }

    /// Everything that was said, whoever said it.
    pub(crate) fn said(&self) -> String {
        let messages = elements(&self.body["messages"]);
        let texts: Vec<String> = messages
            .flat_map(|message| texts(&message["content"]))
            .collect();
        texts.join("\n")
    }

    /// The answers of tools, each with whether it was an error.
    pub(crate) fn tool_results(&self) -> Vec<(String, bool)> {
        elements(&self.body["messages"])
            .flat_map(|message| elements(&message["content"]))
            .filter(|block| block["type"] == "tool_result")
            .map(|block| {
                let text = texts(&block["content"]).join("\n");
                (text, block["is_error"] == true)
            })
            .collect()
    }

    /// Whether the answer is to come in pieces.
    pub(super) fn is_streamed(&self) -> bool {
        self.body["stream"] == true
    }

    /// What the real API would not take.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut demand = |fine: bool, problem: &str| {
            if !fine {
                problems.push(problem.to_owned());
            }
        };
        let has_key = !self.header("x-api-key").is_empty()
            || self.header("authorization").starts_with("Bearer ");
        demand(has_key, "no key");
        demand(
            !self.header("anthropic-version").is_empty(),
            "no header anthropic-version",
        );
        demand(!self.model().is_empty(), "no model");
        let is_question = self.path == "/v1/messages/count_tokens";
        let limit = self.body["max_tokens"].as_u64();
        demand(is_question || limit > Some(0), "no max_tokens");
        demand(
            elements(&self.body["messages"]).next().is_some(),
            "no messages",
        );
        for message in elements(&self.body["messages"]) {
            let role = message["role"].as_str();
            demand(
                matches!(role, Some("user" | "assistant" | "system")),
                "a message of nobody",
            );
        }
        for id in self.ids("tool_use", "id") {
            let is_answered = self.ids("tool_result", "tool_use_id").contains(&id);
            demand(is_answered, &format!("the call {id} was never answered"));
        }
        problems
    }

    fn ids(&self, kind: &str, field: &str) -> Vec<&str> {
        elements(&self.body["messages"])
            .flat_map(|message| elements(&message["content"]))
            .filter(|block| block["type"] == kind)
            .filter_map(|block| block[field].as_str())
            .collect()
    }
}

fn elements(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Content is a text, or blocks.
fn texts(content: &Value) -> Vec<String> {
    match content.as_str() {
        Some(text) => vec![text.to_owned()],
        None => elements(content)
            .filter_map(|block| block["text"].as_str())
            .map(str::to_owned)
            .collect(),
    }
}
