//! From a job to a container configuration. Pure: the same job gives the same container.

use std::{collections::HashMap, time::Duration};

use bollard::models::{
    ContainerCreateBody, DeviceRequest, HealthConfig, HostConfig, HostConfigLogConfig, Mount,
    MountBindOptions, MountType, MountVolumeOptions,
};
use swarm_core::{
    ids::RefId,
    runtime::{AgentJob, RuntimeError, SHARED_PATH, SHARED_VARIABLE},
    spec::{ByteSize, Network, Sandbox},
};

use crate::{
    egress,
    engine::EngineTraits,
    image_name,
    inputs::{self, InputVolume, clean, is_within},
    options::DockerOptions,
};

/// The run that an agent belongs to.
pub(crate) const LABEL_RUN: &str = "swarm.run";
/// The agent.
pub(crate) const LABEL_AGENT: &str = "swarm.agent";
/// Whose it is: [`DockerOptions::home`].
pub(crate) const LABEL_HOME: &str = "swarm.home";

/// The size of each scratch folder (`/tmp` and the working folder), in bytes. It lives in memory and counts
/// towards the memory limit of the agent.
pub const SCRATCH_BYTES: u64 = 1 << 30;

/// The least memory that engines accept, in bytes.
const LEAST_MEMORY: u64 = 6 << 20;

/// The most processes and threads of an agent whose sandbox does not say.
pub const fn default_pids() -> u32 {
    512
}

/// The name of the container of `id`.
pub(crate) fn name(id: &RefId) -> String {
    format!("swarm-{}-{}", id.run, id.agent)
}

/// Its name as long as it may not have its whole prompt yet. No id holds `..`, so no agent has this name.
pub(crate) fn name_while_feeding(id: &RefId) -> String {
    format!("{}..feeding", name(id))
}

/// Its name if it was started before its agent, and waited for it for this long.
pub(crate) fn name_after_waiting(id: &RefId, waited: Duration) -> String {
    format!("{}..after-{}ms", name(id), waited.as_millis())
}

/// How long the container of `id` with this name waited for its agent; `None` if it is not called so, or does not have
/// the whole prompt.
pub(crate) fn waited(id: &RefId, called: &str) -> Option<Duration> {
    match called.strip_prefix(&name(id))? {
        "" => Some(Duration::ZERO),
        rest => {
            let waited = rest.strip_prefix("..after-")?.strip_suffix("ms")?;
            Some(Duration::from_millis(waited.parse().ok()?))
        }
    }
}

/// The labels of everything that is made for `id`.
pub(crate) fn labels(id: &RefId, home: &str) -> HashMap<String, String> {
    HashMap::from([
        (LABEL_RUN.to_owned(), id.run.to_string()),
        (LABEL_AGENT.to_owned(), id.agent.to_string()),
        (LABEL_HOME.to_owned(), home.to_owned()),
    ])
}

/// Refuses what no container of ours can honour, as far as the sandbox tells.
pub(crate) fn check(sandbox: &Sandbox) -> Result<(), RuntimeError> {
    let unsupported = |field: String, hint| {
        Err(RuntimeError::Unsupported {
            runtime: "docker",
            field,
            hint,
        })
    };
    if let Network::Named(name) = &sandbox.network
        && (name.is_empty()
            || name == "host"
            || name.contains([':', '/', '\0'])
            || name.chars().any(char::is_whitespace))
    {
        return Err(RuntimeError::Refused {
            field: format!("network_mode {name:?}"),
            reason: "an agent never shares the network of the host or of another container; use \"bridge\", \
                     \"none\" or a network that you made"
                .to_owned(),
        });
    }
    // Such as the descriptors that an old engine forgets to close, which lead to the host.
    if inputs::is_of_kernel(&clean(&sandbox.workdir)) {
        return Err(RuntimeError::Refused {
            field: format!("workdir {:?}", sandbox.workdir),
            reason: "/proc, /sys and /dev belong to the kernel; use another folder".to_owned(),
        });
    }
    if let Some(memory) = sandbox.memory
        && memory.bytes() < LEAST_MEMORY
    {
        return unsupported(
            format!("memory {memory}"),
            "engines need at least 6m; ask for more",
        );
    }
    if let Some(cpus) = sandbox.cpus
        && cpus.nanos() < 10_000_000
    {
        return unsupported(
            format!("cpus {}", f64::from(cpus)),
            "engines need at least 0.01; ask for more",
        );
    }
    sandbox.image.as_deref().map_or(Ok(()), image_name::check)
}

