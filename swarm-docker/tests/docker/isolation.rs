//! What an agent cannot reach.

use serde_json::json;
use swarm_core::{
    outcome::ExitReason,
    runtime::{AgentRuntime as _, RuntimeError},
    spec::Network,
};

use crate::support::{Background, Bench, docker, make_network, shell};

#[tokio::test]
async fn an_agent_is_nobody_special() {
    let bench = Bench::new().await;
    let text = bench
        .text(
            json!({}),
            "id -u; id -g; id -G; grep -E '^(Cap|NoNewPrivs)' /proc/self/status | tr -d '\\t'; echo $HOME; pwd",
        )
        .await;
    assert_eq!(
        text,
        "1000\n1000\n1000\nCapInh:0000000000000000\nCapPrm:0000000000000000\nCapEff:0000000000000000\n\
         CapBnd:0000000000000000\nCapAmb:0000000000000000\nNoNewPrivs:1\n/tmp\n/workspace\n"
    );
}

#[tokio::test]
async fn only_scratch_can_be_written() {
    let bench = Bench::new().await;
    let script = "for d in / /bin /etc /usr /var /proc/sys/kernel /sys; do \
                  touch $d/x 2>/dev/null && echo wrote $d; done; \
                  for d in /tmp /workspace; do touch $d/x && echo scratch $d; done; exit 0";
    assert_eq!(
        bench.text(json!({}), script).await,
        "scratch /tmp\nscratch /workspace\n"
    );
    // Also where the image has no such folder, and where it has one that belongs to root.
    for workdir in ["/made/for/this", "/etc"] {
        let text = bench
            .text(json!({"workdir": workdir}), "touch x && pwd")
            .await;
        assert_eq!(text.trim(), workdir);
    }
}

#[tokio::test]
async fn programs_in_scratch_can_be_run() {
    let bench = Bench::new().await;
    let script = "printf '#!/bin/sh\\necho ran\\n' > x; chmod +x x; ./x; cp x /tmp; /tmp/x";
    assert_eq!(bench.text(json!({}), script).await, "ran\nran\n");
}

#[tokio::test]
async fn without_a_network_there_is_nothing_but_loopback() {
    let bench = Bench::new().await;
    let text = bench
        .text(json!({"network": false}), "ls /sys/class/net")
        .await;
    assert_eq!(text, "lo\n");
}

#[tokio::test]
async fn the_own_network_is_not_that_of_the_host() {
    let bench = Bench::new().await;
    let host = std::fs::read_link("/proc/self/ns/net").unwrap();
    let text = bench
        .text(
            json!({"network": true}),
            "readlink /proc/self/ns/net; ls /sys/class/net",
        )
        .await;
    let (namespace, devices) = text.split_once('\n').unwrap();
    assert_ne!(namespace, host.to_str().unwrap());
    assert_eq!(devices, "eth0\nlo\n");
}

/// One agent listens, another tries to connect. Returns what the second one says.
async fn reach(bench: &Bench, sandbox: serde_json::Value) -> String {
    let listen = "ip -4 addr show eth0 | grep -o 'inet [0-9.]*' | cut -d ' ' -f 2; \
                  echo hello | nc -l -p 5000";
    let listener = Background::start(&bench.runtime, &shell(sandbox.clone(), listen));
    listener.printed("\n").await;
    let address = listener.sink.text().trim().to_owned();
    let connect = format!(
        "i=0; while [ $i -lt 4 ]; do nc -w 1 {address} 5000 </dev/null && exit 0; i=$((i+1)); done; echo unreachable"
    );
    let caller = Background::start(&bench.runtime, &shell(sandbox, &connect));
    let heard = caller.sink.clone();
    assert_eq!(caller.end().await.unwrap().reason, ExitReason::Completed);
    listener.stop.cancel();
    listener.end().await.unwrap();
    heard.text()
}

#[tokio::test]
async fn agents_on_the_own_network_do_not_reach_each_other() {
    let bench = Bench::new().await;
    assert_eq!(
        reach(&bench, json!({"network": true})).await,
        "unreachable\n"
    );

    // The same two on a network of the user's do: the test can tell.
    let network = make_network(&bench.docker).await;
    let heard = reach(&bench, json!({"network_mode": network})).await;
    bench.docker.remove_network(&network).await.unwrap();
    assert_eq!(heard, "hello\n");
}

