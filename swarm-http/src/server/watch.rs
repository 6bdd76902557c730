//! One run, as it goes on: what is in its log, and what passes by, as server-sent events.
//!
//! `event: event` has an event of the log, with its place as the id, so that whoever reconnects goes on from there; `event: passing` has
//! what is shown and not kept; `event: over` is the last, once nobody drives the run, with why it could not go on, if that is so.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Extension,
    extract::{Query, State, rejection::QueryRejection},
    http::HeaderMap,
    response::sse::{Event as Sent, KeepAlive, Sse},
};
use futures_util::{Stream, StreamExt as _, stream};
use serde::Deserialize;
use serde_json::json;
use swarm_core::{
    error_code::ErrorCode,
    ids::RunId,
    journal::{Recorded, Sequence, StreamId},
};
use tokio::sync::{broadcast, watch};

use super::events;
use crate::{
    App, Caller, Failure,
    caller::Admitted,
    engines::Said,
    runs::{Driven, Passing},
};

/// Events that are read at once.
const PAGE: usize = 256;
/// How often it is looked for more of a run that another process drives.
const LOOK: Duration = Duration::from_millis(250);

/// Which run, and from where on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct From {
    run: RunId,
    /// Only events after this place.
    #[serde(default)]
    after: u64,
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
            "runs are for the owner of this machine",
        ));
    }
    let Query(From { run, after }) =
        from.map_err(|error| Failure::new(ErrorCode::InvalidInput, error.body_text()))?;
    let after = events::last_id(&headers).unwrap_or(Sequence(after));
    let driver = match app.runs.find(&run) {
        Some(driven) => Some(Driver::of(&driven)),
        None => {
            // Whoever asks for a run that there is not is told so.
            app.runs.view(&run).await?;
            None
        }
    };
    let stopping = app.stopping();
    let watching = Watching {
        app,
        stream: StreamId::run(&run),
        run,
        after,
        driver,
        ready: VecDeque::new(),
        is_over: false,
    };
    let events = stream::unfold(watching, |mut watching| async move {
        let next = watching.next().await?;
        Some((Ok(next), watching))
    });
    // Runs stop before the daemon ends; who watches one is told how it ended.
    let events = events.take_until(async move {
        stopping.cancelled().await;
        tokio::time::sleep(super::GRACE).await;
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

/// The one that drives the run, if that is this process.
struct Driver {
    events: watch::Receiver<u64>,
    passing: broadcast::Receiver<Passing>,
    said: Vec<Said>,
    over: watch::Receiver<Option<Result<(), Failure>>>,
}

impl Driver {
    fn of(driven: &Driven) -> Self {
        let (said, passing) = driven.passing();
        Self {
            events: driven.events(),
            said,
            passing,
            over: driven.over(),
        }
    }
}

/// Where somebody is in a run.
struct Watching {
    app: Arc<App>,
    stream: StreamId,
    run: RunId,
    after: Sequence,
    driver: Option<Driver>,
    ready: VecDeque<Sent>,
    is_over: bool,
}

impl Watching {
    async fn next(&mut self) -> Option<Sent> {
        loop {
            if let Some(next) = self.ready.pop_front() {
                return Some(next);
            }
            if self.is_over {
                return None;
            }
            // Asked first: what happens after that is in the log when it is read below, or comes with the next round.
            let over = self.over().await;
            let page = match self.app.log.read(&self.stream, self.after, PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    self.end(Some(&Failure::from(error)));
                    continue;
                }
            };
            if let Some(last) = page.last() {
                self.after = last.sequence;
                self.ready.extend(page.iter().map(event));
                continue;
            }
            if let Some(driver) = &mut self.driver {
                let said = std::mem::take(&mut driver.said).into_iter();
                self.ready
                    .extend(said.map(|said| passing(&Passing::Said(said))));
            }
            if let Some(over) = over {
                self.end(over.err().as_ref());
                continue;
            }
            self.wait().await;
        }
    }

    /// How it was that nobody drives the run any more, if nobody does.
    async fn over(&mut self) -> Option<Result<(), Failure>> {
        if self.driver.is_none() {
            // Somebody may have begun to drive it here.
            self.driver = self
                .app
                .runs
                .find(&self.run)
                .map(|driven| Driver::of(&driven));
        }
        match &mut self.driver {
            Some(driver) => driver.over.borrow_and_update().clone(),
            None => (!self.app.runs.is_live(&self.run).await).then_some(Ok(())),
        }
    }

    /// Until there may be more.
    async fn wait(&mut self) {
        let Some(driver) = &mut self.driver else {
            return tokio::time::sleep(LOOK).await;
        };
        tokio::select! {
            // What passed by before an event is shown before it.
            biased;
            // Who is too slow misses some; once nobody drives it any more, why is known already.
            passed = driver.passing.recv() => self.ready.extend(passed.ok().as_ref().map(passing)),
            _ = driver.events.changed() => {}
            _ = driver.over.changed() => {}
        }
    }

    fn end(&mut self, failure: Option<&Failure>) {
        let failure = failure.map(|failure| failure.problem().error);
        let over = Sent::default().event("over");
        self.ready
            .push_back(over.data(json!({ "error": failure }).to_string()));
        self.is_over = true;
    }
}

fn event(event: &Recorded) -> Sent {
    events::shown(event).event("event")
}

fn passing(passing: &Passing) -> Sent {
    let text = serde_json::to_string(passing).unwrap_or_default();
    Sent::default().event("passing").data(text)
}
