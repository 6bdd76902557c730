//! What can be asked of the history.

use rusqlite::{Connection, Row, params, types::Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use swarm_core::time::Timestamp;
use swarm_peers::{Message, MessageId, PeerId, mailbox::Stage};

/// How far one message got with one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// Who was to get it.
    pub to: PeerId,
    /// How far it got.
    pub stage: Stage,
    /// When its program had taken it, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub injected: Option<Timestamp>,
    /// When the session had seen it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Timestamp>,
    /// When the session had acted upon it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acted: Option<Timestamp>,
    /// When it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_up: Option<Timestamp>,
    /// How it got there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way: Option<String>,
}

/// A message, and how far it got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shown {
    /// The message. Its text is untrusted.
    #[serde(flatten)]
    pub message: Message,
    /// How far it got, for each of its recipients.
    pub receipts: Vec<Receipt>,
}

/// Whose messages may be shown.
#[derive(Clone, Debug)]
pub(crate) enum Visible {
    /// Everybody's.
    All,
    /// Those from and to one peer.
    Of(PeerId),
    /// Those from or to any of these.
    Among(Vec<PeerId>),
}

/// Which of them.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) visible: Visible,
    /// Only those that this peer sent or got, too.
    pub(crate) with: Option<PeerId>,
    /// Only this one.
    pub(crate) only: Option<MessageId>,
    /// Only those before this one.
    pub(crate) before: Option<MessageId>,
    /// Only those that have all these words.
    pub(crate) words: Option<String>,
    pub(crate) limit: usize,
}

/// The newest first.
pub(crate) fn messages(db: &mut Connection, page: &Page) -> rusqlite::Result<Vec<Shown>> {
    let mut conditions = Vec::new();
    let mut values: Vec<Value> = Vec::new();
    let number = |id: MessageId| Value::Integer(i64::try_from(id.0).unwrap_or(i64::MAX));
    let own = match &page.visible {
        Visible::All => None,
        Visible::Of(peer) => Some(peer),
        Visible::Among(peers) => {
            let list = serde_json::to_string(peers).unwrap_or_default();
            values.push(Value::Text(list));
            let among = format!("IN (SELECT value FROM json_each(?{}))", values.len());
            conditions.push(format!(
                "(sender {among} OR EXISTS (SELECT 1 FROM deliveries WHERE message = id AND peer {among}))"
            ));
            None
        }
    };
    for peer in [own, page.with.as_ref()].into_iter().flatten() {
        values.push(Value::Text(peer.to_string()));
        let n = values.len();
        conditions.push(format!(
            "(sender = ?{n} OR id IN (SELECT message FROM deliveries WHERE peer = ?{n}))"
        ));
    }
    if let Some(only) = page.only {
        values.push(number(only));
        conditions.push(format!("id = ?{}", values.len()));
    }
    if let Some(before) = page.before {
        values.push(number(before));
        conditions.push(format!("id < ?{}", values.len()));
    }
    if let Some(words) = &page.words {
        values.push(Value::Text(quoted(words)));
        conditions.push(format!(
            "id IN (SELECT rowid FROM words WHERE words MATCH ?{})",
            values.len()
        ));
    }
    values.push(Value::Integer(
        i64::try_from(page.limit).unwrap_or(i64::MAX),
    ));
    let conditions = if conditions.is_empty() {
        "1".to_owned()
    } else {
        conditions.join(" AND ")
    };
    let query = format!(
        "SELECT message FROM messages WHERE {conditions} ORDER BY id DESC LIMIT ?{}",
        values.len()
    );
    let texts: Vec<String> = db
        .prepare_cached(&query)?
        .query_map(rusqlite::params_from_iter(values), |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut shown = Vec::with_capacity(texts.len());
    for text in texts {
        // It was written here, of a message.
        let Ok(message) = serde_json::from_str::<Message>(&text) else {
            continue;
        };
        let receipts = receipts(db, message.id)?;
        shown.push(Shown { message, receipts });
    }
    Ok(shown)
}

/// Each word as it is: none of them means anything to the search but itself.
fn quoted(words: &str) -> String {
    let words = words
        .split_whitespace()
        .map(|word| format!("\"{}\"", word.replace('"', "\"\"")));
    words.collect::<Vec<_>>().join(" ")
}

fn receipts(db: &Connection, message: MessageId) -> rusqlite::Result<Vec<Receipt>> {
    db.prepare_cached(
        "SELECT peer, injected, seen, acted, dead, way FROM deliveries WHERE message = ?1 ORDER BY peer",
    )?
    .query_map(params![i64::try_from(message.0).unwrap_or(i64::MAX)], receipt)?
    .filter_map(Result::transpose)
    .collect()
}

fn receipt(row: &Row<'_>) -> rusqlite::Result<Option<Receipt>> {
    let time = |i: usize| {
        let at: Option<i64> = row.get(i)?;
        let at = at.and_then(|at| u64::try_from(at).ok());
        Ok::<_, rusqlite::Error>(at.map(Timestamp::from_millis))
    };
    let (injected, seen, acted, given_up) = (time(1)?, time(2)?, time(3)?, time(4)?);
    let Ok(to) = PeerId::new(row.get::<_, String>(0)?) else {
        return Ok(None);
    };
    let stage = match (injected, seen, acted) {
        (.., Some(_)) => Stage::Acted,
        (_, Some(_), _) => Stage::Seen,
        (Some(_), ..) => Stage::Injected,
        (None, ..) => Stage::Stored,
    };
    Ok(Some(Receipt {
        to,
        stage,
        injected,
        seen,
        acted,
        given_up,
        way: row.get(5)?,
    }))
}
