//! Who is let in. There is no token here, so all the more: nothing but programs of this machine.
//!
//! A connection has to be of the same user ([`owner`](super::owner)). Those programs send no `Origin`, name this machine as the `Host`, and say that what they send is JSON. A page of a browser cannot do
//! all of that, wherever its name was made to point.

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::{
    answer::{error, json},
    connection::Witness,
};
use crate::server::gate::check_source;

pub(super) async fn check(
    State(port): State<u16>,
    ConnectInfo(witness): ConnectInfo<Witness>,
    request: Request,
    next: Next,
) -> Response {
    let (headers, method) = (request.headers(), request.method());
    let refused = check_source(headers, request.uri(), port)
        .map_err(|failure| failure.message)
        .and_then(|()| check_browser(headers))
        .and_then(|()| check_content(method, headers));
    match refused {
        Ok(()) if !witness.is_let_in().await => {
            let why = "only programs of the user whose daemon this is are let in";
            json(StatusCode::FORBIDDEN, &error(why)).into_response()
        }
        Ok(()) => next.run(request).await,
        Err(why) => json(StatusCode::FORBIDDEN, &error(&why)).into_response(),
    }
}

/// Not even a page of this daemon has anything to do here.
fn check_browser(headers: &HeaderMap) -> Result<(), String> {
    let from = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let is_page = from.is_some_and(|from| from != b"none" && from != b"same-origin");
    if headers.contains_key(header::ORIGIN) || is_page {
        return Err("pages of a browser are not let in".to_owned());
    }
    Ok(())
}

fn check_content(method: &Method, headers: &HeaderMap) -> Result<(), String> {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if method == Method::POST && !kind.eq_ignore_ascii_case("application/json") {
        return Err("send `Content-Type: application/json`".to_owned());
    }
    Ok(())
}