/// The image of `job`.
pub(crate) fn image<'a>(job: &'a AgentJob, options: &'a DockerOptions) -> &'a str {
    let named = job.sandbox.image.as_deref();
    named.unwrap_or_else(|| options.image_of(job.kind))
}

/// The container of `job`.
///
/// `sources` are the checked sources of the mounts, in their order; `inputs` the volumes for input files.
pub(crate) fn body(
    job: &AgentJob,
    sources: &[String],
    inputs: &[InputVolume<'_>],
    options: &DockerOptions,
    engine: EngineTraits,
    feeds_stdin: bool,
) -> ContainerCreateBody {
    let sandbox = &job.sandbox;
    let (uid, gid) = options.user;
    ContainerCreateBody {
        image: Some(image(job, options).to_owned()),
        // As entry point, not as command: an entry point of the image would get it as arguments.
        entrypoint: Some(job.invocation.argv_in(inputs::HOME)),
        env: Some(environment(job)),
        user: Some(format!("{uid}:{gid}")),
        working_dir: Some(clean(&sandbox.workdir)),
        labels: Some(labels(&job.id, &options.home)),
        open_stdin: Some(feeds_stdin),
        stdin_once: Some(feeds_stdin),
        attach_stdin: Some(feeds_stdin),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(false),
        // A check of the image's would run beside the agent for nothing.
        healthcheck: Some(HealthConfig {
            test: Some(vec!["NONE".to_owned()]),
            ..HealthConfig::default()
        }),
        host_config: Some(host_config(job, sources, inputs, options, engine)),
        ..ContainerCreateBody::default()
    }
}

fn environment(job: &AgentJob) -> Vec<String> {
    let vars = &job.sandbox.env_vars;
    let mut env: Vec<String> = vars
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    // The user of the agent may have no entry in the image; its home would then be the read-only root.
    let home = if job.invocation.home.is_empty() {
        "/tmp"
    } else {
        inputs::HOME
    };
    let defaults = job.invocation.env.iter();
    let defaults = defaults.map(|(name, value)| (name.as_str(), value.as_str()));
    let defaults = defaults.chain([("HOME", home)]);
    let mut defaults: Vec<_> = defaults
        .map(|(name, value)| (name, value.to_owned()))
        .collect();
    if job.shared.is_some() {
        defaults.push((SHARED_VARIABLE, SHARED_PATH.to_owned()));
    }
    if matches!(job.sandbox.network, Network::Allow(_)) {
        defaults.extend(egress::environment());
    }
    for (name, value) in defaults {
        if !vars.names().any(|set| set == name) {
            env.push(format!("{name}={value}"));
        }
    }
    env
}

fn host_config(
    job: &AgentJob,
    sources: &[String],
    inputs: &[InputVolume<'_>],
    options: &DockerOptions,
    engine: EngineTraits,
) -> HostConfig {
    let sandbox = &job.sandbox;
    let memory = sandbox.memory.map(|memory| signed(memory.bytes()));
    let pids: i64 = sandbox.pids.unwrap_or(default_pids()).into();
    HostConfig {
        memory,
        // Memory and swap together: the same number leaves no swap.
        memory_swap: memory,
        nano_cpus: sandbox.cpus.map(|cpus| signed(cpus.nanos())),
        pids_limit: Some(pids + i64::from(engine.init)),
        device_requests: sandbox.gpu.then(|| {
            vec![DeviceRequest {
                count: Some(-1),
                capabilities: Some(vec![vec!["gpu".to_owned()]]),
                ..DeviceRequest::default()
            }]
        }),
        mounts: Some(mounts(job, sources, inputs, options, engine)),
        tmpfs: Some(scratch(sandbox, inputs, options.user)),
        network_mode: Some(match &sandbox.network {
            // An agent with a list of hosts joins its forwarder; if that was forgotten, it has nothing.
            Network::None | Network::Allow(_) => "none".to_owned(),
            Network::Own => options.network.clone(),
            Network::Named(name) => name.clone(),
        }),
        ipc_mode: Some("private".to_owned()),
        privileged: Some(false),
        readonly_rootfs: Some(true),
        cap_drop: Some(vec!["ALL".to_owned()]),
        security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
        init: Some(engine.init),
        auto_remove: Some(false),
        log_config: Some(engine.log.config(log_size(job.max_output))),
        ..HostConfig::default()
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn mounts(
    job: &AgentJob,
    sources: &[String],
    inputs: &[InputVolume<'_>],
    options: &DockerOptions,
    engine: EngineTraits,
) -> Vec<Mount> {
    // As mounts of type bind, an engine refuses a source that does not exist instead of making it.
    let binds = job
        .sandbox
        .mounts
        .iter()
        .zip(sources)
        .map(|(mount, source)| Mount {
            typ: Some(MountType::BIND),
            source: Some(source.clone()),
            target: Some(clean(&mount.container_path)),
            read_only: Some(mount.readonly),
            // An old engine makes only the mount itself read-only, and file systems mounted below it stay
            // writable. There they are left out.
            bind_options: (mount.readonly && !engine.recursive_read_only).then(|| {
                MountBindOptions {
                    non_recursive: Some(true),
                    ..MountBindOptions::default()
                }
            }),
            ..Mount::default()
        });
    // Without a name, they go when the container goes.
    let volumes = inputs.iter().map(|volume| Mount {
        typ: Some(MountType::VOLUME),
        target: Some(volume.folder.clone()),
        volume_options: Some(MountVolumeOptions {
            labels: Some(labels(&job.id, &options.home)),
            ..MountVolumeOptions::default()
        }),
        ..Mount::default()
    });
    binds.chain(volumes).collect()
}

/// `/tmp` and the working folder, unless something else is there.
fn scratch(
    sandbox: &Sandbox,
    inputs: &[InputVolume<'_>],
    (uid, gid): (u32, u32),
) -> HashMap<String, String> {
    // Where the image has the folder, its mode wins over this one; hence the owner as well.
    let flags = format!("rw,exec,nosuid,nodev,uid={uid},gid={gid},mode=1777,size={SCRATCH_BYTES}");
    let workdir = clean(&sandbox.workdir);
    let taken = |folder: &str| {
        // Scratch below a mount would make a folder in it, on the host.
        sandbox
            .mounts
            .iter()
            .any(|mount| is_within(folder, &clean(&mount.container_path)))
            || inputs.iter().any(|volume| volume.folder == folder)
    };
    ["/tmp".to_owned(), workdir]
        .into_iter()
        .filter(|folder| !taken(folder))
        .map(|folder| (folder, flags.clone()))
        .collect()
}

/// The option of a log driver that says how large a file gets.
pub(crate) const LOG_SIZE: &str = "max-size";

/// How large the log of an agent may get before its beginning is forgotten. An engine adds to each line, which is little for
/// lines of the usual length; and one that nobody watches writes on until somebody does.
pub(crate) const fn log_size(max_output: ByteSize) -> u64 {
    // More than this an engine cannot count.
    let most = i64::MAX as u64 / 4;
    let size = max_output.bytes().saturating_mul(2);
    if size < most { size } else { most }
}

/// Where an engine keeps what a container prints, until it is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogDriver {
    /// Docker's own format: keeps every byte.
    Local,
    /// For engines without it. Docker's would replace what is not UTF-8; Podman's keeps every byte.
    JsonFile,
}

impl LogDriver {
    /// A log that forgets nothing until it has `size` bytes, and never has much more than twice as many.
    ///
    /// Always said, because the default of an engine may be a driver that cannot be read back.
    pub(crate) fn config(self, size: u64) -> HostConfigLogConfig {
        let config = match self {
            // Two files: when the second one is full the first is forgotten, and what is left tells that it was. Of a
            // single one nothing would be left.
            Self::Local => Some(HashMap::from([
                (LOG_SIZE.to_owned(), size.to_string()),
                ("max-file".to_owned(), "2".to_owned()),
                ("compress".to_owned(), "false".to_owned()),
            ])),
            // Podman has no second file: it would forget everything, and nothing would tell.
            Self::JsonFile => None,
        };
        HostConfigLogConfig {
            typ: Some(match self {
                Self::Local => "local".to_owned(),
                Self::JsonFile => "json-file".to_owned(),
            }),
            config,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use swarm_core::{
        agents::Invocation,
        content::Content,
        runtime::{DEFAULT_MAX_OUTPUT, Launch},
        spec::SandboxSpec,
    };

    use super::*;

    const ENGINE: EngineTraits = EngineTraits {
        log: LogDriver::Local,
        recursive_read_only: false,
        init: true,
        plain_binds: true,
    };

    fn job(sandbox: Value) -> AgentJob {
        AgentJob {
            id: "3f0c9a1b2c4d/agent-0".parse().unwrap(),
            kind: "command",
            invocation: Invocation::new(["wc", "-l"]),
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
        }
    }

    fn container(sandbox: Value, feeds_stdin: bool) -> Value {
        let job = job(sandbox);
        let sources: Vec<String> = job
            .sandbox
            .mounts
            .iter()
            .map(|mount| mount.host_path.clone())
            .collect();
        let inputs = inputs::plan(&job.sandbox).unwrap();
        let options = DockerOptions::new("home-1");
        let body = body(&job, &sources, &inputs, &options, ENGINE, feeds_stdin);
        serde_json::to_value(body).unwrap()
    }

    #[test]
    fn the_name_says_how_long_a_container_waited_and_whose_it_is() {
        let id: RefId = "3f0c9a1b2c4d/agent-1".parse().unwrap();
        let waited_for = |name: &str| waited(&id, name);
        assert_eq!(waited_for(&name(&id)), Some(Duration::ZERO));
        let time = Duration::from_millis(4711);
        assert_eq!(waited_for(&name_after_waiting(&id, time)), Some(time));
        let other = name_after_waiting(&"3f0c9a1b2c4d/agent-11".parse().unwrap(), time);
        for name in [
            other.as_str(),
            &name_while_feeding(&id),
            "swarm-3f0c9a1b2c4d-agent-1..after-ms",
        ] {
            assert_eq!(waited_for(name), None, "{name}");
        }
    }

    #[test]
    fn the_container_of_a_plain_job() {
        let flags = "rw,exec,nosuid,nodev,uid=1000,gid=1000,mode=1777,size=1073741824";
        assert_eq!(
            container(json!({}), false),
            json!({
                "Image": "swarm-agent:latest",
                "Entrypoint": ["wc", "-l"],
                "Env": ["HOME=/tmp"],
                "User": "1000:1000",
                "WorkingDir": "/workspace",
                "Labels": {
                    "swarm.run": "3f0c9a1b2c4d", "swarm.agent": "agent-0", "swarm.home": "home-1",
                },
                "OpenStdin": false,
                "StdinOnce": false,
                "AttachStdin": false,
                "AttachStdout": true,
                "AttachStderr": true,
                "Tty": false,
                "Healthcheck": {"Test": ["NONE"]},
                "HostConfig": {
                    "PidsLimit": 513,
                    "Mounts": [],
                    "Tmpfs": {"/tmp": flags, "/workspace": flags},
                    "NetworkMode": "swarm",
                    "IpcMode": "private",
                    "Privileged": false,
                    "ReadonlyRootfs": true,
                    "CapDrop": ["ALL"],
                    "SecurityOpt": ["no-new-privileges:true"],
                    "Init": true,
                    "AutoRemove": false,
                    "LogConfig": {
                        "Type": "local",
                        "Config": {"max-size": "536870912", "max-file": "2", "compress": "false"},
                    },
                },
            })
        );
    }

    #[test]
    fn the_container_of_a_job_that_uses_every_field() {
        let flags = "rw,exec,nosuid,nodev,uid=1000,gid=1000,mode=1777,size=1073741824";
        let labels = json!({
            "swarm.run": "3f0c9a1b2c4d", "swarm.agent": "agent-0", "swarm.home": "home-1",
        });
        let written = container(
            json!({
                "image": "other:1", "workdir": "/w//x/", "memory": "512m", "cpus": 1.5, "pids": 16, "gpu": true,
                "network": false, "env_vars": {"HOME": "/w", "TOKEN": "canary"},
                "input_files": {"a": "text", "/etc/app/b": "text"},
                "mounts": [
                    {"host_path": "/srv/in", "container_path": "/in/"},
                    {"host_path": "/srv/out", "container_path": "/out", "readonly": false},
                ],
            }),
            true,
        );
        assert_eq!(
            written,
            json!({
                "Image": "other:1",
                "Entrypoint": ["wc", "-l"],
                "Env": ["HOME=/w", "TOKEN=canary"],
                "User": "1000:1000",
                "WorkingDir": "/w/x",
                "Labels": labels,
                "OpenStdin": true,
                "StdinOnce": true,
                "AttachStdin": true,
                "AttachStdout": true,
                "AttachStderr": true,
                "Tty": false,
                "Healthcheck": {"Test": ["NONE"]},
                "HostConfig": {
                    "Memory": 536_870_912,
                    "MemorySwap": 536_870_912,
                    "NanoCpus": 1_500_000_000,
                    "PidsLimit": 17,
                    "DeviceRequests": [{"Count": -1, "Capabilities": [["gpu"]]}],
                    "Mounts": [
                        {
                            "Type": "bind", "Source": "/srv/in", "Target": "/in", "ReadOnly": true,
                            "BindOptions": {"NonRecursive": true},
                        },
                        {"Type": "bind", "Source": "/srv/out", "Target": "/out", "ReadOnly": false},
                        {"Type": "volume", "Target": "/etc/app", "VolumeOptions": {"Labels": labels}},
                        {"Type": "volume", "Target": "/w/x", "VolumeOptions": {"Labels": labels}},
                    ],
                    "Tmpfs": {"/tmp": flags},
                    "NetworkMode": "none",
                    "IpcMode": "private",
                    "Privileged": false,
                    "ReadonlyRootfs": true,
                    "CapDrop": ["ALL"],
                    "SecurityOpt": ["no-new-privileges:true"],
                    "Init": true,
                    "AutoRemove": false,
                    "LogConfig": {
                        "Type": "local",
                        "Config": {"max-size": "536870912", "max-file": "2", "compress": "false"},
                    },
                },
            })
        );
        // The value of a variable is where the agent finds it, and nowhere else.
        assert_eq!(written.to_string().matches("canary").count(), 1);
    }

    #[test]
    fn scratch_never_lies_below_a_mount() {
        let written = container(
            json!({"workdir": "/data/w", "mounts": [
                {"host_path": "/srv", "container_path": "/data"},
                {"host_path": "/var/tmp", "container_path": "/tmp"},
            ]}),
            false,
        );
        assert_eq!(written["HostConfig"]["Tmpfs"], json!({}));
    }

    #[test]
    fn a_mount_below_the_working_folder_leaves_it_writable() {
        let written = container(
            json!({"mounts": [{"host_path": "/srv", "container_path": "/workspace/src"}]}),
            false,
        );
        assert!(written["HostConfig"]["Tmpfs"]["/workspace"].is_string());
    }

    #[test]
    fn an_engine_that_makes_all_below_read_only_gets_all_below() {
        let job = job(json!({"mounts": [{"host_path": "/srv", "container_path": "/in"}]}));
        let engine = EngineTraits {
            recursive_read_only: true,
            ..ENGINE
        };
        let options = DockerOptions::new("home-1");
        let body = body(&job, &["/srv".to_owned()], &[], &options, engine, false);
        let mount = body.host_config.unwrap().mounts.unwrap().remove(0);
        assert_eq!(mount.bind_options, None);
    }

    #[test]
    fn the_name_while_feeding_is_no_name_of_an_agent() {
        let id: RefId = "run/agent-0".parse().unwrap();
        let feeding = name_while_feeding(&id);
        let agent = feeding.strip_prefix("swarm-run-").unwrap();
        assert!(swarm_core::ids::AgentId::new(agent).is_err());
    }

    #[test]
    fn what_no_container_can_honour_is_refused() {
        for sandbox in [
            json!({"memory": "5m"}),
            json!({"cpus": 0.005}),
            json!({"image": ""}),
            json!({"image": "Busybox"}),
        ] {
            assert!(
                check(&job(sandbox.clone()).sandbox).is_err(),
                "{sandbox} was accepted"
            );
        }
        for workdir in ["/proc/self/fd/7", "/sys", "//dev/./x"] {
            assert!(
                check(&job(json!({"workdir": workdir})).sandbox).is_err(),
                "{workdir} was accepted"
            );
        }
        // From a log, past the checks of a spec.
        for network in ["host", "container:db", "ns:/proc/1/ns/net", "", "a b"] {
            let mut sandbox = job(json!({})).sandbox;
            sandbox.network = Network::Named(network.to_owned());
            assert!(check(&sandbox).is_err(), "{network:?} was accepted");
        }
        check(&job(json!({"memory": "6m", "cpus": 0.01})).sandbox).unwrap();
        let error = check(&job(json!({"image": "no such"})).sandbox).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the docker runtime cannot honour image \"no such\"; a name has no spaces; write `[REGISTRY/]NAME[:TAG]`"
        );
    }

    #[test]
    fn the_image_that_a_sandbox_names_wins_over_that_of_the_kind() {
        let options = DockerOptions::new("home-1");
        let of = |kind, sandbox| {
            let job = AgentJob {
                kind,
                ..job(sandbox)
            };
            image(&job, &options).to_owned()
        };
        assert_eq!(of("command", json!({})), "swarm-agent:latest");
        assert_eq!(of("claude", json!({})), "swarm-agent-claude:latest");
        assert_eq!(of("claude", json!({"image": "mine:1"})), "mine:1");
    }
}
