//! Numbers for Prometheus.

use std::sync::Arc;

use axum::{
    Extension,
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use prometheus_client::{encoding::text::encode, metrics::gauge::Gauge, registry::Registry};
use swarm_core::error_code::ErrorCode;
use swarm_peers::{peer::Connection, task::TaskState};

use crate::{App, Caller, Failure, caller::Admitted};

pub(super) async fn show(
    State(app): State<Arc<App>>,
    Extension(admitted): Extension<Admitted>,
) -> Result<Response, Failure> {
    if admitted.caller != Caller::Owner {
        return Err(Failure::new(
            ErrorCode::Forbidden,
            "/metrics is for the owner of this machine; show the token of the home",
        ));
    }
    let counts = app.ask(|state| {
        let peers = || state.peers().filter(|peer| !peer.id.is_user());
        let here = peers().filter(|peer| peer.connection == Connection::Here);
        let open = state.tasks().filter(|task| !task.state.is_closed());
        let completed = state
            .tasks()
            .filter(|task| task.state == TaskState::Completed);
        [
            ("peers", "Peers that are known", peers().count()),
            ("peers_here", "Peers that are here", here.count()),
            (
                "messages_waiting",
                "Messages that were not seen",
                state.peers().map(|peer| peer.mailbox.len()).sum(),
            ),
            (
                "messages_dead",
                "Messages that nobody will get any more",
                state.dead_letters().count(),
            ),
            ("tasks_open", "Tasks that are not closed", open.count()),
            (
                "tasks_completed",
                "Tasks that are done, and kept",
                completed.count(),
            ),
        ]
    });
    let counts = counts.await?;
    let mut registry = Registry::with_prefix("swarm");
    let mut add = |name: &str, help: &str, value: u64| {
        let gauge = Gauge::<i64>::default();
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        registry.register(name, help, gauge);
    };
    for (name, help, value) in counts {
        add(name, help, value as u64);
    }
    add(
        "connections",
        "Open connections of peers",
        app.attendance.connections() as u64,
    );
    add(
        "log_head",
        "The place of the newest event",
        app.head.borrow().0,
    );
    let mut text = String::new();
    encode(&mut text, &registry)
        .map_err(|error| Failure::new(ErrorCode::Internal, error.to_string()))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
