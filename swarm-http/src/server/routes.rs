//! Which path leads where.

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, RawQuery, State, rejection::BytesRejection},
    http::{HeaderValue, StatusCode, header},
    middleware,
    response::{IntoResponse as _, Response},
    routing::{MethodFilter, get, on},
};
use serde_json::json;
use swarm_core::error_code::ErrorCode;
use tokio_util::task::TaskTracker;

use super::{events, gate, metrics, socket, watch};
use crate::{
    App, Failure,
    caller::Admitted,
    openapi,
    operation::Kind,
    operations::{self, Entry, Input},
};

pub(super) fn router(app: Arc<App>, port: u16, sockets: TaskTracker) -> Router {
    let gate = gate::Gate {
        app: Arc::clone(&app),
        port,
    };
    let mut router = Router::new();
    for entry in operations::ALL {
        router = router.route(&format!("/v1/{}", entry.name), handler(entry));
    }
    router
        .route(
            "/v1/openapi.json",
            get(|| async { Json(openapi::document()) }),
        )
        .route("/v1/socket", get(socket::open))
        .route("/v1/events", get(events::follow))
        .route("/v1/runs/watch", get(watch::follow))
        .route("/metrics", get(metrics::show))
        .layer(Extension(sockets))
        .route("/health", get(health))
        .route("/ready", get(ready))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(gate, gate::check))
        .with_state(app)
}

fn handler(entry: &'static Entry) -> axum::routing::MethodRouter<Arc<App>> {
    let filter = match entry.kind {
        Kind::Question => MethodFilter::GET,
        Kind::Command => MethodFilter::POST,
    };
    on(
        filter,
        move |State(app): State<Arc<App>>,
              Extension(admitted): Extension<Admitted>,
              RawQuery(query): RawQuery,
              body: Result<Bytes, BytesRejection>| async move {
            let input = match entry.kind {
                Kind::Question => Input::Query(query.unwrap_or_default()),
                Kind::Command => Input::Json(body.map_err(|error| unread(&error, entry.max_body))?),
            };
            let answer = (entry.run)(app, admitted, input).await?;
            Ok::<_, Failure>(json_bytes(answer))
        },
    )
    .layer(DefaultBodyLimit::max(entry.max_body))
}

fn json_bytes(bytes: Vec<u8>) -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], bytes).into_response()
}

fn unread(error: &BytesRejection, most: usize) -> Failure {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Failure::new(
            ErrorCode::TooLarge,
            format!("the body is larger than {most} bytes"),
        );
    }
    Failure::new(ErrorCode::InvalidInput, error.body_text())
}

async fn health() -> Json<serde_json::Value> {
    Json(json!({"status": "ok", "name": "swarm", "version": env!("CARGO_PKG_VERSION")}))
}

/// Whether the state is known, and not only the process there.
async fn ready(State(app): State<Arc<App>>) -> Result<Json<serde_json::Value>, Failure> {
    app.ask(|_| ()).await?;
    Ok(Json(json!({"status": "ready"})))
}

async fn unknown() -> Failure {
    Failure::new(
        ErrorCode::NotFound,
        "there is nothing here; /v1/openapi.json shows what there is",
    )
}

async fn wrong_method() -> Response {
    let failure = Failure::new(
        ErrorCode::InvalidInput,
        "questions are asked with GET, and commands given with POST; /v1/openapi.json shows which is which",
    );
    (StatusCode::METHOD_NOT_ALLOWED, Json(failure.problem())).into_response()
}
