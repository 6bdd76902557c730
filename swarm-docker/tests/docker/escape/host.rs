//! What an agent would like to see of the host.

use std::process::{Child, Command, Stdio};

use bollard::models::HostConfig;
use serde_json::json;
use swarm_core::ids::RunId;

use super::attempt::{Attempt, none_succeeds, proven};
use crate::support::Bench;

/// `$A-$B` is a secret of the host; nothing inside holds it as a whole.
#[rustfmt::skip]
const ATTEMPTS: &[Attempt] = &[
    proven("it reads the variables of a process of the host", "grep -q $A-$B /proc/[0-9]*/environ"),
    proven("it reads a file of the host through a process", "grep -q $A-$B /proc/$PID/root$FILE"),
    proven("it reaches a process of the host with a signal", "kill -0 $PID"),
    proven("it reads the arguments of a process of the host", "tr '\\0' ' ' < /proc/$PID/cmdline | grep -q cat"),
    proven("it finds the socket of the engine", "[ -S /run/docker.sock ] || [ -S /run/podman/podman.sock ]"),
    proven("it finds the socket of containerd or the folder of engines", "[ -d /run/docker ] || [ -d /run/containers ]"),
    proven("it sees a file of the host by its path", "grep -q $A-$B $FILE"),
    proven("it climbs out of its root", "grep -q $A-$B ../../../../../../../..$FILE"),
    proven("it sees the mounts of the host", "grep -q $FOLDER /proc/self/mounts"),
    proven("it sees the firmware", "ls /sys/firmware | grep -q ."),
];

/// A process of the host that waits until it is dropped.
struct Victim(Child);

impl Drop for Victim {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
async fn an_agent_sees_nothing_of_the_host() {
    let bench = Bench::new().await;
    let (a, b) = (RunId::random().to_string(), RunId::random().to_string());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, format!("{a}-{b}")).unwrap();
    let victim = Victim(
        Command::new("cat")
            .env("SECRET", format!("{a}-{b}"))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let folder = folder.path().to_str().unwrap();
    let vars = json!({
        "A": a, "B": b, "PID": victim.0.id().to_string(), "FILE": file, "FOLDER": folder,
    });
    none_succeeds(
        &bench,
        json!({"env_vars": vars}),
        ATTEMPTS,
        HostConfig {
            pid_mode: Some("host".to_owned()),
            network_mode: Some("none".to_owned()),
            binds: Some(vec![
                "/run:/run:ro".to_owned(),
                format!("{folder}:{folder}:ro"),
            ]),
            ..HostConfig::default()
        },
    )
    .await;
}
