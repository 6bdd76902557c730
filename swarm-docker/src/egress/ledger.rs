//! What was decided, counted and on file.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    sync::{Arc, Mutex, PoisonError},
};

use swarm_core::{
    runtime::EgressDecision,
    time::{Clock as _, SystemClock, Timestamp},
};
use tokio::task::spawn_blocking;

/// How many different decisions are told apart. An agent may make up names without end.
const DIFFERENT: usize = 1000;
/// Stands for all further hosts.
const OTHERS: &str = "(other hosts)";
/// More than any file that we write.
const MOST: u64 = 64 << 20;

/// All decisions about one agent.
///
/// A line is on file before anybody acts on the decision: the first time, the second, the fourth, and so on, with the
/// count so far. So the file stays small, and a process that takes the agent over knows what was before.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    file: Arc<File>,
    entries: Arc<Mutex<BTreeMap<Key, Entry>>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    host: String,
    port: u16,
    allowed: bool,
    reason: String,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    first: Timestamp,
    last: Timestamp,
    count: u64,
}

impl Ledger {
    /// Goes on with `file`, which is open for reading and appending. Lines that make no sense are passed over.
    pub(super) fn open(file: File) -> io::Result<Self> {
        let mut entries = BTreeMap::new();
        for line in BufReader::new((&file).take(MOST)).split(b'\n') {
            let Ok(decision) = serde_json::from_slice::<EgressDecision>(&line?) else {
                continue;
            };
            let EgressDecision {
                first,
                last,
                count,
                host,
                port,
                allowed,
                reason,
            } = decision;
            let key = Key {
                host,
                port,
                allowed,
                reason,
            };
            // The newest line of each has the highest count.
            entries.insert(key, Entry { first, last, count });
        }
        Ok(Self {
            file: Arc::new(file),
            entries: Arc::new(Mutex::new(entries)),
        })
    }

    /// Writes a decision down. When this returns it is with the operating system.
    pub(super) async fn note(
        &self,
        host: &str,
        port: u16,
        verdict: Result<&str, &str>,
    ) -> io::Result<()> {
        let Some(decision) = self.count(host, port, verdict) else {
            return Ok(());
        };
        let mut line = serde_json::to_vec(&decision)?;
        line.push(b'\n');
        let file = Arc::clone(&self.file);
        spawn_blocking(move || (&*file).write_all(&line)).await?
    }

    /// Counts a decision, and returns it if it is worth a line.
    fn count(&self, host: &str, port: u16, verdict: Result<&str, &str>) -> Option<EgressDecision> {
        let now = SystemClock.now();
        let (Ok(reason) | Err(reason)) = verdict;
        let mut key = Key {
            host: host.to_owned(),
            port,
            allowed: verdict.is_ok(),
            reason: reason.to_owned(),
        };
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= DIFFERENT && !entries.contains_key(&key) {
            key = Key {
                host: OTHERS.to_owned(),
                port: 0,
                reason: "too many to tell them apart".to_owned(),
                ..key
            };
        }
        let entry = entries.entry(key.clone()).or_insert(Entry {
            first: now,
            last: now,
            count: 0,
        });
        entry.last = now;
        entry.count = entry.count.saturating_add(1);
        entry.count.is_power_of_two().then(|| decision(key, *entry))
    }

    /// All of them, the earliest first.
    pub(super) fn decisions(&self) -> Vec<EgressDecision> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = entries.iter();
        let mut all: Vec<_> = entries
            .map(|(key, entry)| decision(key.clone(), *entry))
            .collect();
        all.sort_by_key(|decision| decision.first);
        all
    }
}

fn decision(key: Key, entry: Entry) -> EgressDecision {
    EgressDecision {
        first: entry.first,
        last: entry.last,
        host: key.host,
        port: key.port,
        allowed: key.allowed,
        reason: key.reason,
        count: entry.count,
    }
}

#[cfg(test)]
pub(super) fn temporary() -> Ledger {
    Ledger::open(tempfile::tempfile().unwrap()).unwrap()
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, SeekFrom};

    use super::*;

    fn told(ledger: &Ledger) -> Vec<(String, bool, u64)> {
        let decisions = ledger.decisions().into_iter();
        decisions
            .map(|decision| (decision.host, decision.allowed, decision.count))
            .collect()
    }

    #[tokio::test]
    async fn the_same_thing_again_only_counts_and_is_on_file_now_and_then() {
        let file = tempfile::tempfile().unwrap();
        let ledger = Ledger::open(file.try_clone().unwrap()).unwrap();
        for _ in 0..1000 {
            ledger
                .note("a.example", 443, Err("not listed"))
                .await
                .unwrap();
        }
        ledger.note("a.example", 443, Ok("listed")).await.unwrap();
        let expected = [("a.example", false, 1000), ("a.example", true, 1)];
        let expected = expected.map(|(host, allowed, count)| (host.to_owned(), allowed, count));
        let mut found = told(&ledger);
        found.sort();
        assert_eq!(found, expected);
        let mut file = file;
        file.seek(SeekFrom::Start(0)).unwrap();
        assert_eq!(BufReader::new(&file).lines().count(), 11);
        // Whoever takes over goes on from the newest line.
        file.seek(SeekFrom::Start(0)).unwrap();
        let again = Ledger::open(file).unwrap();
        let mut found = told(&again);
        found.sort();
        assert_eq!(found[0], ("a.example".to_owned(), false, 512));
    }

    #[tokio::test]
    async fn an_agent_that_makes_up_names_fills_nothing() {
        let ledger = temporary();
        for i in 0..3000 {
            let host = format!("h{i}.example");
            ledger.note(&host, 443, Err("not listed")).await.unwrap();
        }
        let told = told(&ledger);
        assert_eq!(told.len(), DIFFERENT + 1);
        assert!(told.contains(&(OTHERS.to_owned(), false, 2000)));
    }

    #[test]
    fn a_file_that_was_cut_or_spoilt_is_read_as_far_as_it_goes() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"garbage\n{\"host\":1}\n\xff\n{\"first\":1,\"la")
            .unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        assert_eq!(Ledger::open(file).unwrap().decisions(), []);
    }
}
