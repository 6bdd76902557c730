//! What an agent does to files that it is shown.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use serde_json::{Value, json};
use swarm_core::runtime::RuntimeError;
use swarm_docker::DockerOptions;

use crate::support::{Bench, options, shell};

/// Everything in a folder: type, mode, owner, size, content.
fn snapshot(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let about = fs::symlink_metadata(&path).unwrap();
        let is_file = about.is_file();
        let text = is_file.then(|| fs::read_to_string(&path).unwrap());
        let told = format!(
            "{:o} {}:{} {text:?} {:?}",
            about.mode(),
            about.uid(),
            about.gid(),
            about.modified()
        );
        found.insert(path.display().to_string(), told);
    }
    found
}

fn mount(folder: &Path, readonly: bool) -> Value {
    json!({"host_path": folder, "container_path": "/data", "readonly": readonly})
}

/// A folder that everybody may write to, with a file that only its owner may.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    fs::write(folder.path().join("kept"), "as it was").unwrap();
    folder
}

#[tokio::test]
async fn a_read_only_mount_stays_as_it_is_whatever_is_tried() {
    let bench = Bench::new().await;
    let folder = folder();
    fs::set_permissions(
        folder.path().join("kept"),
        fs::Permissions::from_mode(0o666),
    )
    .unwrap();
    let before = snapshot(folder.path());
    let script = "cd /data; cat kept; for try in 'echo x > kept' 'echo x > new' 'rm -f kept' 'mv kept other' \
                  'chmod 4777 kept' 'chown 0 kept' 'touch -d 2000-01-01 kept' 'ln kept hard' 'ln -s /etc soft' 'mkdir d' \
                  'mknod n p' 'mount -o remount,rw /data' 'truncate -s 0 kept'; do \
                  sh -c \"$try\" >/tmp/said 2>&1 && echo \"done: $try\"; grep -q 'not found' /tmp/said && echo \"no $try\"; \
                  done; exit 0";
    let said = bench
        .text(json!({"mounts": [mount(folder.path(), true)]}), script)
        .await;
    assert_eq!(said, "as it was");
    assert_eq!(snapshot(folder.path()), before);
}

#[tokio::test]
async fn in_a_writable_mount_an_agent_makes_nothing_that_is_not_its_own() {
    let bench = Bench::new().await;
    let folder = folder();
    let before = snapshot(folder.path());
    // A file of somebody else's may be removed from a folder that is open to all; it cannot be written or given away.
    let script = "cd /data; for try in 'echo x >> kept' 'chmod 4777 kept' 'chown 1000 kept' 'mknod disk b 254 0' \
                  'mknod memory c 1 1' 'cp /bin/busybox own && chown 0 own' 'mount --bind /etc /data'; do \
                  sh -c \"$try\" >/tmp/said 2>&1 && echo \"done: $try\"; grep -q 'not found' /tmp/said && echo \"no $try\"; \
                  done; ls";
    let said = bench
        .text(json!({"mounts": [mount(folder.path(), false)]}), script)
        .await;
    assert_eq!(said, "kept\nown\n");
    let own = fs::metadata(folder.path().join("own")).unwrap();
    assert_eq!((own.uid(), own.gid(), own.mode() & 0o7000), (1000, 1000, 0));
    fs::remove_file(folder.path().join("own")).unwrap();
    assert_eq!(snapshot(folder.path()), before);
}

#[tokio::test]
async fn links_that_an_agent_leaves_in_a_mount_lead_the_next_one_nowhere() {
    let secret = tempfile::tempdir().unwrap();
    fs::write(secret.path().join("key"), "canary").unwrap();
    let bench = Bench::with(DockerOptions {
        private: vec![secret.path().to_owned()],
        ..options()
    })
    .await;
    let folder = folder();
    let targets = json!({"SECRET": secret.path()});
    let script = "cd /data; ln -s $SECRET private; ln -s $SECRET/key key; ln -s /run/docker.sock socket; ln -s /run run; \
                  ln -s /proc/1/root root; ln -s / top; ln -s private chain; ls | wc -l";
    let sandbox = json!({"mounts": [mount(folder.path(), false)], "env_vars": targets});
    assert_eq!(bench.text(sandbox, script).await, "8\n");
    for name in ["private", "key", "socket", "run", "root", "top", "chain"] {
        for path in [name.to_owned(), format!("./{name}"), format!("x/../{name}")] {
            let source = folder.path().join(path);
            let sandbox = json!({"mounts": [{"host_path": source, "container_path": "/x"}]});
            let (exit, sink) = bench.run(&shell(sandbox, "ls -R /x")).await;
            assert!(
                matches!(
                    exit,
                    Err(RuntimeError::Refused { .. } | RuntimeError::MountMissing { .. })
                ),
                "{name}: {exit:?} {}",
                sink.text()
            );
        }
    }
    // Inside the mount they are links of the container's.
    let script = "cat /data/key /data/private/key /data/top/run/docker.sock 2>/dev/null; ls /data/run 2>/dev/null; echo over";
    let sandbox = json!({"mounts": [mount(folder.path(), true)]});
    assert_eq!(bench.text(sandbox, script).await, "over\n");
}

#[tokio::test]
async fn what_an_agent_leaves_in_its_folders_the_next_one_does_not_find() {
    let bench = Bench::new().await;
    let sandbox = json!({"input_files": {"given": "text", "/srv/own/given": "text"}});
    let folders = "/tmp /workspace /dev/shm $HOME";
    let leave = format!("for d in {folders}; do echo canary > $d/left && echo wrote; done");
    let mut job = shell(sandbox.clone(), &leave);
    job.invocation
        .home
        .insert(".tool/settings".to_owned(), "text".to_owned());
    let (exit, sink) = bench.run(&job).await;
    assert!(exit.unwrap().reason.is_success());
    assert_eq!(sink.text().matches("wrote").count(), 4);
    let look = format!(
        "cat /workspace/given; for d in {folders}; do cat $d/left 2>/dev/null; done; exit 0"
    );
    // The same agent once more, too.
    job.invocation.argv = vec!["sh".to_owned(), "-c".to_owned(), look.clone()];
    let (_, sink) = bench.run(&job).await;
    assert_eq!(sink.text(), "text");
    assert_eq!(bench.text(sandbox, &look).await, "text");
}

/// A known hole of old engines: their own descriptors, as a way to the host.
#[tokio::test]
async fn a_working_folder_in_a_folder_of_the_kernel_leads_nowhere() {
    let bench = Bench::new().await;
    let mut workdirs: Vec<String> = (3..12).map(|fd| format!("/proc/self/fd/{fd}")).collect();
    workdirs.extend([
        "/proc/1/root".to_owned(),
        "/sys/kernel".to_owned(),
        "/dev/../x".to_owned(),
    ]);
    for workdir in workdirs {
        let mut job = shell(json!({}), "ls ../../../../..");
        job.sandbox.workdir = workdir.clone();
        let (exit, sink) = bench.run(&job).await;
        assert!(
            matches!(
                exit,
                Err(RuntimeError::Refused { .. } | RuntimeError::Start(_))
            ),
            "{workdir}: {exit:?} {}",
            sink.text()
        );
    }
}
