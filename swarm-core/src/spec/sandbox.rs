//! The limits and surroundings of an agent: as written, and with every field decided.

mod written_out;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Agent, ByteSize, Cpus, EnvVars, Mount, Network, NetworkSpec, SpecError, fields,
    lists::{self, list},
    mount::check_inside,
};
use crate::{money::Usd, time::seconds};

/// How long an agent may run if nobody says otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_mins(30);
/// The tools of an agent that has tools, if nobody says otherwise.
pub const DEFAULT_TOOLS: [&str; 5] = ["Read", "Write", "Glob", "Grep", "Bash"];
/// The folder that an agent starts in, if nobody says otherwise.
pub const DEFAULT_WORKDIR: &str = "/workspace";

/// A sandbox as written: what is absent (or null) is not decided here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SandboxSpec {
    /// Which program plays the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent>,
    /// The model, for agents that have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The tools that the agent may use. A list or a comma string.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "list")]
    pub tools: Option<Vec<String>>,
    /// Names of MCP servers to attach. A list or a comma string.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "list")]
    pub mcps: Option<Vec<String>>,
    /// Replaces the agent's own system prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_prompt: Option<String>,
    /// Standing instructions, put where the agent looks for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claude_md: Option<String>,
    /// JSON Schema of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
    /// How hard the model should think.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effort: Option<String>,
    /// The most that the agent may spend, in dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_budget: Option<Usd>,
    /// Type of the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_type: Option<String>,
    /// Type of the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_type: Option<String>,
    /// Folders and files of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mounts: Option<Vec<Mount>>,
    /// The folder to start in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workdir: Option<String>,
    /// Files to put in: path inside (relative to `workdir`, or absolute) to content, which copies of a sandbox share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_files: Option<BTreeMap<String, Arc<str>>>,
    /// Whether there is a network, or which hosts are all that can be reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkSpec>,
    /// `none`, `bridge` or a network of the engine; wins over a `network` that is true or false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_mode: Option<String>,
    /// The most memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<ByteSize>,
    /// The most processor time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<Cpus>,
    /// The most processes and threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<u32>,
    /// Whether the agent needs the GPU; also waits for the pool `gpu`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu: Option<bool>,
    /// Pools to wait for. A list or a comma string.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "list")]
    pub resources: Option<Vec<String>>,
    /// How long it may run, in seconds; counted from its start, not from its place in the queue.
    #[serde(skip_serializing_if = "Option::is_none", with = "seconds::option")]
    pub timeout: Option<Duration>,
    /// Environment variables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env_vars: Option<EnvVars>,
    /// The image to run in, if the runtime has images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Whether a stored result of the same work may be taken instead of running the agent. See [`cache`](crate::cache).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<bool>,
}

impl SandboxSpec {
    /// The names of all fields.
    pub const FIELDS: [&'static str; 25] = [
        "agent",
        "model",
        "tools",
        "mcps",
        "system_prompt",
        "claude_md",
        "output_schema",
        "effort",
        "max_budget",
        "input_type",
        "output_type",
        "mounts",
        "workdir",
        "input_files",
        "network",
        "network_mode",
        "memory",
        "cpus",
        "pids",
        "gpu",
        "resources",
        "timeout",
        "env_vars",
        "image",
        "cache",
    ];

    /// Reads a JSON object, whose every field must be known; `place` names it in errors.
    pub fn from_json(value: Value, place: &str) -> Result<Self, SpecError> {
        fields::read(value, &Self::FIELDS, place)
    }

    /// This sandbox with the decisions of `over` on top, field by field.
    ///
    /// What `over` leaves open stays as it is. Lists and maps are replaced, not merged, so an empty
    /// list takes everything away.
    #[must_use]
    pub fn overridden_by(mut self, over: Self) -> Self {
        // A list of hosts and a mode say the same thing in two ways, and exclude each other.
        if matches!(over.network, Some(NetworkSpec::Allow { .. })) {
            self.network_mode = None;
        }
        if over.network_mode.is_some() && matches!(self.network, Some(NetworkSpec::Allow { .. })) {
            self.network = None;
        }
        macro_rules! merge { ($($field:ident)*) => { Self { $($field: over.$field.or(self.$field),)* } } }
        merge! {
            agent model tools mcps system_prompt claude_md output_schema effort max_budget input_type
            output_type mounts workdir input_files network network_mode memory cpus pids gpu resources
            timeout env_vars image cache
        }
    }

