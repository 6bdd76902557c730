//! The promises that every runtime makes.

use std::sync::Arc;

use swarm_core::testing::runtime::{RuntimeSubject, runtime_conformance, shell_job};

use crate::support::{self, Bench};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_docker_runtime_keeps_every_promise_of_the_port() {
    let Bench {
        runtime,
        docker,
        home,
    } = Bench::new().await;
    let shared = tempfile::tempdir().unwrap();
    let subject = RuntimeSubject {
        shared: shared.path().to_owned(),
        runtime: Arc::new(runtime),
        job: Box::new(shell_job),
        leftovers: Box::new(move || {
            let (docker, home) = (docker.clone(), home.clone());
            Box::pin(async move { support::leftovers(&docker, &home).await })
        }),
    };
    runtime_conformance(&subject).await;
}
