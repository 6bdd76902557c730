//! Dies at every single step of every operation, and looks at what is left.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use swarm_core::{
    ids::RefId,
    outcome::ExitReason,
    prompt::{Piece, parents},
    refs::{Check, Classification, Level, RecordEnd, RecordHeader, RefError, Stamps},
    runtime::OutputStream::{Stderr, Stdout},
    time::SystemClock,
};

use crate::{
    classify::classify,
    cut::{Cut, arm},
    encrypt::{Part, decrypt, encrypt},
    gc::gc,
    guard::guard,
    inspect::inspect,
    open_record::OpenRecord,
    store::Store,
    unwrap::unwrap,
    wrap::wrap,
};

const CANARY: &str = "tweet-tweet-7f3a";
const A_YEAR: Duration = Duration::from_hours(365 * 24);

fn id(agent: &str) -> RefId {
    format!("run/{agent}").parse().unwrap()
}

/// In memory if possible: what is tested is the order of writes, and a real sync takes its time.
fn home() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let home = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    home.unwrap()
}

fn open(home: &Path) -> Arc<Store> {
    Arc::new(Store::open(home, Arc::new(SystemClock)).unwrap())
}

fn begin(store: &Arc<Store>, agent: &str, quoted: Option<&str>) -> Result<OpenRecord, RefError> {
    let mut prompt = vec![Piece::Text("Go on: ".to_owned())];
    prompt.extend(quoted.map(|agent| Piece::Result(id(agent))));
    let header = RecordHeader {
        id: id(agent),
        agent: "command".to_owned(),
        model: None,
        spec_hash: "spec".to_owned(),
        parents: parents(&prompt),
        classification: None,
    };
    Ok(OpenRecord::begin(Arc::clone(store), header, &prompt)?.0)
}

fn record(
    store: &Arc<Store>,
    agent: &str,
    quoted: Option<&str>,
    text: &str,
) -> Result<(), RefError> {
    let mut record = begin(store, agent, quoted)?;
    for chunk in text.as_bytes().chunks(60_000) {
        record.write(Stdout, chunk)?;
    }
    record.write(Stderr, format!("talk of {text}").as_bytes())?;
    let end = RecordEnd {
        exit: ExitReason::Failed { code: 1 },
        error: Some(format!(
            "exit code 1: {}",
            text.chars().take(60).collect::<String>()
        )),
        cost: None,
        duration: Duration::from_secs(1),
        text: None,
        stamps: Stamps::default(),
    };
    record.finish(end, |_| {}).map(drop)
}

fn text_of(store: &Store, id: &RefId) -> Result<String, RefError> {
    let (folder, record) = store.load(id)?;
    let mut text = String::new();
    record
        .open_text(&folder)?
        .read_to_string(&mut text)
        .unwrap();
    Ok(text)
}

/// Every file below `path` that holds the canary.
fn canaries(path: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(canaries(&path));
        } else if String::from_utf8_lossy(&fs::read(&path).unwrap()).contains(CANARY) {
            found.push(path.display().to_string());
        }
    }
    found
}

/// A folder to be brought in.
fn outside(home: &Path) -> std::path::PathBuf {
    let outside = home.join("outside");
    fs::create_dir_all(outside.join("below")).unwrap();
    for name in ["a.txt", "below/b.txt"] {
        fs::write(outside.join(name), format!("{CANARY} in {name}")).unwrap();
    }
    outside
}

/// What is done, to what, and what must hold after it was cut off anywhere.
#[derive(Clone, Copy, Debug)]
enum Scenario {
    RecordSmall,
    RecordLarge,
    EncryptSmall,
    EncryptLarge,
    EncryptFolder,
    Wrap,
    Classify,
    Unwrap,
    Collect,
}

use Scenario::*;

impl Scenario {
    const ALL: [Self; 9] = [
        RecordSmall,
        RecordLarge,
        EncryptSmall,
        EncryptLarge,
        EncryptFolder,
        Wrap,
        Classify,
        Unwrap,
        Collect,
    ];

    fn text(self) -> String {
        let large = matches!(self, RecordLarge | EncryptLarge | Collect);
        format!("{CANARY}\n").repeat(if large { 9_000 } else { 3 })
    }

