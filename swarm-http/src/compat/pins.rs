//! What everybody is to find at once.

use serde_json::{Value, json};
use swarm_core::error_code::ErrorCode;
use swarm_peers::{PinId, pin};

use super::{
    Compat,
    answer::{Answer, Refusal, or_not_ok},
    callers::Said,
    fields::Fields,
    times::iso,
};
use crate::{Failure, operation::Perform as _, operations::pins};

/// The most rows of one answer.
const MAX_ROWS: usize = 100;

pub(super) async fn pin(compat: &Compat, fields: &Fields) -> Answer {
    let author = fields.text("author_id", "pins.author_id")?;
    let content = fields.text("content", "pins.content")?;
    let me = compat.caller(&author).await?;
    let pinned = pins::Pin { content }.perform(&compat.app, me).await?;
    Ok(json!({"ok": true, "pin_id": pinned.pin}))
}

pub(super) async fn list(compat: &Compat) -> Answer {
    let rows = compat.app.ask(|state| {
        let newest = state.pins().rev().take(MAX_ROWS);
        let rows = newest.map(|pin| {
            json!({
                "id": pin.id,
                "author_id": pin.author,
                "content": pin.content,
                "created_at": iso(pin.created),
            })
        });
        rows.collect::<Value>()
    });
    Ok(rows.await?)
}

/// Whoever of them asks may take away what one of them has pinned: there, anybody may, and is not asked who it is. What others have
/// pinned stays.
pub(super) async fn unpin(compat: &Compat, fields: &Fields) -> Answer {
    let number = fields.number("pin_id")?;
    let named = number.map_or_else(|| "null".to_owned(), |number| number.to_string());
    let id = number
        .and_then(|number| u64::try_from(number).ok())
        .map(PinId);
    let answer = async {
        let not_found = || {
            let why = format!("Pin #{named} not found");
            Refusal::Failed(Failure::new(ErrorCode::NotFound, why))
        };
        let found = compat.app.ask(move |state| {
            let pin = state.pins().find(|pin| Some(pin.id) == id)?;
            Some(pin.author.to_string())
        });
        let author = found.await?.ok_or_else(not_found)?;
        // Its author takes it away, on whose behalf ever; nobody else could.
        let author = match compat.who(&author).await {
            Ok(Said::Known(author, _)) => crate::Caller::Peer(author),
            _ => {
                let why =
                    format!("Pin #{named} is from {author}, and stays until that takes it away");
                return Err(Refusal::Failed(Failure::new(ErrorCode::NotYours, why)));
            }
        };
        let pin = id.ok_or_else(not_found)?;
        let unpin = pin::Request::Unpin { pin };
        compat.app.command(&author, unpin, |_, _| ()).await?;
        Ok(json!({"ok": true}))
    };
    or_not_ok(answer.await, "", compat.rate())
}
