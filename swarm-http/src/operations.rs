//! Everything that clients can ask for. One file per noun; the list below is the only one.

pub mod alerts;
pub mod analytics;
pub mod daemon;
pub mod files;
pub mod imports;
pub mod inbox;
pub mod messages;
pub mod peers;
pub mod pins;
pub mod reviews;
pub mod runs;
pub mod snippets;
pub mod tasks;

use std::sync::Arc;

use axum::body::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _};
use schemars::{Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use swarm_core::error_code::ErrorCode;

use crate::{
    App, Caller, Failure,
    caller::Admitted,
    operation::{Kind, Perform, Who},
};

/// Says of a request what it is called, and what comes back.
macro_rules! operation {
    ($request:ty, $name:literal, $kind:ident, $who:ident, $summary:literal, $answer:ty $(, $max_body:expr)?) => {
        impl $crate::Operation for $request {
            const NAME: &'static str = $name;
            const SUMMARY: &'static str = $summary;
            const KIND: $crate::Kind = $crate::Kind::$kind;
            const WHO: $crate::Who = $crate::Who::$who;
            $(const MAX_BODY: usize = $max_body;)?
            type Answer = $answer;
        }
    };
}
pub(crate) use operation;

/// A request as it came.
pub(crate) enum Input {
    /// In the query of a URL.
    Query(String),
    /// As JSON.
    Json(Bytes),
}

type Run = fn(Arc<App>, Admitted, Input) -> BoxFuture<'static, Result<Vec<u8>, Failure>>;

/// One operation, whatever its type is.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its path below `/v1/`.
    pub name: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// Whether it changes anything.
    pub kind: Kind,
    /// Who may ask.
    pub who: Who,
    /// The largest request, in bytes.
    pub max_body: usize,
    /// What is asked for.
    pub request: fn(&mut SchemaGenerator) -> Schema,
    /// What comes back.
    pub answer: fn(&mut SchemaGenerator) -> Schema,
    pub(crate) run: Run,
}

const fn entry<O: Perform>() -> Entry {
    Entry {
        name: O::NAME,
        summary: O::SUMMARY,
        kind: O::KIND,
        who: O::WHO,
        max_body: O::MAX_BODY,
        request: SchemaGenerator::subschema_for::<O>,
        answer: SchemaGenerator::subschema_for::<O::Answer>,
        run: |app, by, input| run::<O>(app, by, input).boxed(),
    }
}

async fn run<O: Perform>(app: Arc<App>, by: Admitted, input: Input) -> Result<Vec<u8>, Failure> {
    let Admitted {
        caller: by,
        revoked,
    } = by;
    if O::WHO == Who::Owner && by != Caller::Owner {
        return Err(Failure::new(
            ErrorCode::Forbidden,
            format!(
                "{} is for the owner of this machine, and not for peers; `swarm` does it, with the token of the home",
                O::NAME
            ),
        ));
    }
    let request: O = match input {
        Input::Query(query) => from_query(&query)?,
        Input::Json(body) => from_json(&body)?,
    };
    app.note(&by.peer(), O::KIND == Kind::Command);
    let performed = request.perform(&app, by);
    let answer = match O::KIND {
        // It may have happened, so it is told.
        Kind::Command => performed.await?,
        Kind::Question => tokio::select! {
            biased;
            () = revoked.cancelled() => return Err(no_longer_counts()),
            answer = performed => answer?,
        },
    };
    serde_json::to_vec(&answer)
        .map_err(|error| Failure::new(ErrorCode::Internal, error.to_string()))
}

/// What is told to whoever is still connected when its credential is taken away.
pub(crate) fn no_longer_counts() -> Failure {
    Failure::new(
        ErrorCode::Unauthorized,
        "this credential no longer counts: the peer has left, was forgotten, or has joined again; join again",
    )
}

fn from_query<T: DeserializeOwned>(query: &str) -> Result<T, Failure> {
    serde_urlencoded::from_str(query)
        .map_err(|error| Failure::new(ErrorCode::InvalidInput, format!("the query: {error}")))
}

fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    // A list would be taken for the fields in their order.
    if body.trim_ascii_start().first() == Some(&b'[') {
        return Err(Failure::new(
            ErrorCode::InvalidInput,
            "the body is a list; send an object",
        ));
    }
    serde_json::from_slice(body).map_err(|error| {
        let code = if error.is_data() {
            ErrorCode::InvalidInput
        } else {
            ErrorCode::InvalidJson
        };
        Failure::new(code, format!("the body: {error}"))
    })
}

/// Every operation, in the order in which they are documented.
pub static ALL: &[Entry] = &[
    entry::<peers::Join>(),
    entry::<peers::Leave>(),
    entry::<peers::List>(),
    entry::<peers::Me>(),
    entry::<peers::Heartbeat>(),
    entry::<peers::Rename>(),
    entry::<peers::SetSummary>(),
    entry::<peers::SetTags>(),
    entry::<peers::SetPresence>(),
    entry::<messages::Send>(),
    entry::<messages::Broadcast>(),
    entry::<messages::Show>(),
    entry::<messages::History>(),
    entry::<messages::Search>(),
    entry::<messages::Dead>(),
    entry::<inbox::Read>(),
    entry::<inbox::Injected>(),
    entry::<inbox::Seen>(),
    entry::<inbox::Acted>(),
    entry::<tasks::Delegate>(),
    entry::<tasks::List>(),
    entry::<tasks::Claim>(),
    entry::<tasks::Complete>(),
    entry::<tasks::Reject>(),
    entry::<snippets::Share>(),
    entry::<snippets::List>(),
    entry::<snippets::Show>(),
    entry::<snippets::Remove>(),
    entry::<files::Share>(),
    entry::<files::List>(),
    entry::<files::Fetch>(),
    entry::<files::Remove>(),
    entry::<alerts::Raise>(),
    entry::<alerts::List>(),
    entry::<alerts::Acknowledge>(),
    entry::<pins::Pin>(),
    entry::<pins::List>(),
    entry::<pins::Remove>(),
    entry::<reviews::Request>(),
    entry::<reviews::SyncStatus>(),
    entry::<analytics::Show>(),
    entry::<runs::Start>(),
    entry::<runs::Resume>(),
    entry::<runs::Stop>(),
    entry::<imports::Bring>(),
    entry::<daemon::Status>(),
    entry::<daemon::Stop>(),
];

/// The operation with this name.
pub(crate) fn find(name: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.name == name)
}

/// What came of a command that has nothing else to tell.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
pub struct Done {}
