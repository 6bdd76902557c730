//! The container of a forwarder. Pure.

use bollard::models::{ContainerCreateBody, HealthConfig, HostConfig, Mount, MountType};
use swarm_core::{ids::RefId, runtime::AgentJob};

use super::{EgressOptions, folder::SOCKET};
use crate::{
    container, engine::EngineTraits, image::program::ProgramImage, options::DockerOptions,
};

/// Where the agent finds its proxy. Above the ports that programs are given when they ask for any.
const ADDRESS: &str = "127.0.0.1:61080";
/// Where the forwarder finds its socket.
const INSIDE: &str = "/run/swarm";
/// The most memory of a forwarder, in bytes. Its connections take a quarter of that at most.
const MEMORY: i64 = 64 << 20;
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
    image: &ProgramImage,
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
            log_config: Some(engine.log.config()),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}
