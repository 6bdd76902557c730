//! What came, what did not, and why.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::Serialize;
use swarm_http::{import::Kind, operations::imports::Outcome};

use crate::output::table::table;

/// So many rows are named that were skipped for one reason; of more, the number.
const NAMED: usize = 10;
/// So many reasons are told apart: what is in a database could make each row have its own.
const REASONS: usize = 40;

/// What came of an import.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    dry_run: bool,
    kinds: BTreeMap<Kind, Count>,
}

/// What came of one kind.
#[derive(Debug, Default, Serialize)]
struct Count {
    found: u64,
    imported: u64,
    already_here: u64,
    skipped: u64,
    /// Why something was skipped.
    reasons: BTreeMap<String, Rows>,
    /// What of something that came did not come along.
    lost: BTreeMap<String, Rows>,
}

/// Rows with something in common.
#[derive(Debug, Default, Serialize)]
struct Rows {
    count: u64,
    /// The first of them.
    rows: Vec<i64>,
}

impl Rows {
    fn add(&mut self, row: i64) {
        self.count += 1;
        if self.rows.len() < NAMED {
            self.rows.push(row);
        }
    }
}

/// Every row is counted; of what is said of only few, not every word is kept.
fn note(reasons: &mut BTreeMap<String, Rows>, row: i64, why: String) {
    let is_new = !reasons.contains_key(&why);
    let why = if is_new && reasons.len() >= REASONS {
        "for other reasons".to_owned()
    } else {
        why
    };
    reasons.entry(why).or_default().add(row);
}

impl Report {
    pub(super) fn new(dry_run: bool) -> Self {
        let kinds = Kind::ALL.map(|kind| (kind, Count::default()));
        Self {
            dry_run,
            kinds: kinds.into(),
        }
    }

    fn of(&mut self, kind: Kind) -> &mut Count {
        self.kinds.entry(kind).or_default()
    }

    pub(super) fn found(&mut self, kind: Kind) {
        self.of(kind).found += 1;
    }

    pub(super) fn lost(&mut self, kind: Kind, row: i64, why: String) {
        note(&mut self.of(kind).lost, row, why);
    }

    pub(super) fn skipped(&mut self, kind: Kind, row: i64, why: String) {
        let count = self.of(kind);
        count.skipped += 1;
        note(&mut count.reasons, row, why);
    }

    pub(super) fn came(&mut self, kind: Kind, row: i64, outcome: Outcome) {
        let count = self.of(kind);
        match outcome {
            Outcome::Imported => count.imported += 1,
            Outcome::AlreadyHere => count.already_here += 1,
            Outcome::Skipped { why } => self.skipped(kind, row, why),
        }
    }

    pub(super) fn human(&self) -> String {
        let came = if self.dry_run { "would come" } else { "came" };
        let rows = self.kinds.iter().map(|(kind, count)| {
            [
                kind.as_str().to_owned(),
                count.found.to_string(),
                count.imported.to_string(),
                count.already_here.to_string(),
                count.skipped.to_string(),
            ]
        });
        let mut text = table(["what", "found", came, "here already", "skipped"], rows);
        for (kind, count) in &self.kinds {
            for (why, rows) in &count.reasons {
                // Writing to a text cannot fail.
                let _ = write!(
                    text,
                    "\n{} skipped: {why} ({})",
                    kind.as_str(),
                    rows.named()
                );
            }
            for (what, rows) in &count.lost {
                let _ = write!(text, "\n{}: {what} ({})", kind.as_str(), rows.named());
            }
        }
        if self.dry_run {
            text.push_str("\nnothing was changed; what is here already is not looked at");
        }
        text
    }
}

impl Rows {
    fn named(&self) -> String {
        let rows: Vec<String> = self.rows.iter().map(ToString::to_string).collect();
        let more = self.count - rows.len() as u64;
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let word = if self.count == 1 { "row" } else { "rows" };
        format!("{word} {}{more}", rows.join(", "))
    }
}
