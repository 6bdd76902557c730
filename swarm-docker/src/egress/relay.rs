//! Hands one plain request on, and the answer back.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use hyper::{
    Request, Response, StatusCode, Uri,
    body::Incoming,
    client::conn::http1,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet};

use super::target::Target;

/// What concerns one connection only, and never goes further. The framing of bodies is among it: it is made anew, so that
/// nobody can hide one request in another.
const ONE_HOP: [&str; 11] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
    "http2-settings",
];
/// The longest head of an answer, in bytes.
const LONGEST_HEAD: usize = 64 << 10;

/// Sends `request` over `server`. `tasks` lives as long as the answer is read.
pub(super) async fn relay(
    mut request: Request<Incoming>,
    target: &Target,
    server: TcpStream,
    tasks: &Arc<Mutex<JoinSet<()>>>,
) -> io::Result<Response<Incoming>> {
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(LONGEST_HEAD)
        .handshake(TokioIo::new(server))
        .await
        .map_err(io::Error::other)?;
    tasks
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .spawn(async move { drop(connection.await) });

    remove_one_hop(request.headers_mut());
    request.headers_mut().remove(header::CONTENT_LENGTH);
    let host = match target.port {
        80 => target.host.to_string(),
        port => format!("{}:{port}", target.host),
    };
    let host = HeaderValue::try_from(host).map_err(io::Error::other)?;
    request.headers_mut().insert(header::HOST, host);
    let path = request.uri().path_and_query();
    let path = path.map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse::<Uri>().map_err(io::Error::other)?;
    *request.version_mut() = hyper::Version::HTTP_11;

    let mut answer = sender
        .send_request(request)
        .await
        .map_err(io::Error::other)?;
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Err(io::Error::other("the server changes the protocol unasked"));
    }
    remove_one_hop(answer.headers_mut());
    *answer.version_mut() = hyper::Version::HTTP_11;
    Ok(answer)
}

/// Removes the headers for one connection, and those that `Connection` names.
fn remove_one_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in ONE_HOP {
        headers.remove(name);
    }
}
