//! Who is let in. Every request passes here, upgrades included.
//!
//! * `Host` has to be this machine and the port of the daemon: a name of somebody else that was pointed here leads nowhere.
//! * `Origin`, which browsers send, has to be the daemon's own: no page of somebody else gets in, whatever it sends.
//! * A request that changes something has to be `application/json`, which a page cannot send elsewhere without being allowed to.
//! * `Authorization` has to show the token of the home, or the credential of a peer.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, Uri, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use swarm_core::error_code::ErrorCode;

use crate::{App, Failure, caller::Admitted};

/// What the gate needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    pub(crate) app: Arc<App>,
    pub(crate) port: u16,
}

/// What anybody on this machine may ask for.
const OPEN: [&str; 2] = ["/health", "/ready"];

pub(super) async fn check(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    let admitted = check_source(headers, uri, gate.port)
        .and_then(|()| check_content(method, headers))
        .and_then(|()| {
            if OPEN.contains(&uri.path()) {
                return Ok(None);
            }
            admit(&gate.app, headers).map(Some)
        });
    match admitted {
        Ok(admitted) => {
            if let Some(admitted) = admitted {
                request.extensions_mut().insert(admitted);
            }
            next.run(request).await
        }
        Err(failure) => failure.into_response(),
    }
}

/// Refuses what does not come from a program on this machine, or from a page of the daemon itself.
pub(crate) fn check_source(headers: &HeaderMap, uri: &Uri, port: u16) -> Result<(), Failure> {
    let refused = |what: &str, value: &str| {
        let value: String = value.chars().take(80).collect();
        Failure::new(
            ErrorCode::Forbidden,
            format!(
                "the {what} {value:?} is not this machine at port {port}; use http://127.0.0.1:{port}"
            ),
        )
    };
    let mut hosts = headers.get_all(header::HOST).iter();
    let (host, second) = (hosts.next(), hosts.next());
    let host = text(host);
    // A target with a host of its own counts instead of the header.
    let host = uri.authority().map_or(host, |authority| authority.as_str());
    if second.is_some() || !is_here(host, port) {
        return Err(refused("host", host));
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    if let Some(origin) = origins.find(|origin| {
        let origin = text(Some(*origin));
        !origin
            .strip_prefix("http://")
            .is_some_and(|host| is_here(host, port))
    }) {
        return Err(refused("origin", text(Some(origin))));
    }
    Ok(())
}

fn text(value: Option<&HeaderValue>) -> &str {
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn is_here(host: &str, port: u16) -> bool {
    let Some((name, given)) = host.rsplit_once(':') else {
        return false;
    };
    let is_number = given.bytes().all(|byte| byte.is_ascii_digit());
    ["127.0.0.1", "localhost", "[::1]"].contains(&name) && is_number && given.parse() == Ok(port)
}

fn check_content(method: &Method, headers: &HeaderMap) -> Result<(), Failure> {
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let kind = text(headers.get(header::CONTENT_TYPE));
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Failure::new(
        ErrorCode::Forbidden,
        "send commands with `Content-Type: application/json`",
    ))
}

fn admit(app: &App, headers: &HeaderMap) -> Result<Admitted, Failure> {
    let shown = text(headers.get(header::AUTHORIZATION));
    let (scheme, token) = shown.split_once(' ').unwrap_or_default();
    let admitted = scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| app.credentials.admit(token.trim()));
    admitted.flatten().ok_or_else(|| {
        Failure::new(
            ErrorCode::Unauthorized,
            "show the token that is in `daemon/token` of the home folder, or the credential that you were given when you joined, as \
             `Authorization: Bearer …`",
        )
    })
}
