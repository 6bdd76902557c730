//! What the schema says of the fields of a sandbox.

use serde_json::{Value, json};

use crate::fields::described;

/// The schema of one field of a sandbox. Of one that is not known here it says nothing but that it is there.
#[expect(clippy::too_many_lines, reason = "it is a table")]
pub(super) fn field(name: &str) -> Value {
    let text = || json!({"type": "string"});
    let texts =
        || json!({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]});
    let or_json = |schema| json!({"anyOf": [schema, {"type": "string"}]});
    let (schema, about) = match name {
        "agent" => (
            json!({"anyOf": [
                {"type": "string"},
                {"type": "object", "properties": {"command": {"type": "array", "items": {"type": "string"}}},
                 "required": ["command"], "additionalProperties": false},
            ]}),
            "Which program plays the agent: the name of a kind, such as `claude`, or {\"command\": [\"PROGRAM\", \"ARG\"]}.",
        ),
        "model" => (text(), "The model, for agents that have one."),
        "tools" => (
            texts(),
            "The tools that the agent may use: a list or a comma string; empty for none.",
        ),
        "mcps" => (texts(), "MCP servers to attach: a list or a comma string."),
        "system_prompt" => (text(), "Replaces the agent's own system prompt."),
        "claude_md" => (
            text(),
            "Standing instructions, put where the agent looks for them.",
        ),
        "output_schema" => (
            or_json(json!({"type": ["object", "boolean"]})),
            "JSON Schema of the answer.",
        ),
        "effort" => (text(), "How hard the model should think."),
        "max_budget" => (
            json!({"type": "number", "minimum": 0}),
            "The most that one agent may spend, in dollars.",
        ),
        "input_type" => (
            text(),
            "Type of the input: the name of one, or a text that may mention some as [name].",
        ),
        "output_type" => (
            text(),
            "Type of the result: the name of one, or a text that may mention some as [name].",
        ),
        "mounts" => (
            or_json(json!({"type": "array", "items": {
                "type": "object",
                "properties": {
                    "host_path": {"type": "string", "description": "The folder or file of the host."},
                    "container_path": {"type": "string", "description": "Where the agent sees it."},
                    "readonly": {"type": "boolean", "default": true},
                },
                "required": ["host_path", "container_path"], "additionalProperties": false,
            }})),
            "Folders and files of the host that the agent sees.",
        ),
        "workdir" => (text(), "The folder that the agent starts in."),
        "input_files" => (
            or_json(json!({"type": "object", "additionalProperties": {"type": "string"}})),
            "Files to put in: path to content.",
        ),
        "network" => (
            json!({"anyOf": [{"type": "boolean"}, {
                "type": "object", "properties": {"allow": {"type": "array", "items": {"type": "string"}}},
                "required": ["allow"], "additionalProperties": false,
            }]}),
            "Whether there is a network, or {\"allow\": [\"HOST\"]} for all that can be reached.",
        ),
        "network_mode" => (text(), "`none`, `bridge` or a network of the engine."),
        "memory" => (
            json!({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string"}]}),
            "The most memory: a number of bytes, or a size such as \"2g\".",
        ),
        "cpus" => (
            json!({"type": "number"}),
            "The most processor time: a number of processors.",
        ),
        "pids" => (
            json!({"type": "integer", "minimum": 0}),
            "The most processes and threads.",
        ),
        "gpu" => (
            json!({"type": "boolean"}),
            "Whether the agent needs the GPU.",
        ),
        "resources" => (texts(), "Pools to wait for: a list or a comma string."),
        "timeout" => (
            json!({"type": "number", "minimum": 0}),
            "How long the agent may run, in seconds from its start.",
        ),
        "env_vars" => (
            or_json(json!({"type": "object", "additionalProperties": {"type": "string"}})),
            "Environment variables. Their values are secrets.",
        ),
        "image" => (text(), "The image to run in."),
        "cache" => (
            json!({"type": "boolean"}),
            "Whether a stored result of the same task is taken.",
        ),
        _ => (json!({}), ""),
    };
    described(schema, about, None)
}

#[cfg(test)]
mod tests {
    use swarm_core::spec::SandboxSpec;

    use super::*;

    #[test]
    fn every_field_of_a_sandbox_is_described() {
        for name in SandboxSpec::FIELDS {
            assert_ne!(field(name)["description"], "", "{name}");
        }
    }
}
