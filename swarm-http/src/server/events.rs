//! The log from a place on, and what comes after: as server-sent events.

use std::{collections::VecDeque, convert::Infallible, sync::Arc};

use axum::{
    Extension,
    extract::{Query, State, rejection::QueryRejection},
    http::HeaderMap,
    response::sse::{Event as Sent, KeepAlive, Sse},
};
use futures_util::{Stream, StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use swarm_core::{
    error_code::ErrorCode,
    journal::{Journaled as _, Recorded, Sequence, StreamId},
    time::Timestamp,
};
use swarm_peers::Peers;
use tokio::sync::watch;

use crate::{App, Caller, Failure, caller::Admitted};

/// Events that are read at once.
const PAGE: usize = 256;

/// From where on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct From {
    /// Only events after this place; 0 for all that are kept; absent for those that come from now on.
    #[serde(default)]
    after: Option<u64>,
}

/// An event as it is sent.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    sequence: Sequence,
    stream: &'a str,
    at: Timestamp,
    kind: &'a str,
    data: &'a RawValue,
}

/// Where somebody is in the log.
struct Following {
    app: Arc<App>,
    stream: StreamId,
    head: watch::Receiver<Sequence>,
    after: Sequence,
    page: VecDeque<Recorded>,
}

pub(super) async fn follow(
    State(app): State<Arc<App>>,
    Extension(admitted): Extension<Admitted>,
    headers: HeaderMap,
    from: Result<Query<From>, QueryRejection>,
) -> Result<Sse<impl Stream<Item = Result<Sent, Infallible>>>, Failure> {
    if admitted.caller != Caller::Owner {
        return Err(Failure::new(
            ErrorCode::Forbidden,
            "what happens between others is for the owner of this machine; your own messages come by /v1/socket and inbox/read",
        ));
    }
    let Query(from) =
        from.map_err(|error| Failure::new(ErrorCode::InvalidInput, error.body_text()))?;
    let mut head = app.head.clone();
    let newest = *head.borrow_and_update();
    // Whoever reconnects says what it had last; that counts more than what it asked for at first.
    let last = last_id(&headers);
    let after = last.or_else(|| from.after.map(Sequence)).unwrap_or(newest);
    let stopping = app.stopping();
    let following = Following {
        app,
        stream: StreamId::domain(Peers::STREAM),
        head,
        after,
        page: VecDeque::new(),
    };
    let events = stream::unfold(following, |mut following| async move {
        let next = following.next().await?;
        Some((Ok(shown(&next)), following))
    });
    let events = events.take_until(stopping.cancelled_owned());
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

impl Following {
    /// The next event, once there is one; `None` if the log cannot be read any more: then the client connects again.
    async fn next(&mut self) -> Option<Recorded> {
        loop {
            if let Some(next) = self.page.pop_front() {
                self.after = next.sequence;
                return Some(next);
            }
            let page = self.app.log.read(&self.stream, self.after, PAGE).await;
            match page {
                Ok(page) if page.is_empty() => self.head.changed().await.ok()?,
                Ok(page) => self.page = page.into(),
                Err(error) => {
                    tracing::warn!(%error, "events could not be read");
                    return None;
                }
            }
        }
    }
}

/// The last event that whoever reconnects has.
pub(super) fn last_id(headers: &HeaderMap) -> Option<Sequence> {
    let last = headers.get("last-event-id")?;
    last.to_str().ok()?.parse().ok().map(Sequence)
}

pub(super) fn shown(event: &Recorded) -> Sent {
    let sent = Sent::default().id(event.sequence.to_string());
    let data: Result<&RawValue, _> = serde_json::from_str(&event.data);
    let shown = data.and_then(|data| {
        let shown = Shown {
            sequence: event.sequence,
            stream: event.stream.as_str(),
            at: event.at,
            kind: &event.kind,
            data,
        };
        serde_json::to_string(&shown)
    });
    // What is in the log was JSON when it was written.
    sent.data(shown.unwrap_or_default())
}
