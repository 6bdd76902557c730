//! What of a sandbox a plain process can honour.

use std::path::{Component, Path, PathBuf};

use crate::{
    runtime::RuntimeError,
    spec::{Mount, Network, Sandbox},
};

pub(super) const NAME: &str = "process";

const USE_DOCKER: &str = "use `--runtime docker`, or leave it out";

/// Refuses every field that only isolation could enforce.
pub(super) fn check(sandbox: &Sandbox) -> Result<(), RuntimeError> {
    let refuse = |field: String| {
        Err(RuntimeError::Unsupported {
            runtime: NAME,
            field,
            hint: USE_DOCKER,
        })
    };
    match &sandbox.network {
        Network::Own => {}
        Network::None => return refuse("network \"none\"".to_owned()),
        Network::Named(name) => return refuse(format!("network {name:?}")),
        Network::Allow(_) => return refuse("a network with a list of hosts".to_owned()),
    }
    if let Some(memory) = sandbox.memory {
        return refuse(format!("memory {memory} bytes"));
    }
    if let Some(cpus) = sandbox.cpus {
        return refuse(format!("cpus {}", f64::from(cpus)));
    }
    if let Some(pids) = sandbox.pids {
        return refuse(format!("pids {pids}"));
    }
    if let Some(image) = &sandbox.image {
        return refuse(format!("image {image:?}"));
    }
    for mount in &sandbox.mounts {
        let shown = format!("mount {}:{}", mount.host_path, mount.container_path);
        if mount.readonly {
            return refuse(format!("read-only {shown}"));
        } else if !is_workdir(mount, sandbox) {
            return refuse(format!("{shown} (only a writable folder on `workdir`)"));
        } else if !sandbox.input_files.is_empty() {
            return refuse(format!("input_files together with {shown}"));
        }
    }
    for path in sandbox.input_files.keys() {
        if staged_path(sandbox, path).is_none() {
            return refuse(format!("input_files {path:?} outside of `workdir`"));
        }
    }
    Ok(())
}

/// The mount that stands in for the agent's own folder.
pub(super) fn workdir_mount(sandbox: &Sandbox) -> Option<&Mount> {
    sandbox.mounts.iter().find(|m| is_workdir(m, sandbox))
}

fn is_workdir(mount: &Mount, sandbox: &Sandbox) -> bool {
    // Paths compare by their parts, so `/w`, `/w/` and `//w/.` are the same.
    Path::new(&mount.container_path) == Path::new(&sandbox.workdir)
}

/// Where an input file lies below the working folder; `None` if it lies elsewhere.
pub(super) fn staged_path(sandbox: &Sandbox, path: &str) -> Option<PathBuf> {
    let inside = sandbox.inside(path);
    let below = Path::new(&inside).strip_prefix(&sandbox.workdir).ok()?;
    let plain = below
        .components()
        .all(|c| matches!(c, Component::Normal(_)));
    (plain && !below.as_os_str().is_empty()).then(|| below.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::spec::SandboxSpec;

    fn sandbox(value: serde_json::Value) -> Sandbox {
        SandboxSpec::from_json(value, "sandbox")
            .unwrap()
            .resolve()
            .unwrap()
    }

    #[test]
    fn what_only_isolation_could_enforce_is_refused_by_name() {
        for (field, value) in [
            ("network \"none\"", json!({"network": false})),
            ("network \"lab\"", json!({"network_mode": "lab"})),
            (
                "a network with a list of hosts",
                json!({"network": {"allow": ["a.example"]}}),
            ),
            ("memory 2147483648 bytes", json!({"memory": "2g"})),
            ("cpus 1.5", json!({"cpus": 1.5})),
            ("pids 64", json!({"pids": 64})),
            ("image \"agent:1\"", json!({"image": "agent:1"})),
            (
                "read-only mount /srv:/workspace",
                json!({"mounts": [{"host_path": "/srv", "container_path": "/workspace"}]}),
            ),
            (
                "mount /srv:/data (only a writable folder on `workdir`)",
                json!({"mounts": [{"host_path": "/srv", "container_path": "/data", "readonly": false}]}),
            ),
            (
                "input_files together with mount /srv:/workspace",
                json!({
                    "mounts": [{"host_path": "/srv", "container_path": "/workspace", "readonly": false}],
                    "input_files": {"a": ""},
                }),
            ),
            (
                "input_files \"/etc/motd\" outside of `workdir`",
                json!({"input_files": {"/etc/motd": ""}}),
            ),
            (
                "input_files \"/workspace2/a\" outside of `workdir`",
                json!({"input_files": {"/workspace2/a": ""}}),
            ),
        ] {
            assert_eq!(
                check(&sandbox(value)).unwrap_err().to_string(),
                format!(
                    "the process runtime cannot honour {field}; use `--runtime docker`, or leave it out"
                ),
            );
        }
    }

    #[test]
    fn what_a_process_can_honour_is_accepted() {
        for value in [
            json!({}),
            json!({"gpu": true, "resources": "db", "timeout": 5, "env_vars": {"A": "b"}}),
            json!({"input_files": {"a": "", "b/c": "", "/workspace/d": ""}}),
            json!({"workdir": "/w", "mounts": [
                {"host_path": "/srv", "container_path": "/w/", "readonly": false},
            ]}),
        ] {
            check(&sandbox(value)).unwrap();
        }
    }

    #[test]
    fn an_input_file_lands_below_the_working_folder() {
        let s = sandbox(json!({"workdir": "/w/x"}));
        let staged = |path| staged_path(&s, path);
        assert_eq!(staged("a/./b"), Some(PathBuf::from("a/b")));
        assert_eq!(staged("/w/x/a"), Some(PathBuf::from("a")));
        for outside in ["/w/a", "/w/xa", "/w/x", "../a", "a/../../b", "."] {
            assert_eq!(staged(outside), None, "{outside}");
        }
    }
}
