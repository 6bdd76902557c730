//! Checks that several kinds share.

use super::mcp;
use crate::{
    money::Usd,
    spec::{AgentSpec, DEFAULT_TOOLS, SpecError},
    suggest::{did_you_mean, nearest},
};

/// The agents of `kind` cannot honour `field`.
pub(super) fn unsupported(kind: &str, field: &str, instead: &str) -> SpecError {
    SpecError::shape(
        field,
        format!("an agent of kind {kind} cannot honour it; {instead}"),
    )
}

/// Refuses a variable that would undo what the kind sets.
pub(super) fn check_not_set(
    spec: &AgentSpec,
    kind: &str,
    variable: &str,
    instead: &str,
) -> Result<(), SpecError> {
    if spec.sandbox.env_vars.names().any(|name| name == variable) {
        return Err(SpecError::shape(
            format!("env_vars {variable:?}"),
            format!("it would undo what an agent of kind {kind} is started with; {instead}"),
        ));
    }
    Ok(())
}

/// MCP servers are attached to no agent of `kind`.
pub(super) fn check_no_mcps(spec: &AgentSpec, kind: &str) -> Result<(), SpecError> {
    if spec.sandbox.mcps.is_empty() {
        return Ok(());
    }
    Err(unsupported(
        kind,
        "mcps",
        "leave it out, or choose another kind",
    ))
}

/// Agents of `kind` cannot be held to a schema.
pub(super) fn check_no_schema(spec: &AgentSpec, kind: &str) -> Result<(), SpecError> {
    if spec.sandbox.output_schema.is_none() {
        return Ok(());
    }
    Err(unsupported(
        kind,
        "output_schema",
        "describe the answer in the prompt, or choose the kind claude",
    ))
}

/// Agents of `kind` cannot be told how hard to think.
pub(super) fn check_no_effort(spec: &AgentSpec, kind: &str) -> Result<(), SpecError> {
    if spec.sandbox.effort.is_none() {
        return Ok(());
    }
    Err(unsupported(
        kind,
        "effort",
        "leave it out, or choose another kind",
    ))
}

/// The effort, if one is named, is one of `known`.
pub(super) fn check_effort(spec: &AgentSpec, known: &[&str]) -> Result<(), SpecError> {
    match &spec.sandbox.effort {
        Some(effort) if !known.contains(&effort.as_str()) => Err(SpecError::shape(
            format!("effort {effort:?}"),
            format!("expected one of {}", known.join(", ")),
        )),
        _ => Ok(()),
    }
}

/// A model is not asked for nothing.
pub(super) fn check_budget(spec: &AgentSpec) -> Result<(), SpecError> {
    if spec.sandbox.max_budget == Some(Usd::ZERO) {
        return Err(SpecError::shape(
            "max_budget",
            "nothing can be asked for nothing; give it an amount above zero",
        ));
    }
    Ok(())
}

/// A name that the program would not take for a flag.
pub(super) fn check_model(model: &str, example: &str) -> Result<(), SpecError> {
    let is_plain = !model.is_empty() && !model.starts_with('-');
    if is_plain && !model.contains(char::is_control) {
        return Ok(());
    }
    Err(SpecError::shape(
        format!("model {model:?}"),
        format!("expected a name such as {example}"),
    ))
}

/// Whether the tools are those that an agent has if nobody says otherwise, apart from those of MCP servers.
pub(super) fn has_default_tools(tools: &[String]) -> bool {
    let is_default = |tool: &String| DEFAULT_TOOLS.contains(&tool.as_str());
    let is_asked = |tool: &&str| tools.iter().any(|asked| asked == tool);
    let mut own = tools.iter().filter(|tool| !mcp::is_tool(tool));
    own.all(is_default) && DEFAULT_TOOLS.iter().all(is_asked)
}

/// A tool, and what a program calls it.
pub(super) type NativeTool = (&'static str, &'static [&'static str]);

/// What the program calls these tools, in the order of `known`. Those of MCP servers are passed over.
pub(super) fn native_tools<'k>(
    tools: &[String],
    kind: &str,
    known: &'k [NativeTool],
) -> Result<Vec<&'k str>, SpecError> {
    let names = || known.iter().map(|(name, _)| *name);
    let is_unknown = |tool: &&String| !mcp::is_tool(tool) && !names().any(|name| name == *tool);
    if let Some(tool) = tools.iter().find(is_unknown) {
        let suggestion = did_you_mean(nearest(tool, names()));
        return Err(SpecError::shape(
            format!("tool {tool:?}"),
            format!(
                "an agent of kind {kind} has no such tool{suggestion}; it has {}",
                names().collect::<Vec<_>>().join(", ")
            ),
        ));
    }
    let asked = known
        .iter()
        .filter(|(name, _)| tools.iter().any(|tool| tool == name));
    Ok(asked
        .flat_map(|(_, native)| native.iter().copied())
        .collect())
}
