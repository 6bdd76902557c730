//! Tools of MCP servers, which `tools` calls `mcp__SERVER__TOOL`.

use std::collections::BTreeMap;

use crate::{
    spec::{AgentSpec, SpecError},
    supplies::{McpServer, Reach},
};

const PREFIX: &str = "mcp__";
/// How long a server may take to start, in seconds: as long as Claude Code waits. What others wait is too short for a
/// server that a package manager fetches first.
pub(super) const START_SECONDS: u64 = 30;

/// Which tools of a server an agent may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Allowed {
    All,
    Only(Vec<String>),
}

/// Whether `tool` is one of some MCP server.
pub(super) fn is_tool(tool: &str) -> bool {
    tool.starts_with(PREFIX)
}

/// Which tool of `server` it is; the empty word if it is all of them. `None` if it is none.
pub(super) fn tool_of<'t>(server: &str, tool: &'t str) -> Option<&'t str> {
    let rest = tool.strip_prefix(PREFIX)?.strip_prefix(server)?;
    match rest.strip_prefix("__") {
        Some("*") => Some(""),
        Some(name) => Some(name).filter(|name| !name.is_empty()),
        None => rest.is_empty().then_some(""),
    }
}

/// What of `server` may be used: all it has, unless `tools` names some.
pub(super) fn allowed(spec: &AgentSpec, server: &str) -> Allowed {
    let tools = spec.sandbox.tools.iter();
    let named: Vec<&str> = tools.filter_map(|tool| tool_of(server, tool)).collect();
    if named.is_empty() || named.contains(&"") {
        return Allowed::All;
    }
    Allowed::Only(named.into_iter().map(str::to_owned).collect())
}

/// Names that every program takes as they are, in a rule about tools, too.
pub(super) fn check_names(spec: &AgentSpec) -> Result<(), SpecError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let is_bad = |name: &&String| name.is_empty() || !name.chars().all(is_plain);
    match spec.sandbox.mcps.iter().find(is_bad) {
        Some(name) => Err(SpecError::shape(
            format!("mcps {name:?}"),
            "the name of an MCP server is made of letters, digits, `_` and `-`",
        )),
        None => Ok(()),
    }
}

/// The names, and that each tool of a server is one of a server that is attached: else it would not be there, and nobody
/// would know.
pub(super) fn check(spec: &AgentSpec) -> Result<(), SpecError> {
    check_names(spec)?;
    // A pattern would allow more than is named.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let is_known = |tool: &str| {
        let servers = spec.sandbox.mcps.iter();
        let mut names = servers.filter_map(|server| tool_of(server, tool));
        names.any(|name| name.chars().all(is_plain))
    };
    let mut tools = spec.sandbox.tools.iter();
    match tools.find(|tool| is_tool(tool) && !is_known(tool)) {
        Some(tool) => Err(SpecError::shape(
            format!("tool {tool:?}"),
            format!(
                "it is of no MCP server in `mcps` ({}); a tool of one is written mcp__SERVER__TOOL",
                match spec.sandbox.mcps.as_slice() {
                    [] => "there is none".to_owned(),
                    names => names.join(", "),
                }
            ),
        )),
        None => Ok(()),
    }
}

/// How each server is reached. One that cannot be used was refused before.
pub(super) fn reached<'s>(
    spec: &AgentSpec,
    servers: &BTreeMap<&'s str, &'s McpServer>,
) -> Vec<(&'s str, Reach, &'s McpServer)> {
    let servers = servers.iter().filter_map(|(name, server)| {
        let reach = server.reach(&spec.sandbox.env_vars).ok()?;
        Some((*name, reach, *server))
    });
    servers.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::agents::golden;

    fn spec(sandbox: serde_json::Value) -> Result<AgentSpec, SpecError> {
        golden::spec("gemini", sandbox)
    }

    #[test]
    fn a_server_whose_tools_are_not_named_may_be_used_as_a_whole() {
        let tools = ["Read", "mcp__a__one", "mcp__a__two", "mcp__b", "mcp__c__*"];
        let spec = spec(json!({"mcps": ["a", "b", "c", "d"], "tools": tools})).unwrap();
        let only = Allowed::Only(vec!["one".to_owned(), "two".to_owned()]);
        assert_eq!(allowed(&spec, "a"), only);
        for server in ["b", "c", "d"] {
            assert_eq!(allowed(&spec, server), Allowed::All, "{server}");
        }
    }

    #[test]
    fn a_server_is_not_taken_for_one_whose_name_it_begins_with() {
        assert_eq!(tool_of("a", "mcp__a_b__one"), None);
        assert_eq!(tool_of("a_b", "mcp__a_b__one"), Some("one"));
        assert_eq!(tool_of("a", "mcp__ab"), None);
        assert_eq!(tool_of("a", "mcp__a__"), None);
    }

    #[test]
    fn a_tool_that_could_not_be_there_is_refused() {
        for (sandbox, problem) in [
            (json!({"tools": ["mcp__a__one"]}), "there is none"),
            (json!({"mcps": "a", "tools": ["mcp__b__one"]}), "(a)"),
            (
                json!({"mcps": "a", "tools": ["mcp__a__o*"]}),
                "mcp__SERVER__TOOL",
            ),
            (json!({"mcps": ["a.b"]}), "letters, digits"),
            (json!({"mcps": ["a\"]"]}), "letters, digits"),
        ] {
            let error = spec(sandbox.clone()).unwrap_err().to_string();
            assert!(error.contains(problem), "{sandbox}: {error}");
        }
    }
}