    /// Decides every field that is still open, and checks the others.
    pub fn resolve(self) -> Result<Sandbox, SpecError> {
        let gpu_pool = self.resources.iter().flatten().any(|pool| pool == "gpu");
        let sandbox = Sandbox {
            model: self.model,
            tools: self
                .tools
                .map_or_else(|| DEFAULT_TOOLS.map(str::to_owned).to_vec(), lists::once),
            mcps: lists::once(self.mcps.unwrap_or_default()),
            system_prompt: self.system_prompt,
            claude_md: self.claude_md,
            output_schema: self.output_schema,
            effort: self.effort,
            max_budget: self.max_budget,
            input_type: self.input_type,
            output_type: self.output_type,
            mounts: self.mounts.unwrap_or_default(),
            workdir: self.workdir.unwrap_or_else(|| DEFAULT_WORKDIR.to_owned()),
            input_files: self.input_files.unwrap_or_default(),
            network: Network::from_fields(self.network, self.network_mode.as_deref())?,
            memory: self.memory,
            cpus: self.cpus,
            pids: self.pids,
            gpu: self.gpu.unwrap_or(false) || gpu_pool,
            resources: self.resources.unwrap_or_default(),
            timeout: self.timeout.unwrap_or(DEFAULT_TIMEOUT),
            env_vars: self.env_vars.unwrap_or_default(),
            image: self.image,
            cache: self.cache.unwrap_or(false),
        };
        sandbox.check()?;
        Ok(sandbox)
    }
}

/// A sandbox in which every field is decided and makes sense by itself. See [`SandboxSpec`] for the fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of SandboxSpec")]
pub struct Sandbox {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    pub tools: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mcps: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_prompt: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claude_md: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_budget: Option<Usd>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_type: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    pub workdir: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub input_files: BTreeMap<String, Arc<str>>,
    pub network: Network,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<ByteSize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<Cpus>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pids: Option<u32>,
    #[serde(default)]
    pub gpu: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    #[serde(with = "seconds")]
    pub timeout: Duration,
    #[serde(default)]
    pub env_vars: EnvVars,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cache: bool,
}

impl Sandbox {
    fn check(&self) -> Result<(), SpecError> {
        for (i, mount) in self.mounts.iter().enumerate() {
            mount.check()?;
            let target = mount.container_path.trim_end_matches('/');
            if self
                .mounts
                .iter()
                .take(i)
                .any(|m| m.container_path.trim_end_matches('/') == target)
            {
                return Err(SpecError::shape(
                    "mounts",
                    format!("two mounts on {target}"),
                ));
            }
        }
        check_inside(&self.workdir)
            .map_err(|problem| SpecError::shape(format!("workdir {:?}", self.workdir), problem))?;
        for path in self.input_files.keys() {
            check_inside(&self.inside(path))
                .map_err(|problem| SpecError::shape(format!("input_files {path:?}"), problem))?;
        }
        if let Some(name) = self.env_vars.invalid_name() {
            return Err(SpecError::shape(
                format!("env_vars {name:?}"),
                "a name must not be empty or hold `=`, and neither part may hold a NUL byte",
            ));
        }
        if self.timeout.is_zero() {
            return Err(SpecError::shape(
                "timeout",
                "it must be more than zero seconds",
            ));
        }
        if self.pids == Some(0) {
            return Err(SpecError::shape("pids", "it must be at least 1"));
        }
        for (field, what, names) in [
            ("tools", "a tool", &self.tools),
            ("mcps", "an MCP server", &self.mcps),
            ("resources", "a pool", &self.resources),
        ] {
            if names.iter().any(|name| name.trim().is_empty()) {
                return Err(SpecError::shape(
                    field,
                    format!("{what} needs a name, and one has none; is there a comma too many?"),
                ));
            }
        }
        Ok(())
    }