    /// The ref that everything is about.
    fn id(self, home: &Path) -> RefId {
        match self {
            EncryptFolder => fs::read_to_string(home.join("wrapped.txt"))
                .unwrap()
                .parse()
                .unwrap(),
            _ => id("first"),
        }
    }

    fn prepare(self, home: &Path) {
        let store = open(home);
        let text = self.text();
        match self {
            RecordSmall | RecordLarge => record(&store, "parent", None, "before").unwrap(),
            EncryptSmall | EncryptLarge => {
                record(&store, "first", None, &text).unwrap();
                unwrap(&store, &id("first")).unwrap();
                inspect(&store, &id("first")).unwrap();
                record(&store, "second", Some("first"), "second").unwrap();
                inspect(&store, &id("second")).unwrap();
                drop(begin(&store, "died", Some("first")).unwrap());
                for agent in ["first", "second"] {
                    let left = store.layout.record(&id(agent)).join(".output.md.1-1.tmp");
                    fs::write(left, &text).unwrap();
                }
            }
            EncryptFolder => {
                let wrapped = wrap(&store, &outside(home)).unwrap().id;
                fs::write(home.join("wrapped.txt"), wrapped.to_string()).unwrap();
            }
            Wrap => drop(outside(home)),
            Classify => {
                record(&store, "first", None, &text).unwrap();
                record(&store, "second", Some("first"), "second").unwrap();
            }
            Unwrap => record(&store, "first", None, &text).unwrap(),
            Collect => {
                record(&store, "first", None, &text).unwrap();
                record(&store, "second", Some("first"), &text).unwrap();
                encrypt(&store, &id("second")).unwrap();
            }
        }
    }

    fn perform(self, home: &Path) -> Result<(), RefError> {
        let store = Arc::new(Store::open(home, Arc::new(SystemClock))?);
        match self {
            RecordSmall | RecordLarge => record(&store, "first", Some("parent"), &self.text()),
            EncryptSmall | EncryptLarge | EncryptFolder => {
                encrypt(&store, &self.id(home)).map(drop)
            }
            Wrap => wrap(&store, &home.join("outside")).map(drop),
            Classify => {
                let secret = Classification {
                    level: Level::Restricted,
                    ..Classification::default()
                };
                classify(&store, &id("first"), secret).map(drop)
            }
            Unwrap => unwrap(&store, &id("first")).map(drop),
            Collect => gc(&store, Duration::ZERO, &|_| false).map(drop),
        }
    }

    /// Looks at what is left, does it again, and looks at that.
    fn check(self, home: &Path) {
        let store = open(home);
        for run in store.run_ids().unwrap() {
            for id in store.record_ids(&run).unwrap() {
                match guard(&store, &id, &Check::Integrity) {
                    Ok(_) | Err(RefError::NotFound(_) | RefError::Encrypted { .. }) => {}
                    Err(error) => panic!("{self:?} left a damaged record: {error}"),
                }
            }
        }
        match self {
            RecordSmall | RecordLarge => {
                match text_of(&store, &id("first")) {
                    Ok(text) => assert_eq!(text, self.text()),
                    Err(RefError::NotFound(_)) => self.perform(home).unwrap(),
                    Err(error) => panic!("{error}"),
                }
                assert_eq!(text_of(&store, &id("first")).unwrap(), self.text());
            }
            EncryptSmall | EncryptLarge | EncryptFolder => self.check_encrypted(home, &store),
            Wrap => {
                self.perform(home).unwrap();
                let removed = gc(&store, A_YEAR, &|_| false).unwrap();
                assert_eq!(removed.records, 0, "{removed:?}");
            }
            Classify => {
                self.perform(home).unwrap();
                for agent in ["first", "second"] {
                    let (_, record) = store.load(&id(agent)).unwrap();
                    let level = record.found.stamps.classification.unwrap().level;
                    assert_eq!(level, Level::Restricted);
                }
            }
            Unwrap => {
                let output = store.layout.record(&id("first")).join("output.md");
                if output.exists() {
                    assert_eq!(fs::read_to_string(&output).unwrap(), self.text());
                }
                self.perform(home).unwrap();
                assert_eq!(fs::read_to_string(&output).unwrap(), self.text());
            }
            Collect => {
                self.perform(home).unwrap();
                assert_eq!(store.run_ids().unwrap(), []);
                assert_eq!(fs::read_dir(store.layout.keys()).unwrap().count(), 0);
            }
        }
    }

