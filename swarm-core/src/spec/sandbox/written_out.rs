//! A decided sandbox, written down again.

use super::{Sandbox, SandboxSpec};
use crate::spec::{Network, NetworkSpec};

/// Every decision, in the fields in which it would be written. The agent is not part of a [`Sandbox`].
impl From<Sandbox> for SandboxSpec {
    fn from(sandbox: Sandbox) -> Self {
        let (network, network_mode) = match sandbox.network {
            Network::None => (Some(NetworkSpec::Switch(false)), None),
            Network::Own => (Some(NetworkSpec::Switch(true)), None),
            Network::Named(name) => (None, Some(name)),
            Network::Allow(allow) => (Some(NetworkSpec::Allow { allow }), None),
        };
        Self {
            agent: None,
            model: sandbox.model,
            tools: Some(sandbox.tools),
            mcps: Some(sandbox.mcps),
            system_prompt: sandbox.system_prompt,
            claude_md: sandbox.claude_md,
            output_schema: sandbox.output_schema,
            effort: sandbox.effort,
            max_budget: sandbox.max_budget,
            input_type: sandbox.input_type,
            output_type: sandbox.output_type,
            mounts: Some(sandbox.mounts),
            workdir: Some(sandbox.workdir),
            input_files: Some(sandbox.input_files),
            network,
            network_mode,
            memory: sandbox.memory,
            cpus: sandbox.cpus,
            pids: sandbox.pids,
            gpu: Some(sandbox.gpu),
            resources: Some(sandbox.resources),
            timeout: Some(sandbox.timeout),
            env_vars: Some(sandbox.env_vars),
            image: sandbox.image,
            cache: Some(sandbox.cache),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_was_decided_is_read_back_as_the_same_sandbox() {
        for written in [
            json!({}),
            json!({"network": false}),
            json!({"network_mode": "none"}),
            json!({"network_mode": "bridge", "network": false}),
            json!({"network_mode": "lab"}),
            json!({"network": {"allow": ["a.example", "*.b.example:8443", "127.0.0.1:4010"]}}),
            json!({"network": {"allow": []}}),
            json!({"tools": "", "resources": "gpu,db"}),
            json!({
                "model": "m", "tools": ["Read"], "mcps": "a,b", "system_prompt": "s", "claude_md": "c",
                "output_schema": {"type": "object"}, "effort": "low", "max_budget": 1.5, "input_type": "i",
                "output_type": "o", "mounts": [{"host_path": "/a", "container_path": "/b", "readonly": false}],
                "workdir": "/w", "input_files": {"a": "b"}, "memory": "1.5g", "cpus": 0.5, "pids": 7,
                "gpu": true, "timeout": 0.25, "env_vars": {"A": "b"}, "image": "i", "cache": true,
            }),
        ] {
            let sandbox = read(written.clone()).resolve().unwrap();
            let again = serde_json::to_value(SandboxSpec::from(sandbox.clone())).unwrap();
            assert_eq!(read(again).resolve().unwrap(), sandbox, "{written}");
        }
    }

    fn read(written: Value) -> SandboxSpec {
        SandboxSpec::from_json(written, "sandbox").unwrap()
    }
}
