//! What is answered, and as what failures are shown.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Serialize;
use serde_json::{Value, json};
use swarm_core::error_code::ErrorCode;

use crate::Failure;

/// What came of a request.
pub(super) type Answer = Result<Value, Refusal>;

/// Why a request was not done.
#[derive(Clone, Debug)]
pub(super) enum Refusal {
    /// Something is wrong with the request, or here. Their clients show it as the error of a tool.
    Broken(String),
    /// Somebody is not who it says.
    Foreign(String),
    /// It is refused by a rule, of which the client knows how to tell.
    Failed(Failure),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match failure.code {
            ErrorCode::Internal
            | ErrorCode::LogFailed
            | ErrorCode::LogTooNew
            | ErrorCode::StorageFailed => Self::Broken(failure.message),
            _ => Self::Failed(failure),
        }
    }
}

impl Refusal {
    pub(super) fn response(self) -> Response {
        let (status, why) = match self {
            Self::Broken(why) => (StatusCode::INTERNAL_SERVER_ERROR, why),
            Self::Foreign(why) => (StatusCode::FORBIDDEN, why),
            Self::Failed(failure) => (StatusCode::INTERNAL_SERVER_ERROR, failure.message),
        };
        json(status, &error(&why))
    }
}

/// A refusal of a rule in the words of their brokers, where the client looks for it: in an answer that has `ok`.
///
/// `to` is who was meant, and `rate` how many messages may be sent in a minute.
pub(super) fn or_not_ok(answer: Answer, to: &str, rate: Option<usize>) -> Answer {
    answer.or_else(|refusal| match refusal {
        Refusal::Failed(failure) => {
            let why = in_their_words(&failure, to, rate);
            Ok(json!({"ok": false, "error": why}))
        }
        other => Err(other),
    })
}

pub(super) fn in_their_words(failure: &Failure, to: &str, rate: Option<usize>) -> String {
    match (failure.code, rate) {
        (ErrorCode::UnknownPeer, _) => format!("Peer {to} not found"),
        (ErrorCode::RateLimited, Some(rate)) => {
            format!("Rate limit exceeded (max {rate} messages/minute)")
        }
        _ => failure.message.clone(),
    }
}

pub(super) fn error(why: &str) -> Value {
    json!({"error": why})
}

/// JSON as theirs is sent.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let kind = HeaderValue::from_static("application/json;charset=utf-8");
    // Only what can be written is in it.
    let body = serde_json::to_vec(value).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, kind)], body).into_response()
}
