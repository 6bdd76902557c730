//! What events change.

use rusqlite::{Connection, Transaction, params};
use swarm_core::{
    journal::{Journaled as _, Recorded, Sequence},
    time::Timestamp,
};
use swarm_peers::{Event, Message, MessageId, PeerId, Peers, State, import, post::Happened};

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The last event that is taken in.
pub(super) fn followed(db: &Connection) -> rusqlite::Result<Sequence> {
    db.query_row("SELECT sequence FROM followed", [], |row| {
        row.get::<_, i64>(0)
    })
    .map(|at| Sequence(u64::try_from(at).unwrap_or(0)))
}

/// Puts in what waits, of which the events may be gone.
pub(super) fn seed(db: &mut Connection, state: &State) -> rusqlite::Result<()> {
    let all = db.transaction()?;
    for peer in state.peers() {
        for message in peer.mailbox.unseen() {
            put(&all, message, std::slice::from_ref(&peer.id))?;
            if message.id <= peer.mailbox.injected() {
                all.prepare_cached(
                    "UPDATE deliveries SET injected = ?3 WHERE peer = ?1 AND message = ?2",
                )?
                .execute(params![
                    peer.id.as_str(),
                    number(message.id.0),
                    number(message.sent.millis())
                ])?;
            }
        }
    }
    // The events that are left are taken in as well: they tell of more than what waits.
    all.commit()
}

/// Takes in `page`, which comes after `after`, unless somebody has done so since.
pub(super) fn take_in(
    db: &mut Connection,
    page: &[Recorded],
    after: Sequence,
    last: Sequence,
) -> rusqlite::Result<()> {
    let all = db.transaction()?;
    if followed(&all)? == after {
        for recorded in page {
            if !["post", "import"].contains(&recorded.kind.as_str()) {
                continue;
            }
            // What cannot be read here could not be read by the keeper either, which says so.
            match Peers::read_event(recorded.version, &recorded.data) {
                Ok(Event::Post(happened)) => apply(&all, &happened, recorded.at)?,
                Ok(Event::Import(happened)) => bring(&all, &happened)?,
                _ => {}
            }
        }
        all.execute("UPDATE followed SET sequence = ?1", [number(last.0)])?;
    }
    all.commit()
}

fn apply(all: &Transaction<'_>, happened: &Happened, at: Timestamp) -> rusqlite::Result<()> {
    match happened {
        Happened::Sent { message, to } => put(all, message, to),
        Happened::Injected { peer, up_to, way } => {
            all.prepare_cached(
                "UPDATE deliveries SET injected = ?3, way = ?4
                 WHERE peer = ?1 AND message <= ?2 AND seen IS NULL AND dead IS NULL AND injected IS NULL",
            )?
            .execute(params![peer.as_str(), number(up_to.0), number(at.millis()), way.as_str()])?;
            Ok(())
        }
        Happened::Seen { peer, up_to, way } => {
            all.prepare_cached(
                "UPDATE deliveries SET seen = ?3, injected = coalesce(injected, ?3), way = ?4
                 WHERE peer = ?1 AND message <= ?2 AND seen IS NULL AND dead IS NULL",
            )?
            .execute(params![
                peer.as_str(),
                number(up_to.0),
                number(at.millis()),
                way.as_str()
            ])?;
            Ok(())
        }
        Happened::Acted { peer, message } => mark(all, "acted", peer, *message, at),
        Happened::Undeliverable { message, to } => mark(all, "dead", to, *message, at),
        _ => Ok(()),
    }
}

fn bring(all: &Transaction<'_>, happened: &import::Happened) -> rusqlite::Result<()> {
    let import::Happened::Message {
        message, to, seen, ..
    } = happened
    else {
        return Ok(());
    };
    put(all, message, std::slice::from_ref(to))?;
    if *seen {
        // It was delivered elsewhere; when, nobody wrote down.
        mark(all, "injected", to, message.id, message.sent)?;
        mark(all, "seen", to, message.id, message.sent)?;
    }
    Ok(())
}

fn put(all: &Transaction<'_>, message: &Message, to: &[PeerId]) -> rusqlite::Result<()> {
    let json = serde_json::to_string(message).unwrap_or_default();
    let new = all
        .prepare_cached(
            "INSERT OR IGNORE INTO messages (id, sent, sender, text, message) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            number(message.id.0),
            // From when on it is kept.
            number(message.imported.unwrap_or(message.sent).millis()),
            message.from.as_str(),
            message.text,
            json
        ])?;
    if new > 0 {
        all.prepare_cached("INSERT INTO words (rowid, text) VALUES (?1, ?2)")?
            .execute(params![number(message.id.0), message.text])?;
    }
    let mut deliver =
        all.prepare_cached("INSERT OR IGNORE INTO deliveries (peer, message) VALUES (?1, ?2)")?;
    for to in to {
        deliver.execute(params![to.as_str(), number(message.id.0)])?;
    }
    Ok(())
}

fn mark(
    all: &Transaction<'_>,
    column: &'static str,
    peer: &PeerId,
    message: MessageId,
    at: Timestamp,
) -> rusqlite::Result<()> {
    all.prepare_cached(&format!(
        "UPDATE deliveries SET {column} = ?3 WHERE peer = ?1 AND message = ?2"
    ))?
    .execute(params![
        peer.as_str(),
        number(message.0),
        number(at.millis())
    ])?;
    Ok(())
}

/// Forgets messages that were sent before `before` and wait for nobody.
pub(super) fn forget(db: &mut Connection, before: Timestamp) -> rusqlite::Result<()> {
    const OLD: &str = "SELECT id FROM messages WHERE sent < ?1 AND NOT EXISTS (
        SELECT 1 FROM deliveries WHERE message = id AND seen IS NULL AND dead IS NULL)";
    let before = number(before.millis());
    let all = db.transaction()?;
    all.execute(
        &format!(
            "INSERT INTO words (words, rowid, text) SELECT 'delete', id, text FROM messages WHERE id IN ({OLD})"
        ),
        [before],
    )?;
    all.execute(
        &format!("DELETE FROM deliveries WHERE message IN ({OLD})"),
        [before],
    )?;
    // Those of which no delivery is left, and are old.
    all.execute(
        &format!("DELETE FROM messages WHERE id IN ({OLD})"),
        [before],
    )?;
    all.commit()
}
