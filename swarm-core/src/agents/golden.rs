//! What tests of kinds share.

use serde_json::{Value, json};

use super::{AgentEvent, Conclusion, Invocation, Transcript};
use crate::{
    spec::{AgentSpec, SandboxSpec, SpecError},
    testing::machine::equipped,
};

/// What the real program `kind` printed in a run against a scripted model.
macro_rules! recorded {
    ($kind:literal, $name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/data/",
            $kind,
            "/",
            $name,
            ".jsonl"
        ))
    };
}
pub(super) use recorded;

pub(super) fn spec(kind: &str, mut sandbox: Value) -> Result<AgentSpec, SpecError> {
    sandbox["agent"] = json!(kind);
    AgentSpec::new("Do it.", SandboxSpec::from_json(sandbox, "sandbox")?)
}

/// What is started with the MCP servers that `sandbox` names, on a machine that has `servers`.
pub(super) fn attached(kind: &str, sandbox: Value, servers: &Value) -> Result<Invocation, String> {
    let spec = spec(kind, sandbox).map_err(|error| error.to_string())?;
    let config = json!({"mcpServers": servers}).to_string();
    equipped(&spec, config).map_err(|error| error.to_string())
}

pub(super) fn read(
    mut transcript: Box<dyn Transcript>,
    lines: &[u8],
) -> (Conclusion, Vec<AgentEvent>) {
    let mut events = Vec::new();
    for line in lines.split(|byte| *byte == b'\n') {
        transcript.read(line, &mut |event| events.push(event));
    }
    (transcript.conclude(), events)
}

/// All the text that was told on the way.
pub(super) fn told(events: &[AgentEvent]) -> String {
    let text = events.iter().filter_map(|event| match event {
        AgentEvent::Text(text) => Some(text.as_str()),
        _ => None,
    });
    text.collect()
}

/// The tools that were told on the way.
pub(super) fn called(events: &[AgentEvent]) -> Vec<&str> {
    let names = events.iter().filter_map(|event| match event {
        AgentEvent::ToolCall { name } => Some(name.as_str()),
        _ => None,
    });
    names.collect()
}

/// `lines` with one of them changed in one byte, or cut there.
pub(super) fn damaged(
    lines: &str,
    which: impl FnOnce(usize) -> usize,
    at: impl FnOnce(usize) -> usize,
    byte: u8,
    is_cut: bool,
) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = lines.lines().map(|line| line.as_bytes().to_vec()).collect();
    let line = which(lines.len());
    let line = &mut lines[line];
    let at = at(line.len());
    if is_cut {
        line.truncate(at);
    } else {
        line[at] = byte;
    }
    lines.join(&b'\n')
}
