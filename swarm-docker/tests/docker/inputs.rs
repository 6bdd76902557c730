//! Files that are put in.

use serde_json::json;
use swarm_core::runtime::{AgentRuntime as _, RuntimeError};

use crate::support::{Bench, shell};

#[tokio::test]
async fn files_are_where_they_belong_and_the_agents_own() {
    let bench = Bench::new().await;
    let text = bench
        .text(
            json!({"input_files": {"a.txt": "in the folder\n", "d/e/b.txt": "below it\n"}}),
            "cat a.txt d/e/b.txt; stat -c '%U %a' . a.txt d d/e/b.txt; echo more >> a.txt; mkdir n; ls",
        )
        .await;
    assert_eq!(
        text,
        "in the folder\nbelow it\nagent 755\nagent 644\nagent 755\nagent 644\na.txt\nd\nn\n"
    );
}

#[tokio::test]
async fn the_working_folder_is_the_agents_even_where_the_image_has_none() {
    let bench = Bench::new().await;
    let text = bench
        .text(
            json!({"workdir": "/srv/new", "input_files": {"a": "text\n"}}),
            "cat a; touch b && ls",
        )
        .await;
    assert_eq!(text, "text\na\nb\n");
}

#[tokio::test]
async fn what_the_image_has_beside_a_file_stays() {
    let bench = Bench::new().await;
    let text = bench
        .text(
            json!({"input_files": {"/etc/app.conf": "mine\n", "/opt/a/b": "deep\n", "/tmp/t": "tmp\n"}}),
            "cat /etc/app.conf /opt/a/b /tmp/t; grep -c agent /etc/passwd; touch /tmp/w && echo writable",
        )
        .await;
    assert_eq!(text, "mine\ndeep\ntmp\n1\nwritable\n");
}

#[tokio::test]
async fn a_file_never_changes_a_folder_of_the_host() {
    let bench = Bench::new().await;
    let dir = tempfile::tempdir().unwrap();
    for readonly in [true, false] {
        let job = shell(
            json!({
                "mounts": [{"host_path": dir.path(), "container_path": "/workspace", "readonly": readonly}],
                "input_files": {"a": "text"},
            }),
            "true",
        );
        let refused = bench.runtime.check(&job.sandbox).unwrap_err();
        assert!(
            matches!(refused, RuntimeError::Unsupported { .. }),
            "{refused:?}"
        );
        assert!(bench.run(&job).await.0.is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn a_large_file_arrives() {
    let bench = Bench::new().await;
    let content = "0123456789abcdef".repeat(500_000);
    let text = bench
        .text(json!({"input_files": {"big": content}}), "wc -c < big")
        .await;
    assert_eq!(text, "8000000\n");
}
