//! What an agent tries, and a place in which to try it.

use std::collections::HashMap;

use bollard::{
    container::LogOutput,
    models::{ContainerCreateBody, HostConfig},
    query_parameters::{
        CreateContainerOptionsBuilder, LogsOptionsBuilder, RemoveContainerOptionsBuilder,
        StartContainerOptions, WaitContainerOptions,
    },
};
use futures_util::StreamExt as _;
use serde_json::Value;

use crate::support::{Bench, IMAGE};

/// Something that an agent tries.
pub(super) struct Attempt {
    /// What it does.
    pub(super) name: &'static str,
    /// Exits with 0 exactly if it succeeded.
    pub(super) script: &'static str,
    /// How we know that it did try.
    pub(super) proof: Proof,
}

/// How we know that an attempt was one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// It succeeds as root of a container with all the rights that this machine has to give. For what does no harm there.
    SucceedsWithoutWalls,
    /// It is told one of these, separated by `|`.
    IsTold(&'static str),
}

/// It succeeds without walls.
pub(super) const fn proven(name: &'static str, script: &'static str) -> Attempt {
    Attempt {
        name,
        script,
        proof: Proof::SucceedsWithoutWalls,
    }
}

/// It is told why not.
pub(super) const fn told(name: &'static str, script: &'static str, why: &'static str) -> Attempt {
    Attempt {
        name,
        script,
        proof: Proof::IsTold(why),
    }
}

/// What became of an attempt.
struct Tried {
    status: String,
    said: String,
}

/// One script that makes all attempts and prints what became of each on a line.
fn script(attempts: &[&Attempt]) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    attempts
        .iter()
        .enumerate()
        .fold(String::new(), |all, (i, attempt)| {
            all + &format!(
                "timeout 5 sh -c {} </dev/null >/tmp/said-{i} 2>&1; \
                 echo \"$? $(head -c 500 /tmp/said-{i} | tr '\\n' ' ')\"\n",
                quoted(attempt.script)
            )
        })
}

fn tried(attempts: &[&Attempt], printed: &str) -> Vec<Tried> {
    let tried: Vec<Tried> = printed
        .lines()
        .map(|line| {
            let (status, said) = line.split_once(' ').unwrap_or((line, ""));
            Tried {
                status: status.to_owned(),
                said: said.to_owned(),
            }
        })
        .collect();
    assert_eq!(tried.len(), attempts.len(), "{printed}");
    tried
}

/// Makes every attempt in `sandbox`. None may succeed, and each must have been one.
pub(super) async fn none_succeeds(
    bench: &Bench,
    sandbox: Value,
    attempts: &[Attempt],
    without_walls: HostConfig,
) {
    let all: Vec<&Attempt> = attempts.iter().collect();
    let vars = sandbox.get("env_vars").cloned().unwrap_or_default();
    let inside = bench.text(sandbox, &script(&all)).await;
    let mut wrong = Vec::new();
    for (attempt, Tried { status, said }) in all.iter().zip(tried(&all, &inside)) {
        if status == "0" {
            wrong.push(format!("SUCCEEDED: {}: {said}", attempt.name));
        }
        if let Proof::IsTold(why) = attempt.proof
            && !why.split('|').any(|why| said.contains(why))
        {
            wrong.push(format!("no attempt: {}: {status} {said}", attempt.name));
        }
    }
    let proven: Vec<&Attempt> = attempts
        .iter()
        .filter(|attempt| attempt.proof == Proof::SucceedsWithoutWalls)
        .collect();
    let outside = run_without_walls(bench, &script(&proven), &vars, without_walls).await;
    for (attempt, Tried { status, said }) in proven.iter().zip(tried(&proven, &outside)) {
        if status != "0" {
            wrong.push(format!(
                "no attempt, it fails everywhere: {}: {status} {said}",
                attempt.name
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The names of capabilities, by their number.
const CAPABILITIES: &str = "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE \
    NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE \
    SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL \
    SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ";

/// What this machine can give: one that is a virtual machine or a container itself may lack some.
fn capabilities() -> Vec<String> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let bits = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
    let bits = u64::from_str_radix(bits.unwrap().trim(), 16).unwrap();
    let names = CAPABILITIES.split_whitespace().enumerate();
    names
        .filter(|(number, _)| bits >> number & 1 == 1)
        .map(|(_, name)| name.to_owned())
        .collect()
}

/// A script in a container of root's that may do anything but what `host_config` keeps from it.
async fn run_without_walls(
    bench: &Bench,
    script: &str,
    vars: &Value,
    host_config: HostConfig,
) -> String {
    // As the engine would have left them in a privileged one.
    let script = format!(
        "mount -o remount,rw /sys; mknod /dev/disk b 254 0; mknod /dev/kmsg c 1 11\n{script}"
    );
    let docker = &bench.docker;
    let vars = vars.as_object().into_iter().flatten();
    let all = |option: &str| format!("{option}=unconfined");
    let body = ContainerCreateBody {
        image: Some(IMAGE.to_owned()),
        user: Some("0:0".to_owned()),
        entrypoint: Some(vec!["sh".to_owned(), "-c".to_owned(), script]),
        env: Some(
            vars.map(|(name, value)| format!("{name}={}", value.as_str().unwrap()))
                .collect(),
        ),
        labels: Some(HashMap::from([(
            "swarm.home".to_owned(),
            bench.home.clone(),
        )])),
        host_config: Some(HostConfig {
            cap_add: Some(capabilities()),
            security_opt: Some(vec![all("seccomp"), all("apparmor")]),
            masked_paths: Some(Vec::new()),
            readonly_paths: Some(Vec::new()),
            device_cgroup_rules: Some(vec!["a *:* rwm".to_owned()]),
            tmpfs: Some(HashMap::from([(
                "/tmp".to_owned(),
                "exec,mode=1777".to_owned(),
            )])),
            ..host_config
        }),
        ..ContainerCreateBody::default()
    };
    let options = CreateContainerOptionsBuilder::new().build();
    let id = docker
        .create_container(Some(options), body)
        .await
        .unwrap()
        .id;
    docker
        .start_container(&id, None::<StartContainerOptions>)
        .await
        .unwrap();
    let mut wait = docker.wait_container(&id, None::<WaitContainerOptions>);
    let ended = wait.next().await;
    let options = LogsOptionsBuilder::new().stdout(true).build();
    let mut logs = docker.logs(&id, Some(options));
    let mut printed = Vec::new();
    while let Some(Ok(LogOutput::StdOut { message })) = logs.next().await {
        printed.extend_from_slice(&message);
    }
    let remove = RemoveContainerOptionsBuilder::new()
        .force(true)
        .v(true)
        .build();
    docker.remove_container(&id, Some(remove)).await.unwrap();
    assert!(matches!(ended, Some(Ok(_))), "{ended:?}");
    String::from_utf8_lossy(&printed).into_owned()
}
