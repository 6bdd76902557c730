//! A model that says what a test has written down: the Anthropic Messages API, as far as agent CLIs use it.
//!
//! It is strict: a request that nobody expected, one that the real API would refuse, and a turn that was never
//! played fail the test.

mod request;
mod script;
mod stream;
#[cfg(test)]
mod tests;
mod turn;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::State,
    http::{Request as HttpRequest, Response},
};
use tokio::sync::oneshot;

use self::script::Script;
pub(crate) use self::{
    request::Request,
    turn::{Turn, Usage},
};
use crate::common::eventually;

/// The longest request that is read, in bytes.
const MAX_REQUEST: usize = 64 << 20;

/// A server that plays a script. Dropping it checks that all went as written.
pub(crate) struct ModelServer {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ModelServer {
    /// For programs on this machine.
    pub(crate) fn start(turns: impl IntoIterator<Item = Turn>) -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST.into(), turns)
    }

    /// Plays `turns` one after the other at a free port of `host`.
    pub(crate) fn start_at(host: IpAddr, turns: impl IntoIterator<Item = Turn>) -> Self {
        // Bound here, so that it takes connections from now on.
        let listener = TcpListener::bind((host, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(Mutex::new(Script::new(turns)));
        let (stop, stopped) = oneshot::channel();
        let app = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&script));
        let thread = std::thread::spawn(move || serve(listener, app, stopped));
        Self {
            address,
            script,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// What goes into `ANTHROPIC_BASE_URL`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that was asked so far, in its order.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.script(|script| script.requests.clone())
    }

    /// Waits until this many requests have come.
    pub(crate) fn wait_for(&self, requests: usize) {
        eventually("the model is asked", || {
            self.script(|script| script.requests.len() >= requests)
        });
    }

    /// From now on, connections that are to be lost are. Whoever has not read what came before may never get to see it.
    pub(crate) fn cut(&self) {
        self.script(|script| script.cuts.send_replace(true));
    }

    fn script<T>(&self, read: impl FnOnce(&mut Script) -> T) -> T {
        read(&mut self.script.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Stops it, and says what was not as written; once.
    fn end(&mut self) -> Vec<String> {
        if let Some(stop) = self.stop.take() {
            // It may be gone already.
            stop.send(()).unwrap_or_default();
        }
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        self.script(Script::take_complaints)
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        let complaints = self.end();
        // Whatever else went wrong is the news.
        if !std::thread::panicking() {
            assert!(
                complaints.is_empty(),
                "the model complains: {complaints:#?}"
            );
        }
    }
}

fn serve(listener: TcpListener, app: Router, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        // Not gracefully: a stream that is held would never end.
        tokio::select! {
            ended = async { axum::serve(listener, app).await } => ended.unwrap(),
            _ = stopped => {}
        }
    });
}

async fn answer(
    State(script): State<Arc<Mutex<Script>>>,
    request: HttpRequest<Body>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_REQUEST).await.unwrap_or_default();
    let request = Request::new(&parts, &body);
    let mut script = script.lock().unwrap_or_else(PoisonError::into_inner);
    script.play(&request)
}
