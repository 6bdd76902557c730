//! The promises of the port.

use std::sync::Arc;

use swarm_core::{testing::ref_store::ref_store_conformance, time::SystemClock};
use swarm_refs::FsRefStore;

#[tokio::test(flavor = "multi_thread")]
async fn the_file_store_keeps_every_promise() {
    let home = tempfile::tempdir().unwrap();
    let number = std::sync::atomic::AtomicUsize::new(0);
    ref_store_conformance(|| {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let home = home.path().join(format!("store-{number}"));
        Arc::new(FsRefStore::open(&home, Arc::new(SystemClock)).unwrap())
    })
    .await;
}
