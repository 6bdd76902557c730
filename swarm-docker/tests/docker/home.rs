//! The home of agents whose kind puts files there.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use serde_json::json;
use swarm_core::runtime::{AgentJob, AgentRuntime as _};
use swarm_docker::DockerOptions;

use crate::support::{Background, Bench, eventually, options, shell};

async fn bench(homes: &Path) -> Bench {
    let homes = Some(homes.to_owned());
    Bench::with(DockerOptions { homes, ..options() }).await
}

/// An agent that has `~/a`, and an account that it may read.
fn job(script: &str) -> AgentJob {
    let mut job = shell(json!({}), script);
    let files = [("a", "one\n"), (".x/account", "secret\n")];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    job.invocation.home.extend(files);
    job.invocation.read_only.insert(".x/account".to_owned());
    job
}

fn entries(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

const LOOK: &str =
    "cat ~/a ~/.x/account; stat -c '%U %a' ~ ~/a; echo more >> ~/a && mkdir ~/b && ls ~";

#[tokio::test]
async fn an_agent_has_its_files_in_a_folder_of_the_host_and_nothing_is_left_of_it() {
    let base = tempfile::tempdir().unwrap();
    let homes = base.path().join("homes");
    let bench = bench(&homes).await;
    let script = format!(
        "{LOOK}
         (echo forged > ~/.x/account) 2>/dev/null || echo refused
         rm -f ~/.x/account 2>/dev/null || echo refused
         cat ~/.x/account
         mkdir -p ~/locked/deeper; ln -s /etc ~/locked/link; chmod 0 ~/locked"
    );
    let (exit, sink) = bench.run(&job(&script)).await;
    assert!(exit.unwrap().reason.is_success(), "{sink:?}");
    assert_eq!(
        sink.text(),
        "one\nsecret\nagent 700\nagent 600\na\nb\nrefused\nrefused\nsecret\n"
    );
    assert_eq!(entries(&homes), Vec::<String>::new());
    assert_eq!(fs::metadata(&homes).unwrap().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn a_home_is_there_as_long_as_its_container_and_no_longer() {
    let base = tempfile::tempdir().unwrap();
    let bench = bench(base.path()).await;
    let dropped = job("echo here; exec sleep 600");
    let background = Background::start(&bench.runtime, &dropped);
    background.printed("here\n").await;
    let name = format!("{}..{}", dropped.id.run, dropped.id.agent);
    assert_eq!(entries(base.path()), [name]);
    // Nobody waits for it any more.
    drop(background);
    eventually("container and home are gone", async || {
        let gone = bench.leftovers().await.is_empty() && entries(base.path()).is_empty();
        gone.then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_a_dead_process_left_is_swept_and_the_homes_of_others_are_not() {
    let base = tempfile::tempdir().unwrap();
    let bench = bench(base.path()).await;
    for name in ["0123456789ab..agent-0", "ba9876543210..agent-0"] {
        fs::create_dir_all(base.path().join(name).join("home/.x")).unwrap();
    }
    let swept = bench.runtime.sweep(&|run| run.as_str() == "0123456789ab");
    let swept = swept.await.unwrap();
    assert_eq!(swept, ["ba9876543210/agent-0".parse().unwrap()]);
    assert_eq!(entries(base.path()), ["0123456789ab..agent-0"]);
}

#[tokio::test]
async fn an_engine_that_does_not_see_the_folder_makes_a_volume() {
    let here = tempfile::tempdir_in(".").unwrap();
    // Another folder for each process.
    let path = Path::new("/proc/self/cwd").join(here.path().file_name().unwrap());
    let bench = bench(&path).await;
    for _ in 0..2 {
        let (exit, sink) = bench.run(&job(LOOK)).await;
        assert!(exit.unwrap().reason.is_success(), "{sink:?}");
        let said = "one\nsecret\nagent 700\nagent 600\na\nb\n";
        assert_eq!(sink.text(), said);
        assert_eq!(entries(here.path()), Vec::<String>::new());
    }
}
