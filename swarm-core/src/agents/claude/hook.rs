//! The hook that writes down which tools have written what.

use serde_json::json;

use crate::{agents::Invocation, spec::AgentSpec};

/// Settings of the user, below `HOME`. Those of a repository, which could switch hooks off, are not read.
const SETTINGS: &str = ".claude/settings.json";
/// To which the hook appends, below `HOME`.
const LOG: &str = ".claude/swarm-artifacts.log";

/// The tools of the program itself that write.
const WRITING: [&str; 3] = ["Edit", "NotebookEdit", "Write"];

/// A line for each call: the time, a space, and the beginning of what the hook is told, in a single write, so that calls at the same
/// time do not mix. Whatever goes wrong, the call is not disturbed; what is not needed is read all the same, since whoever tells it
/// waits for that. Needs nothing but a shell and what busybox has.
const APPEND: &str = "{ printf '\\n%s ' \"$(date +%s)\"; head -c 16000; } | \
                      dd bs=32k iflag=fullblock >> \"$HOME/.claude/swarm-artifacts.log\" 2> /dev/null; \
                      cat > /dev/null; exit 0";

/// Sets the hook up, if there are tools that it would be called for.
pub(super) fn stage(spec: &AgentSpec, invocation: &mut Invocation) {
    let sandbox = &spec.sandbox;
    let writes = |tool: &String| {
        let name = super::built_in(tool);
        WRITING.contains(&name) || name.starts_with("mcp__")
    };
    if sandbox.mcps.is_empty() && !sandbox.tools.iter().any(writes) {
        return;
    }
    let matcher = format!("{}|mcp__.*", WRITING.join("|"));
    let hook = json!({"type": "command", "command": APPEND, "timeout": 10});
    let settings = json!({"hooks": {"PostToolUse": [{"matcher": matcher, "hooks": [hook]}]}});
    invocation.put(SETTINGS, Some(&settings.to_string()));
    // The program reads it again when it changes.
    invocation.read_only.insert(SETTINGS.to_owned());
    invocation.artifacts = Some(LOG.to_owned());
}