    fn check_encrypted(self, home: &Path, store: &Arc<Store>) {
        let id = self.id(home);
        match text_of(store, &id) {
            Ok(text) => assert!(text.contains(CANARY) || matches!(self, EncryptFolder)),
            Err(RefError::Encrypted { .. }) => {}
            Err(error) => panic!("neither readable nor encrypted: {error}"),
        }
        match self.perform(home) {
            Ok(()) | Err(RefError::Encrypted { .. }) => {}
            Err(error) => panic!("it cannot be completed: {error}"),
        }
        assert!(matches!(
            self.perform(home),
            Err(RefError::Encrypted { .. })
        ));
        assert_eq!(canaries(&store.layout.runs()), [""; 0]);
        gc(store, A_YEAR, &|_| false).unwrap();
        let keys: Vec<_> = fs::read_dir(store.layout.keys()).unwrap().collect();
        assert_eq!(keys.len(), 1, "keys that open nothing are left");
        let key = keys[0].as_ref().unwrap().file_name().into_string().unwrap();
        let opened = |id: &RefId, part| {
            let mut opened = Vec::new();
            decrypt(store, id, &key, part, &mut opened).unwrap();
            String::from_utf8(opened).unwrap()
        };
        if matches!(self, EncryptFolder) {
            assert!(opened(&id, Part::Text).contains("below/b.txt"));
            assert!(opened(&id, Part::Files).contains("tweet-tweet-7f3a in below/b.txt"));
            return;
        }
        let text = self.text();
        assert_eq!(opened(&id, Part::Text), text);
        assert_eq!(opened(&id, Part::Stderr), format!("talk of {text}"));
        assert!(opened(&id, Part::Error).contains(CANARY));
        for quoting in ["second", "died"] {
            let id = format!("run/{quoting}").parse().unwrap();
            assert_eq!(opened(&id, Part::Prompt), format!("Go on: {text}"));
        }
    }

    /// How many steps it takes.
    fn steps(self) -> usize {
        let home = home();
        self.prepare(home.path());
        arm(None);
        self.perform(home.path()).unwrap();
        let steps = arm(None);
        self.check(home.path());
        steps
    }
}

#[test]
fn a_disk_that_fails_at_any_step_harms_nothing() {
    for scenario in Scenario::ALL {
        for step in 0..scenario.steps() {
            let home = home();
            scenario.prepare(home.path());
            arm(Some((Cut::Fail, step)));
            let failed = scenario.perform(home.path());
            arm(None);
            assert!(failed.is_err(), "{scenario:?} went on after step {step}");
            scenario.check(home.path());
        }
    }
}

#[test]
fn a_process_that_is_killed_at_any_step_harms_nothing() {
    // The others are cut by the test above; a process takes its time.
    for scenario in [RecordLarge, EncryptSmall, EncryptFolder, Collect] {
        let number = scenario as usize;
        for step in 0..scenario.steps() {
            let home = home();
            scenario.prepare(home.path());
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "crash::performs_until_it_is_killed", "--ignored"])
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            let mut stdin = child.stdin.take().unwrap();
            let told = format!("{number}\n{step}\n{}", home.path().display());
            stdin.write_all(told.as_bytes()).unwrap();
            drop(stdin);
            let status = child.wait().unwrap();
            assert_eq!(
                status.signal(),
                Some(9),
                "{scenario:?} outlived step {step}"
            );
            scenario.check(home.path());
        }
    }
}

/// The process that is killed. It is told what to do on stdin.
#[test]
#[ignore = "started by the test above"]
fn performs_until_it_is_killed() {
    let mut told = String::new();
    std::io::stdin().read_to_string(&mut told).unwrap();
    let mut told = told.lines();
    let number: usize = told.next().unwrap().parse().unwrap();
    let step = told.next().unwrap().parse().unwrap();
    let home = told.next().unwrap();
    arm(Some((Cut::Kill, step)));
    Scenario::ALL[number].perform(Path::new(home)).unwrap();
}
