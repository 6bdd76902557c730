//! Words from one to another, and what was said.

use serde_json::{Value, json};
use swarm_core::error_code::ErrorCode;
use swarm_peers::{
    About, Event, PeerId, State,
    mailbox::Stage,
    peer::Presence,
    post::{self, Happened},
};

use super::{
    Compat,
    answer::{Answer, Refusal, in_their_words, or_not_ok},
    fields::Fields,
    frames::said,
    peers::scope,
    times::iso,
};
use crate::history::{self, Page, Visible};

/// The most rows of one answer.
const MAX_ROWS: usize = 1_000;
/// Messages that are read at once: not all of them are of a kind that they would show.
const PAGE: usize = 500;

impl Compat {
    pub(super) fn rate(&self) -> Option<usize> {
        self.app.settings.peers.rate
    }
}

pub(super) async fn send(compat: &Compat, fields: &Fields) -> Answer {
    let from = fields.text("from_id", "messages.from_id")?;
    let to = fields.maybe("to_id")?.unwrap_or_default();
    let text = fields.text("text", "messages.text")?;
    let answer = async {
        let me = compat.caller(&from).await?;
        let send = post::Request::Send {
            to: to.clone(),
            text,
            reply_to: None,
            wants_action: false,
        };
        let disturbed = compat.app.command(&me, send, disturbed).await?;
        Ok(match disturbed {
            Some(id) => {
                let warning = format!("Warning: Peer {id} is in Do Not Disturb mode");
                json!({"ok": true, "warning": warning})
            }
            None => json!({"ok": true}),
        })
    };
    or_not_ok(answer.await, &to, compat.rate())
}

/// To whom something went that does not want to be disturbed.
pub(super) fn disturbed(state: &State, events: &[Event]) -> Option<PeerId> {
    let mut to = events.iter().flat_map(Event::recipients);
    let is_dnd = |to: &&PeerId| {
        let peer = state.peer(to);
        peer.is_some_and(|peer| peer.presence == Presence::Dnd)
    };
    to.find(is_dnd).cloned()
}

/// To how many something went.
pub(super) fn count(_: &State, events: &[Event]) -> usize {
    let sent = events.iter().find_map(|event| match event {
        Event::Post(Happened::Sent { to, .. }) => Some(to.len()),
        _ => None,
    });
    sent.unwrap_or_default()
}

/// An answer with a count. That too much was sent is said there as well, which their client does not show.
pub(super) fn counted(counted: Result<usize, Refusal>, rate: Option<usize>) -> Answer {
    match counted {
        Ok(count) => Ok(json!({"ok": true, "count": count})),
        Err(Refusal::Failed(failure)) if failure.code == ErrorCode::RateLimited => {
            let why = in_their_words(&failure, "", rate);
            Ok(json!({"ok": false, "count": 0, "error": why}))
        }
        Err(refusal) => Err(refusal),
    }
}

pub(super) async fn broadcast(compat: &Compat, fields: &Fields) -> Answer {
    let from = fields.text("from_id", "messages.from_id")?;
    let text = fields.text("text", "messages.text")?;
    let scope = scope(fields)?;
    let me = compat.caller(&from).await?;
    let request = post::Request::Broadcast { scope, text };
    let sent = compat.app.command(&me, request, count).await;
    counted(sent.map_err(Refusal::from), compat.rate())
}

/// What was said to, or by, peers that show no secret. What others say to each other is not for everybody on this machine.
pub(super) async fn history(compat: &Compat, fields: &Fields) -> Answer {
    let limit = fields.limit(MAX_ROWS)?;
    let peer = fields.maybe("peer_id")?;
    let ours: Vec<PeerId> = compat
        .app
        .ask(|state| {
            let ours = state.peers().filter(|peer| peer.shows_nothing());
            ours.map(|peer| peer.id.clone()).collect()
        })
        .await?;
    let with = match peer {
        None => None,
        Some(peer) => match PeerId::new(peer) {
            Ok(peer) => Some(peer),
            // Nobody has ever been called so.
            Err(_) => return Ok(json!([])),
        },
    };
    let mut rows = Vec::new();
    let mut before = None;
    while rows.len() < limit {
        let page = Page {
            visible: Visible::Among(ours.clone()),
            with: with.clone(),
            only: None,
            before,
            words: None,
            limit: PAGE,
        };
        let found = compat
            .app
            .history
            .ask(move |db| history::messages(db, &page))
            .await?;
        let Some(last) = found.last() else { break };
        before = Some(last.message.id);
        let is_end = found.len() < PAGE;
        let of_peer = |row: &Row| {
            let is_ours = ours.contains(&row.from) || ours.contains(&row.to);
            let wanted = with.as_ref();
            is_ours && wanted.is_none_or(|peer| row.from == *peer || row.to == *peer)
        };
        rows.extend(found.iter().flat_map(show).filter(of_peer));
        if is_end {
            break;
        }
    }
    rows.truncate(limit);
    Ok(rows.into_iter().map(|row| row.shown).collect::<Value>())
}

struct Row {
    from: PeerId,
    to: PeerId,
    shown: Value,
}

/// One row for each recipient, if it is a message to them.
fn show(one: &history::Shown) -> Vec<Row> {
    let message = &one.message;
    let is_message = matches!(
        message.about,
        About::Direct | About::Broadcast { .. } | About::Review { .. } | About::GitStatus { .. }
    );
    let receipts = one.receipts.iter().filter(|_| is_message);
    let rows = receipts.map(|receipt| Row {
        from: message.from.clone(),
        to: receipt.to.clone(),
        shown: json!({
            "id": message.id,
            "from_id": message.from,
            "to_id": receipt.to,
            "text": said(message).text,
            "sent_at": iso(message.sent),
            "delivered": u8::from(receipt.stage >= Stage::Seen),
        }),
    });
    rows.collect()
}
