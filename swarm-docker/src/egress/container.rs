//! The container of a forwarder. Pure.

use bollard::models::{ContainerCreateBody, HealthConfig, HostConfig, Mount, MountType};
use swarm_core::{ids::RefId, runtime::AgentJob};

use super::{EgressOptions, folder::SOCKET};
use crate::{
    container, engine::EngineTraits, image::forwarder::ForwarderImage, options::DockerOptions,
};

/// Where the agent finds its proxy. Above the ports that programs are given when they ask for any.
const ADDRESS: &str = "127.0.0.1:61080";
/// Where the forwarder finds its socket.
const INSIDE: &str = "/run/swarm";
/// The most memory of a forwarder, in bytes. Its connections take a quarter of that at most.
const MEMORY: i64 = 64 << 20;
/// How large a file of its log may get, in bytes; it says next to nothing.
const LOG_BYTES: u64 = 1 << 20;
/// The most processes and threads of a forwarder.
const PIDS: i64 = 16;

/// The name of the forwarder of `id`. No id holds `..`, so no agent has this name.
pub(super) fn name(id: &RefId) -> String {
    format!("{}..egress", container::name(id))
}

/// The variables by which programs find their proxy.
pub(crate) fn environment<'n>() -> impl Iterator<Item = (&'n str, String)> {
    let proxies = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];
    let lower = ["http_proxy", "https_proxy", "all_proxy"];
    let proxies = proxies.into_iter().chain(lower);
    let proxies = proxies.map(|name| (name, format!("http://{ADDRESS}")));
    proxies.chain([
        ("NO_PROXY", String::new()),
        ("no_proxy", String::new()),
        // Else Node does not look at any of them.
        ("NODE_USE_ENV_PROXY", "1".to_owned()),
    ])
}

/// The forwarder of `job`, whose socket is in `folder`.
pub(super) fn body(
    job: &AgentJob,
    image: &ForwarderImage,
    folder: String,
    options: &DockerOptions,
    egress: &EgressOptions,
    engine: EngineTraits,
) -> ContainerCreateBody {
    let (uid, gid) = options.user;
    let program = [image.program.clone()].into_iter();
    let args = egress.args.iter().cloned();
    let ends = [ADDRESS.to_owned(), format!("{INSIDE}/{SOCKET}")];
    ContainerCreateBody {
        image: Some(image.name.clone()),
        entrypoint: Some(program.chain(args).chain(ends).collect()),
        user: Some(format!("{uid}:{gid}")),
        labels: Some(container::labels(&job.id, &options.home)),
        tty: Some(false),
        healthcheck: Some(HealthConfig {
            test: Some(vec!["NONE".to_owned()]),
            ..HealthConfig::default()
        }),
        host_config: Some(HostConfig {
            memory: Some(MEMORY),
            memory_swap: Some(MEMORY),
            // Else an agent could use more of the processor than it was given, through its forwarder.
            nano_cpus: job
                .sandbox
                .cpus
                .and_then(|cpus| i64::try_from(cpus.nanos()).ok()),
            pids_limit: Some(PIDS),
            mounts: Some(vec![Mount {
                typ: Some(MountType::BIND),
                source: Some(folder),
                target: Some(INSIDE.to_owned()),
                read_only: Some(true),
                ..Mount::default()
            }]),
            network_mode: Some("none".to_owned()),
            ipc_mode: Some("private".to_owned()),
            privileged: Some(false),
            readonly_rootfs: Some(true),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
            auto_remove: Some(false),
            log_config: Some(engine.log.config(LOG_BYTES)),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use serde_json::json;
    use swarm_core::{
        agents::Invocation,
        content::Content,
        runtime::{DEFAULT_MAX_OUTPUT, Launch},
        spec::SandboxSpec,
    };

    use super::*;
    use crate::container::LogDriver;

    #[test]
    fn the_forwarder_is_as_confined_as_an_agent_and_on_no_network() {
        let sandbox = json!({"network": {"allow": ["a.example"]}, "cpus": 0.5});
        let job = AgentJob {
            kind: "command",
            id: "3f0c9a1b2c4d/agent-0".parse().unwrap(),
            invocation: Invocation::new(["true"]),
            stdin: Content::empty(),
            sandbox: SandboxSpec::from_json(sandbox, "sandbox")
                .unwrap()
                .resolve()
                .unwrap(),
            timeout: Duration::from_secs(5),
            max_output: DEFAULT_MAX_OUTPUT,
            shared: None,
            launch: Launch::New,
            spec: None,
            leftovers: None,
        };
        let image = ForwarderImage {
            name: "swarm-forwarder:1".to_owned(),
            program: "/usr/bin/swarm".to_owned(),
        };
        let egress = EgressOptions {
            program: "/usr/bin/swarm".into(),
            args: vec!["egress-forward".to_owned()],
            folder: "/home/egress".into(),
        };
        let engine = EngineTraits {
            plain_binds: true,
            log: LogDriver::JsonFile,
            recursive_read_only: false,
            init: true,
        };
        let options = DockerOptions::new("home-1");
        let folder = "/home/egress/x/socket".to_owned();
        let body = body(&job, &image, folder, &options, &egress, engine);
        assert_eq!(
            serde_json::to_value(body).unwrap(),
            json!({
                "Image": "swarm-forwarder:1",
                "Entrypoint": ["/usr/bin/swarm", "egress-forward", "127.0.0.1:61080", "/run/swarm/proxy.sock"],
                "User": "1000:1000",
                "Labels": {
                    "swarm.run": "3f0c9a1b2c4d", "swarm.agent": "agent-0", "swarm.home": "home-1",
                },
                "Tty": false,
                "Healthcheck": {"Test": ["NONE"]},
                "HostConfig": {
                    "Memory": MEMORY,
                    "MemorySwap": MEMORY,
                    "NanoCpus": 500_000_000,
                    "PidsLimit": PIDS,
                    "Mounts": [{
                        "Type": "bind", "Source": "/home/egress/x/socket", "Target": "/run/swarm", "ReadOnly": true,
                    }],
                    "NetworkMode": "none",
                    "IpcMode": "private",
                    "Privileged": false,
                    "ReadonlyRootfs": true,
                    "CapDrop": ["ALL"],
                    "SecurityOpt": ["no-new-privileges:true"],
                    "AutoRemove": false,
                    "LogConfig": {"Type": "json-file"},
                },
            })
        );
        assert!(name(&job.id).ends_with("..egress"));
    }

    #[test]
    fn programs_find_the_proxy_by_either_spelling() {
        let env: BTreeMap<&str, String> = environment().collect();
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            assert_eq!(env[name], "http://127.0.0.1:61080");
            assert_eq!(env[name], env[name.to_lowercase().as_str()]);
        }
        assert_eq!(
            (env["NO_PROXY"].as_str(), env["no_proxy"].as_str()),
            ("", "")
        );
    }
}
