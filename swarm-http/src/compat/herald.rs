//! Tells sockets who has come and who has left. Their programs only write that down, so who is slow may miss some of it; nothing that
//! is meant for somebody goes this way.

use std::sync::Arc;

use serde_json::json;
use swarm_core::journal::{Journaled as _, Sequence, StreamId};
use swarm_peers::{Event, Peers, peer::Happened};
use tokio::sync::broadcast::Receiver;

use super::{Compat, times::iso};

/// A frame for everybody.
pub(super) type Told = Arc<str>;

/// Events that are read at once.
const PAGE: usize = 256;

impl Compat {
    /// Who comes and leaves from now on.
    pub(super) fn listen(&self) -> Receiver<Told> {
        self.told.subscribe()
    }
}

/// Ends when the app does.
pub(super) async fn tell(compat: Arc<Compat>) {
    let app = &compat.app;
    let stopping = app.stopping();
    let mut head = app.head.clone();
    let mut after = *head.borrow_and_update();
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            changed = head.changed() => if changed.is_err() { return },
        }
        let newest = *head.borrow_and_update();
        if compat.told.receiver_count() == 0 {
            after = newest;
            continue;
        }
        match page(&compat, after).await {
            Some(last) => after = last,
            // What is not told is only not written down.
            None => after = newest,
        }
    }
}

/// Tells what is in the log after `after`, and up to where that is; `None` if it cannot be read.
async fn page(compat: &Compat, mut after: Sequence) -> Option<Sequence> {
    let stream = StreamId::domain(Peers::STREAM);
    loop {
        let page = compat.app.log.read(&stream, after, PAGE).await.ok()?;
        let Some(last) = page.last() else {
            return Some(after);
        };
        after = last.sequence;
        for event in page.iter().filter(|event| event.kind == "peer") {
            let Ok(Event::Peer(happened)) = Peers::read_event(event.version, &event.data) else {
                continue;
            };
            let (kind, data) = match happened {
                Happened::Joined { peer, identity, .. }
                | Happened::CameBack { peer, identity, .. } => {
                    let id = peer.clone();
                    let known = compat
                        .app
                        .ask(move |state| state.peer(&id).and_then(|peer| peer.summary.clone()));
                    let summary = known.await.ok().flatten().unwrap_or_default();
                    let data = json!({"id": peer, "cwd": identity.cwd, "summary": summary});
                    ("peer_joined", data)
                }
                Happened::Left { peer } => ("peer_left", json!({"id": peer})),
                _ => continue,
            };
            let frame = json!({"type": kind, "data": data, "timestamp": iso(event.at)});
            // Nobody may listen.
            drop(compat.told.send(frame.to_string().into()));
        }
    }
}