    /// The absolute path inside of an input file.
    pub fn inside(&self, path: &str) -> String {
        if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("{}/{path}", self.workdir.trim_end_matches('/'))
        }
    }

    /// The pools to wait for, each once, in the one order in which everybody asks for them.
    pub fn pools(&self) -> Vec<String> {
        let mut pools = self.resources.clone();
        if self.gpu {
            pools.push("gpu".to_owned());
        }
        pools.sort();
        pools.dedup();
        pools
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(value: Value) -> SandboxSpec {
        SandboxSpec::from_json(value, "sandbox").unwrap()
    }

    #[test]
    fn a_name_that_comes_twice_counts_once_and_one_that_is_empty_is_refused() {
        let sandbox = spec(json!({"tools": "Read, Bash,Read", "mcps": ["b", "a", "b"]}));
        let sandbox = sandbox.resolve().unwrap();
        assert_eq!(sandbox.tools, ["Read", "Bash"]);
        assert_eq!(sandbox.mcps, ["b", "a"]);
        for (field, list) in [
            ("tools", json!("Bash,,Read")),
            ("tools", json!(["Bash", " "])),
            ("mcps", json!("files,")),
            ("mcps", json!([""])),
            ("resources", json!(",")),
        ] {
            let error = spec(json!({field: list}))
                .resolve()
                .unwrap_err()
                .to_string();
            assert!(
                error.contains(field) && error.contains("a comma too many"),
                "{error}"
            );
        }
    }

    #[test]
    fn the_list_of_fields_is_complete() {
        let every = json!({
            "agent": "claude", "model": "m", "tools": [], "mcps": [], "system_prompt": "", "claude_md": "",
            "output_schema": {}, "effort": "low", "max_budget": 1, "input_type": "", "output_type": "",
            "mounts": [], "workdir": "/w", "input_files": {}, "network": true, "network_mode": "none",
            "memory": "1g", "cpus": 1, "pids": 1, "gpu": true, "resources": [], "timeout": 1, "env_vars": {},
            "image": "i", "cache": true,
        });
        let written = serde_json::to_value(spec(every)).unwrap();
        let written: Vec<&String> = written.as_object().unwrap().keys().collect();
        let mut fields = SandboxSpec::FIELDS;
        fields.sort_unstable();
        assert_eq!(written, fields);
    }

    #[test]
    fn an_absent_or_null_field_never_overrides() {
        let base = spec(json!({"network": false, "tools": ["Read"], "model": "haiku"}));
        let over = spec(json!({"network": null, "timeout": 5}));
        let merged = base.overridden_by(over).resolve().unwrap();
        assert_eq!(merged.network, Network::None);
        assert_eq!(merged.tools, ["Read"]);
        assert_eq!(merged.model.as_deref(), Some("haiku"));
        assert_eq!(merged.timeout, Duration::from_secs(5));
    }

    #[test]
    fn a_list_of_hosts_and_a_mode_override_each_other_and_never_stand_together() {
        let list = json!({"network": {"allow": ["a.example"]}});
        let mode = json!({"network_mode": "bridge"});
        let merge = |base: &Value, over: &Value| {
            let merged = spec(base.clone()).overridden_by(spec(over.clone()));
            merged.resolve().unwrap().network
        };
        assert!(matches!(merge(&mode, &list), Network::Allow(_)));
        assert_eq!(merge(&list, &mode), Network::Own);
        assert_eq!(merge(&list, &json!({"network": false})), Network::None);
        assert!(matches!(merge(&list, &json!({})), Network::Allow(_)));
        let both = json!({"network": {"allow": ["a.example"]}, "network_mode": "bridge"});
        let error = spec(both).resolve().unwrap_err().to_string();
        assert!(
            error.starts_with("network_mode \"bridge\" is refused"),
            "{error}"
        );
        let bad = json!({"network": {"allow": ["*"]}});
        let error = SandboxSpec::from_json(bad, "sandbox")
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("sandbox.network: host \"*\": "),
            "{error}"
        );
    }

    #[test]
    fn an_empty_list_overrides() {
        let base = spec(json!({"tools": "Read, Write"}));
        assert_eq!(base.clone().resolve().unwrap().tools, ["Read", "Write"]);
        assert!(
            base.overridden_by(spec(json!({"tools": ""})))
                .resolve()
                .unwrap()
                .tools
                .is_empty()
        );
    }

    #[test]
    fn an_unknown_field_is_refused_with_a_suggestion() {
        let error = SandboxSpec::from_json(json!({"time_out": 5}), "tasks[1]").unwrap_err();
        assert_eq!(
            error.to_string(),
            "tasks[1] has an unknown field `time_out`; did you mean `timeout`?"
        );
    }

    #[test]
    fn a_wrong_type_is_named_with_its_place() {
        let wrong = json!({"mounts": [{"container_path": "/x"}]});
        let error = SandboxSpec::from_json(wrong, "tasks[0]")
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("tasks[0].mounts[0]: missing field `host_path`"),
            "{error}"
        );
    }

    #[test]
    fn values_that_make_no_sense_are_refused() {
        for bad in [
            json!({"timeout": 0}),
            json!({"pids": 0}),
            json!({"workdir": "workspace"}),
            json!({"workdir": "/"}),
            json!({"input_files": {"../x": ""}}),
            json!({"input_files": {"/a/../../x": ""}}),
            json!({"env_vars": {"A=B": "c"}}),
            json!({"env_vars": {"": "c"}}),
            json!({"mounts": [{"host_path": "rel", "container_path": "/x"}]}),
            json!({"mounts": [
                {"host_path": "/a", "container_path": "/x"},
                {"host_path": "/b", "container_path": "/x/"},
            ]}),
            json!({"network_mode": "host"}),
            json!({"resources": [" "]}),
        ] {
            assert!(spec(bad.clone()).resolve().is_err(), "{bad} was accepted");
        }
        for bad in [
            json!({"timeout": -1}),
            json!({"memory": "lots"}),
            json!({"cpus": 0}),
            json!([]),
        ] {
            assert!(
                SandboxSpec::from_json(bad.clone(), "x").is_err(),
                "{bad} was accepted"
            );
        }
    }

    #[test]
    fn asking_for_the_gpu_and_for_its_pool_is_the_same() {
        for written in [json!({"gpu": true}), json!({"resources": "gpu"})] {
            let sandbox = spec(written).resolve().unwrap();
            assert!(sandbox.gpu);
            assert_eq!(sandbox.pools(), ["gpu"]);
        }
    }

    #[test]
    fn an_input_file_is_relative_to_the_working_folder_or_absolute() {
        let sandbox = SandboxSpec::default().resolve().unwrap();
        assert_eq!(sandbox.inside("a/b.txt"), "/workspace/a/b.txt");
        assert_eq!(
            sandbox.inside("/workspace/config.json"),
            "/workspace/config.json"
        );
    }
}
