//! Which path leads where. Their brokers look at the method, then at the body, and then at the path.

use std::sync::Arc;

use axum::{
    body::{Body, to_bytes},
    extract::{ConnectInfo, Request, State},
    http::{Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json as value};

use super::{
    Compat, alerts,
    answer::{Answer, error, json},
    connection::Witness,
    dashboard,
    fields::Fields,
    files, messages, peers, pins, polls, reviews, snippets, stats, tasks,
};

/// The largest body, in bytes: a snippet of the largest size, as long as JSON can make it.
const MAX_BODY: usize = 8 * 1024 * 1024;
/// What is said at every path that is none.
const BANNER: &str = "claude-swarm-mcp broker";

pub(super) async fn dispatch(
    State(compat): State<Arc<Compat>>,
    ConnectInfo(witness): ConnectInfo<Witness>,
    request: Request,
) -> Response {
    let path = request.uri().path().to_owned();
    match path.as_str() {
        "/analytics" => return response(stats::analytics(&compat).await),
        "/dashboard" => return dashboard::show(&compat).await,
        _ => {}
    }
    if request.method() != Method::POST {
        if path == "/health" && matches!(*request.method(), Method::GET | Method::HEAD) {
            return response(health(&compat).await);
        }
        let kind = [(header::CONTENT_TYPE, "text/plain;charset=utf-8")];
        return (kind, BANNER).into_response();
    }
    let body = match read(request.into_body()).await {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    let fields = match Fields::read(&body) {
        Ok(fields) => fields,
        Err(refusal) => return refusal.response(),
    };
    match post(&compat, &path, &fields, &witness).await {
        Some(answer) => response(answer),
        None => json(StatusCode::NOT_FOUND, &error("not found")),
    }
}

async fn read(body: Body) -> Result<axum::body::Bytes, Response> {
    to_bytes(body, MAX_BODY).await.map_err(|_| {
        let why = format!("the body is larger than {MAX_BODY} bytes, or broke off");
        json(StatusCode::PAYLOAD_TOO_LARGE, &error(&why))
    })
}

fn response(answer: Answer) -> Response {
    match answer {
        Ok(value) => json(StatusCode::OK, &value),
        Err(refusal) => refusal.response(),
    }
}

/// `None` if there is no such path.
async fn post(
    compat: &Arc<Compat>,
    path: &str,
    fields: &Fields,
    witness: &Witness,
) -> Option<Answer> {
    Some(match path {
        "/register" => peers::register(compat, fields).await,
        "/heartbeat" => peers::heartbeat(compat, fields).await,
        "/unregister" => peers::unregister(compat, fields).await,
        "/list-peers" => peers::list(compat, fields).await,
        "/set-summary" => peers::set_summary(compat, fields).await,
        "/set-tags" => peers::set_tags(compat, fields).await,
        "/set-status" => peers::set_status(compat, fields).await,
        "/send-message" => messages::send(compat, fields).await,
        "/broadcast-message" => messages::broadcast(compat, fields).await,
        "/message-history" => messages::history(compat, fields).await,
        "/poll-messages" => polls::poll(compat, fields, witness).await,
        "/delegate-task" => tasks::delegate(compat, fields).await,
        "/list-tasks" => tasks::list(compat, fields).await,
        "/update-task" => tasks::update(compat, fields).await,
        "/share-snippet" => snippets::share(compat, fields).await,
        "/list-snippets" => snippets::list(compat, fields).await,
        "/get-snippet" => snippets::get(compat, fields).await,
        "/share-file" => files::share(compat, fields).await,
        "/list-shared-files" => files::list(compat, fields).await,
        "/get-shared-file" => files::get(compat, fields).await,
        "/alert-peer" => alerts::peer(compat, fields).await,
        "/alert-all" => alerts::all(compat, fields).await,
        "/list-alerts" => alerts::list(compat, fields).await,
        "/pin-message" => pins::pin(compat, fields).await,
        "/list-pins" => pins::list(compat).await,
        "/unpin-message" => pins::unpin(compat, fields).await,
        "/peer-stats" => stats::of_peer(compat, fields).await,
        "/request-review" => reviews::request(compat, fields).await,
        "/sync-status" => reviews::sync_status(compat, fields).await,
        _ => return None,
    })
}

/// What their programs ask to find out whether there is a broker.
async fn health(compat: &Compat) -> Answer {
    let peers = compat.app.ask(|state| peers::here(state).count()).await?;
    let answer: Value = value!({
        "status": "ok",
        "name": "claude-swarm",
        "peers": peers,
        "ws_connections": compat.sockets.count(),
        "server": "swarm",
        "version": env!("CARGO_PKG_VERSION"),
    });
    Ok(answer)
}
