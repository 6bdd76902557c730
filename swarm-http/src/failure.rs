//! Why a request was not done, as a client sees it.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use swarm_core::{
    error_code::{Coded, ErrorCode},
    journal::{LogError, Refused},
    refs::RefError,
};
use swarm_peers::Rejection;
use thiserror::Error;

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct Failure {
    /// What went wrong.
    pub code: ErrorCode,
    /// Why, and what to do.
    pub message: String,
    /// After how many seconds it may work.
    pub retry_after: Option<u64>,
}

/// A failure as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// What went wrong.
    pub error: ProblemDetail,
}

/// What went wrong, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProblemDetail {
    /// A name that never changes; `docs/errors` has a page for each.
    pub code: String,
    /// Why, and what to do.
    pub message: String,
}

impl ProblemDetail {
    /// The failure that was sent.
    pub fn failure(self) -> Failure {
        // A newer daemon may know codes that are not known here.
        let code = ErrorCode::of(&self.code).unwrap_or(ErrorCode::Internal);
        Failure::new(code, self.message)
    }
}

impl Failure {
    /// A failure with a code and words.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            retry_after: None,
        }
    }

    /// The status of HTTP that says the same.
    pub fn status(&self) -> StatusCode {
        match self.code {
            ErrorCode::Unauthorized => StatusCode::UNAUTHORIZED,
            ErrorCode::Forbidden | ErrorCode::NotYours => StatusCode::FORBIDDEN,
            ErrorCode::UnknownPeer | ErrorCode::NotFound | ErrorCode::RunNotFound => {
                StatusCode::NOT_FOUND
            }
            ErrorCode::PeerExists
            | ErrorCode::TaskState
            | ErrorCode::RunExists
            | ErrorCode::RunIsLive
            | ErrorCode::RunEnded => StatusCode::CONFLICT,
            ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            ErrorCode::Full => StatusCode::INSUFFICIENT_STORAGE,
            ErrorCode::LogFailed | ErrorCode::LogTooNew | ErrorCode::EngineUnavailable => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            ErrorCode::Unsupported
            | ErrorCode::UnknownModel
            | ErrorCode::NoCredentials
            | ErrorCode::UnknownMcpServer
            | ErrorCode::MountMissing
            | ErrorCode::BudgetExhausted => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorCode::InvalidInput | ErrorCode::InvalidJson | ErrorCode::InvalidName => {
                StatusCode::BAD_REQUEST
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// As it is sent.
    pub fn problem(&self) -> Problem {
        Problem {
            error: ProblemDetail {
                code: self.code.as_str().to_owned(),
                message: self.message.clone(),
            },
        }
    }
}

impl Coded for Failure {
    fn code(&self) -> ErrorCode {
        self.code
    }
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        let retry_after = match &rejection {
            Rejection::RateLimited { wait, .. } => Some(*wait),
            _ => None,
        };
        Self {
            code: rejection.code(),
            message: rejection.to_string(),
            retry_after,
        }
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<RefError> for Failure {
    fn from(error: RefError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<Refused<Rejection>> for Failure {
    fn from(refused: Refused<Rejection>) -> Self {
        match refused {
            Refused::Rejected(rejection) => rejection.into(),
            Refused::Log(error) => error.into(),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(self.problem())).into_response();
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, seconds.into());
        }
        if self.code == ErrorCode::Unauthorized {
            let bearer = header::HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}
