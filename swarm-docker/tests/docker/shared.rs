//! The folder that agents of a run share, in containers.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::Path,
};

use serde_json::{Value, json};
use swarm_core::runtime::{AgentJob, AgentRuntime as _, SharedFolder};
use swarm_docker::DockerOptions;

use crate::support::{Background, Bench, eventually, options, shell};

/// An agent that shares `path`.
fn sharing(path: &Path, sandbox: Value, script: &str) -> AgentJob {
    AgentJob {
        shared: Some(SharedFolder {
            path: path.to_owned(),
        }),
        ..shell(sandbox, script)
    }
}

#[tokio::test]
async fn a_shared_folder_belongs_to_the_agents_and_stays_on_the_host() {
    let base = tempfile::tempdir().unwrap();
    fs::set_permissions(base.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let bench = Bench::new().await;
    let script = "stat -c '%U %a' /shared; echo \"$SWARM_SHARED\"; echo one > /shared/note; mkdir /shared/deeper";
    let (exit, sink) = bench.run(&sharing(base.path(), json!({}), script)).await;
    assert!(exit.unwrap().reason.is_success(), "{sink:?}");
    assert_eq!(sink.text(), "agent 700\n/shared\n");
    assert_eq!(
        fs::read_to_string(base.path().join("note")).unwrap(),
        "one\n"
    );
    let owner = fs::metadata(base.path().join("deeper")).unwrap();
    assert_eq!((owner.uid(), owner.gid()), options().user);
}

#[tokio::test]
async fn agents_of_another_user_take_the_folder_over() {
    let base = tempfile::tempdir().unwrap();
    let bench = Bench::new().await;
    let (exit, sink) = bench
        .run(&sharing(base.path(), json!({}), "echo one > /shared/a"))
        .await;
    assert!(exit.unwrap().reason.is_success(), "{sink:?}");
    let others = Bench::with(DockerOptions {
        user: (1234, 1234),
        ..options()
    });
    let script = "cat /shared/a; echo two > /shared/b; rm /shared/a; (: >> /shared/a) && echo mine";
    let (exit, sink) = others
        .await
        .run(&sharing(base.path(), json!({}), script))
        .await;
    assert!(exit.unwrap().reason.is_success(), "{sink:?}");
    assert_eq!(sink.text(), "one\nmine\n");
    assert_eq!(fs::metadata(base.path().join("b")).unwrap().uid(), 1234);
}

#[tokio::test]
async fn links_in_a_shared_folder_lead_nowhere_on_the_host() {
    let base = tempfile::tempdir().unwrap();
    let (shared, secret) = (base.path().join("shared"), base.path().join("secret"));
    fs::create_dir(&shared).unwrap();
    fs::write(&secret, "secret\n").unwrap();
    let bench = Bench::new().await;
    let plant = format!(
        "ln -s {secret} /shared/link; ln -s ../secret /shared/up; ln -s / /shared/root; ln -s /shared /shared/loop",
        secret = secret.display()
    );
    let (exit, sink) = bench.run(&sharing(&shared, json!({}), &plant)).await;
    assert!(exit.unwrap().reason.is_success(), "{sink:?}");
    let look = format!(
        "cat /shared/link /shared/up /shared/root{secret} 2>/dev/null || echo nothing; cat /shared/../secret 2>/dev/null || echo nothing",
        secret = secret.display()
    );
    let (exit, sink) = bench.run(&sharing(&shared, json!({}), &look)).await;
    assert!(exit.unwrap().reason.is_success(), "{sink:?}");
    assert_eq!(sink.text(), "nothing\nnothing\n");
}

#[tokio::test]
async fn a_link_in_the_place_of_the_shared_folder_is_refused_and_what_it_leads_to_stays_as_it_is() {
    let base = tempfile::tempdir().unwrap();
    let elsewhere = base.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let before = fs::metadata(&elsewhere).unwrap();
    symlink(&elsewhere, base.path().join("shared")).unwrap();
    let bench = Bench::new().await;
    let job = sharing(&base.path().join("shared"), json!({}), "touch /shared/x");
    let (exit, _) = bench.run(&job).await;
    let error = exit.unwrap_err().to_string();
    assert!(error.contains("which is never followed"), "{error}");
    let after = fs::metadata(&elsewhere).unwrap();
    assert_eq!(
        (before.uid(), before.permissions().mode()),
        (after.uid(), after.permissions().mode())
    );
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
}

#[tokio::test]
async fn an_engine_that_does_not_see_the_folder_refuses_who_shares_it() {
    let here = tempfile::tempdir_in(".").unwrap();
    // Another folder for each process.
    let path = Path::new("/proc/self/cwd").join(here.path().file_name().unwrap());
    let bench = Bench::new().await;
    let (exit, _) = bench.run(&sharing(&path, json!({}), "exit 0")).await;
    let error = exit.unwrap_err().to_string();
    assert!(error.contains("may have other folders"), "{error}");
}

#[tokio::test]
async fn a_stopped_or_dropped_agent_leaves_its_share_and_nothing_else() {
    let base = tempfile::tempdir().unwrap();
    let bench = Bench::new().await;
    let job = sharing(
        base.path(),
        json!({}),
        "echo half > /shared/note; echo here; exec sleep 600",
    );
    let background = Background::start(&bench.runtime, &job);
    background.printed("here\n").await;
    drop(background);
    eventually("the container is gone", async || {
        bench.leftovers().await.is_empty().then_some(())
    })
    .await;
    let again = AgentJob {
        launch: swarm_core::runtime::Launch::Again,
        ..sharing(base.path(), json!({}), "cat /shared/note")
    };
    let (exit, sink) = bench.run(&again).await;
    assert!(exit.unwrap().reason.is_success(), "{sink:?}");
    assert_eq!(sink.text(), "half\n");
}

/// Nobody who shares gets one: it was made without the folder.
#[tokio::test]
async fn a_container_that_was_started_ahead_is_not_for_agents_that_share() {
    let base = tempfile::tempdir().unwrap();
    let bench = Bench::new().await;
    let job = sharing(base.path(), json!({}), "echo one > /shared/note");
    let kept = bench
        .runtime
        .keep_warm(&job.id.run, &job.sandbox, job.max_output, 1, 1);
    assert!(kept);
    let mut sink = swarm_core::testing::sink::VecSink::default();
    let stop = tokio_util::sync::CancellationToken::new();
    let exit = bench.runtime.run(&job, &mut sink, &stop).await;
    assert!(exit.unwrap().reason.is_success(), "{sink:?}");
    assert!(base.path().join("note").exists());
    bench.runtime.shutdown().await;
    bench.assert_nothing_left().await;
}
