//! Something urgent.

use serde_json::{Value, json};
use swarm_peers::{
    AlertId, Event, Priority, State,
    alert::{self, AlertTo, Happened},
};

use super::{
    Compat,
    answer::{Answer, Refusal, or_not_ok},
    fields::Fields,
    frames::priority_name,
    messages::counted,
    peers::scope,
    times::iso,
};

/// The most rows of one answer.
const MAX_ROWS: usize = 1_000;

fn priority(fields: &Fields) -> Result<Priority, Refusal> {
    match fields.text("priority", "alerts.priority")?.as_str() {
        "info" => Ok(Priority::Info),
        "warning" => Ok(Priority::Warning),
        "critical" => Ok(Priority::Critical),
        other => {
            let other: String = other.chars().take(80).collect();
            Err(Refusal::Broken(format!(
                "{other:?} is no priority; there are info, warning and critical"
            )))
        }
    }
}

/// The alert among what happened, and how many were alerted.
fn raised(_: &State, events: &[Event]) -> (AlertId, usize) {
    let raised = events.iter().find_map(|event| match event {
        Event::Alert(Happened::Raised { alert, to, .. }) => Some((*alert, to.len())),
        _ => None,
    });
    raised.unwrap_or_default()
}

pub(super) async fn peer(compat: &Compat, fields: &Fields) -> Answer {
    let from = fields.text("from_id", "alerts.from_id")?;
    let to = fields.maybe("to_id")?.unwrap_or_default();
    let request = alert::Request::Raise {
        to: AlertTo::Peer(to.clone()),
        message: fields.text("message", "alerts.message")?,
        priority: priority(fields)?,
    };
    let answer = async {
        let me = compat.caller(&from).await?;
        let (alert, _) = compat.app.command(&me, request, raised).await?;
        Ok(json!({"ok": true, "alert_id": alert}))
    };
    or_not_ok(answer.await, &to, compat.rate())
}

pub(super) async fn all(compat: &Compat, fields: &Fields) -> Answer {
    let from = fields.text("from_id", "alerts.from_id")?;
    let request = alert::Request::Raise {
        to: AlertTo::Everybody(scope(fields)?),
        message: fields.text("message", "alerts.message")?,
        priority: priority(fields)?,
    };
    let me = compat.caller(&from).await?;
    let done = compat.app.command(&me, request, raised).await;
    counted(
        done.map(|(_, count)| count).map_err(Refusal::from),
        compat.rate(),
    )
}

/// One row for each who was alerted. What others alert each other of is not for everybody on this machine.
pub(super) async fn list(compat: &Compat, fields: &Fields) -> Answer {
    let limit = fields.limit(MAX_ROWS)?;
    let peer = fields.maybe("peer_id")?;
    let rows = compat.app.ask(move |state| {
        let is_ours = |id| state.peer(id).is_some_and(swarm_peers::Peer::shows_nothing);
        let rows = state.alerts().rev().flat_map(|alert| {
            let from = &alert.from;
            let peer = peer.as_deref();
            let to = alert.to.iter().filter(move |to| {
                let is_wanted =
                    peer.is_none_or(|peer| to.as_str() == peer || from.as_str() == peer);
                is_wanted && (is_ours(to) || is_ours(from))
            });
            to.map(move |to| {
                json!({
                    "id": alert.id,
                    "from_id": from,
                    "to_id": to,
                    "message": alert.message,
                    "priority": priority_name(alert.priority),
                    "created_at": iso(alert.created),
                    "acknowledged": u8::from(alert.acknowledged.contains(to)),
                })
            })
        });
        rows.take(limit).collect::<Value>()
    });
    Ok(rows.await?)
}