#[tokio::test]
async fn the_network_of_the_host_is_refused_by_every_name() {
    let bench = Bench::new().await;
    let host = bench.docker.inspect_network("host", None).await.unwrap();
    let id = host.id.unwrap();
    for name in [
        "host",
        &id,
        id.get(..12).unwrap(),
        "container:x",
        "no-such-network",
    ] {
        let mut job = shell(json!({}), "true");
        job.sandbox.network = Network::Named(name.to_owned());
        let (exit, _) = bench.run(&job).await;
        assert!(
            matches!(exit, Err(RuntimeError::Refused { .. })),
            "{name}: {exit:?}"
        );
    }
}

#[tokio::test]
async fn a_network_that_is_not_swarms_is_not_used_as_its_own() {
    let docker = docker().await;
    let network = make_network(&docker).await;
    let options = swarm_docker::DockerOptions {
        network: network.clone(),
        ..crate::support::options()
    };
    let bench = Bench::with(options).await;
    let (exit, _) = bench.run(&shell(json!({"network": true}), "true")).await;
    docker.remove_network(&network).await.unwrap();
    assert!(
        matches!(exit, Err(RuntimeError::Refused { .. })),
        "{exit:?}"
    );
}

#[tokio::test]
async fn the_socket_of_the_engine_is_refused_however_it_is_called() {
    let bench = Bench::new().await;
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink("/var/run/docker.sock", &link).unwrap();
    let folder = dir.path().join("folder");
    std::os::unix::fs::symlink("/run", &folder).unwrap();
    for path in [
        "/var/run/docker.sock",
        "/run/docker.sock",
        "/run",
        "/",
        link.to_str().unwrap(),
        folder.to_str().unwrap(),
    ] {
        let job = shell(
            json!({"mounts": [{"host_path": path, "container_path": "/x"}]}),
            "true",
        );
        let (exit, _) = bench.run(&job).await;
        assert!(
            matches!(exit, Err(RuntimeError::Refused { .. })),
            "{path}: {exit:?}"
        );
    }
    // The root of the host by another name; who may not even look is told so.
    let job = shell(
        json!({"mounts": [{"host_path": "/proc/1/root", "container_path": "/x"}]}),
        "true",
    );
    assert!(bench.run(&job).await.0.is_err());
    // By its path alone, before anything runs.
    let job = shell(
        json!({"mounts": [{"host_path": "/run/docker.sock", "container_path": "/x"}]}),
        "true",
    );
    let refused = bench.runtime.check(&job.sandbox).unwrap_err();
    assert!(
        matches!(refused, RuntimeError::Refused { .. }),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_mount_shows_the_host_and_is_read_only_unless_asked() {
    let bench = Bench::new().await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("in"), "from the host").unwrap();
    // As user 1000 sees a folder of root's.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(dir.path(), mode).unwrap();
    let mount = |readonly: bool| {
        json!({"mounts": [
            {"host_path": dir.path(), "container_path": "/data", "readonly": readonly},
        ]})
    };
    let script = "cat /data/in; echo changed > /data/out 2>/dev/null && echo ' wrote'";
    let (exit, sink) = bench.run(&shell(mount(true), script)).await;
    assert_eq!(exit.unwrap().reason, ExitReason::Failed { code: 1 });
    assert_eq!(sink.text(), "from the host");
    assert!(!dir.path().join("out").exists());
    assert_eq!(
        bench.text(mount(false), script).await,
        "from the host wrote\n"
    );
    let written = std::fs::read_to_string(dir.path().join("out")).unwrap();
    assert_eq!(written, "changed\n");
}

#[tokio::test]
async fn a_mount_that_does_not_exist_is_named_and_not_made() {
    let bench = Bench::new().await;
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing");
    let job = shell(
        json!({"mounts": [{"host_path": missing, "container_path": "/x"}]}),
        "true",
    );
    let (exit, _) = bench.run(&job).await;
    let error = exit.unwrap_err();
    assert!(
        matches!(error, RuntimeError::MountMissing { .. }),
        "{error:?}"
    );
    assert!(
        error.to_string().contains(missing.to_str().unwrap()),
        "{error}"
    );
    assert!(!missing.exists());
}
