//! `/poll-messages`: what waits, for who asks again and again.
//!
//! What was answered is not done with before the client has read it ([`connection`](super::connection)); until that is known, nobody
//! is handed anything else, so that nothing overtakes what may have to come again.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use swarm_peers::{MessageId, PeerId, State, Way, post};
use tokio::{
    sync::{OwnedMutexGuard, oneshot},
    time::timeout,
};

use super::{
    Compat,
    answer::{Answer, Refusal},
    callers::Said,
    connection::Witness,
    fields::Fields,
    frames::shown,
    times::iso,
};
use crate::Caller;

/// The most messages in one answer. More come with the next.
const MAX_MESSAGES: usize = 200;
/// How long is waited for who hands out messages now.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) async fn poll(compat: &Arc<Compat>, fields: &Fields, witness: &Witness) -> Answer {
    let id = fields.maybe("id")?.unwrap_or_default();
    let nothing = || Ok(json!({"messages": []}));
    let Said::Known(me, _) = compat.who(&id).await? else {
        return nothing();
    };
    compat.app.note(&me, false);
    // Most of the time there is nothing, and then nobody's turn matters.
    if waiting(compat, &me).await?.is_none() {
        return nothing();
    }
    let Ok(turn) = timeout(PATIENCE, compat.turns.take(&me)).await else {
        return nothing();
    };
    let Some((up_to, messages)) = waiting(compat, &me).await? else {
        return nothing();
    };
    let receipt = Receipt {
        taken: witness.taken(),
        me,
        up_to,
        turn,
    };
    compat.under_way.spawn(settle(Arc::clone(compat), receipt));
    Ok(json!({"messages": messages}))
}

async fn waiting(compat: &Compat, me: &PeerId) -> Result<Option<(MessageId, Vec<Value>)>, Refusal> {
    let me = me.clone();
    Ok(compat.app.ask(move |state| rows(state, &me)).await?)
}

fn rows(state: &State, me: &PeerId) -> Option<(MessageId, Vec<Value>)> {
    let mailbox = &state.peer(me)?.mailbox;
    let messages: Vec<_> = mailbox.after(mailbox.seen()).take(MAX_MESSAGES).collect();
    let up_to = messages.last()?.id;
    let rows = messages.iter().map(|message| {
        json!({
            "id": message.id,
            "from_id": message.from,
            "to_id": me,
            "text": shown(state, message).text,
            "sent_at": iso(message.sent),
            "delivered": 0,
        })
    });
    Some((up_to, rows.collect()))
}

/// An answer of which it is not known yet whether it was taken.
struct Receipt {
    taken: oneshot::Receiver<bool>,
    me: PeerId,
    up_to: MessageId,
    turn: OwnedMutexGuard<()>,
}

async fn settle(compat: Arc<Compat>, receipt: Receipt) {
    // It ends with the connection, which is closed when it is idle.
    if receipt.taken.await == Ok(true) {
        let seen = post::Request::Seen {
            up_to: receipt.up_to,
            way: Way::Inbox,
        };
        let me = Caller::Peer(receipt.me);
        if let Err(failure) = compat.app.command(&me, seen, |_, _| ()).await {
            tracing::warn!(problem = %failure.message, "that messages were taken was not written down");
        }
    }
    drop(receipt.turn);
}
