//! A store in a folder of its own, and short ways to fill it.

use std::{
    fs,
    ops::Deref,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use swarm_core::{
    artifacts::ArtifactClaim,
    ids::RefId,
    outcome::ExitReason,
    prompt::{Piece, parents},
    refs::{RecordEnd, RecordHeader, Recording, Ref, RefError, RefStore as _, Stamps},
    runtime::{EgressDecision, OutputStream::Stdout},
    time::{Clock, SystemClock, Timestamp},
};
use swarm_refs::FsRefStore;
use tempfile::TempDir;

/// A clock that runs ahead of that of the machine.
#[derive(Debug, Default)]
pub(crate) struct AheadClock(AtomicU64);

impl Clock for AheadClock {
    fn now(&self) -> Timestamp {
        let ahead = Duration::from_secs(self.0.load(Ordering::Relaxed));
        SystemClock.now().plus(ahead)
    }
}

/// A store that is removed with the test.
#[derive(Debug)]
pub(crate) struct TestStore {
    pub(crate) dir: TempDir,
    clock: Arc<AheadClock>,
    store: FsRefStore,
}

impl Deref for TestStore {
    type Target = FsRefStore;
    fn deref(&self) -> &FsRefStore {
        &self.store
    }
}

pub(crate) fn id(text: &str) -> RefId {
    text.parse().unwrap()
}

pub(crate) fn ended(exit: ExitReason) -> RecordEnd {
    RecordEnd {
        error: (!exit.is_success()).then(|| exit.to_string()),
        exit,
        cost: None,
        duration: Duration::from_secs(1),
        text: None,
        stamps: Stamps::default(),
    }
}

/// What is known of a command without parents before it starts.
pub(crate) fn header(id: &RefId) -> RecordHeader {
    RecordHeader {
        id: id.clone(),
        agent: "command".to_owned(),
        model: None,
        spec_hash: "spec".to_owned(),
        parents: Vec::new(),
        classification: None,
    }
}

/// A claim that an agent wrote `path`.
pub(crate) fn wrote(path: &str) -> ArtifactClaim {
    ArtifactClaim {
        at: Timestamp::from_millis(1000),
        tool: "Write".to_owned(),
        path: Some(path.to_owned()),
    }
}

pub(crate) fn tried(host: &str) -> EgressDecision {
    EgressDecision {
        first: Timestamp::from_millis(1000),
        last: Timestamp::from_millis(2000),
        host: host.to_owned(),
        port: 443,
        allowed: false,
        reason: "not listed".to_owned(),
        count: 3,
    }
}

impl TestStore {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // The umask of the test may have taken even our own permissions away.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let clock = Arc::new(AheadClock::default());
        let told: Arc<dyn Clock> = Arc::<AheadClock>::clone(&clock);
        let store = FsRefStore::open(&dir.path().join("home"), told).unwrap();
        Self { dir, clock, store }
    }

    pub(crate) fn let_pass(&self, time: Duration) {
        self.clock.0.fetch_add(time.as_secs(), Ordering::Relaxed);
    }

    pub(crate) fn home(&self) -> &Path {
        self.layout().home()
    }

    pub(crate) fn file(&self, id: &RefId, name: &str) -> PathBuf {
        self.layout().record(id).join(name)
    }

    /// Begins the record of an agent that quotes `quoted`.
    pub(crate) async fn begin(
        &self,
        at: &str,
        quoted: &[&str],
    ) -> Result<Box<dyn Recording>, RefError> {
        let mut prompt = vec![Piece::Text("Do it. ".to_owned())];
        prompt.extend(quoted.iter().map(|quoted| Piece::Result(id(quoted))));
        self.begin_with(at, prompt).await
    }

    /// Begins the record of an agent with this prompt.
    pub(crate) async fn begin_with(
        &self,
        at: &str,
        prompt: Vec<Piece>,
    ) -> Result<Box<dyn Recording>, RefError> {
        let header = RecordHeader {
            parents: parents(&prompt),
            ..header(&id(at))
        };
        self.store.begin(header, prompt).await
    }

    /// Records an agent that fails without an answer, and says why.
    pub(crate) async fn record_failure(&self, at: &str, error: &str) -> Ref {
        let recording = self.begin(at, &[]).await.unwrap();
        let mut end = ended(ExitReason::Failed { code: 1 });
        end.error = Some(error.to_owned());
        recording.finish(end).await.unwrap()
    }

    /// Records an agent that quotes `quoted` and answers `text`.
    pub(crate) async fn record(&self, at: &str, quoted: &[&str], text: impl AsRef<[u8]>) -> Ref {
        let mut recording = self.begin(at, quoted).await.unwrap();
        recording.write(Stdout, text.as_ref()).await.unwrap();
        recording
            .finish(ended(ExitReason::Completed))
            .await
            .unwrap()
    }

    pub(crate) async fn decrypted(&self, at: &str, key: &str) -> Result<Vec<u8>, RefError> {
        let (store, at, key) = (self.store.clone(), id(at), key.to_owned());
        let work = move || {
            let mut text = Vec::new();
            store.decrypt(&at, &key, &mut text)?;
            Ok(text)
        };
        tokio::task::spawn_blocking(work).await.unwrap()
    }
}

/// Every file and folder below `path`.
pub(crate) fn everything(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(everything(&path));
        }
        found.push(path);
    }
    found
}

/// Every file below `path` that holds `text`.
pub(crate) fn holding(path: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = everything(path);
    found.retain(|path| {
        path.is_file() && String::from_utf8_lossy(&fs::read(path).unwrap()).contains(text)
    });
    found
}
