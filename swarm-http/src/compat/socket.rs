//! What happens, told to a peer as it happens: frames go out, nothing comes in.
//!
//! Behind each message goes a ping with its number. The pong says that the program of the session has the message, and only then does
//! the next one go ([`pace`](super::pace)). What was sent and not answered comes again on the next connection. Frames have an `id`,
//! which is that of the message wherever it shows up.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{
        ConnectInfo, RawQuery, State, WebSocketUpgrade,
        ws::{
            CloseFrame, Message as Frame, Utf8Bytes, WebSocket,
            rejection::WebSocketUpgradeRejection,
        },
    },
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use swarm_peers::{MessageId, PeerId, Way, post};
use tokio::{
    sync::oneshot,
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};

use super::{
    Compat, answer::Refusal, connection::Witness, frames::shown, pace::Pace, sockets::Seat,
};
use crate::Caller;

/// How often the client is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(20);
/// After so long without a sign of it, the connection is closed.
const SILENCE: Duration = Duration::from_mins(1);
/// The largest frame that is taken, in bytes. Nothing is meant to come.
const MAX_FRAME: usize = 64 * 1024;
/// What is in a ping that asks whether the socket is alive.
const ALIVE: &[u8] = b"alive";

#[derive(Deserialize)]
struct Query {
    #[serde(default)]
    peer_id: String,
}

pub(super) async fn open(
    State(compat): State<Arc<Compat>>,
    ConnectInfo(witness): ConnectInfo<Witness>,
    RawQuery(query): RawQuery,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let query: Result<Query, _> = serde_urlencoded::from_str(&query.unwrap_or_default());
    let id = query.map(|query| query.peer_id).unwrap_or_default();
    if id.is_empty() {
        return (StatusCode::BAD_REQUEST, "Missing peer_id parameter").into_response();
    }
    let Ok(upgrade) = upgrade else {
        return (
            StatusCode::INTERNAL_SERVER_ERROR,
            "WebSocket upgrade failed",
        )
            .into_response();
    };
    let me = match compat.caller(&id).await {
        Ok(caller) => caller.peer(),
        Err(Refusal::Broken(why)) => {
            return (StatusCode::INTERNAL_SERVER_ERROR, why).into_response();
        }
        Err(Refusal::Foreign(why)) => return (StatusCode::FORBIDDEN, why).into_response(),
        Err(Refusal::Failed(failure)) => {
            return (StatusCode::FORBIDDEN, failure.message).into_response();
        }
    };
    let cwd = compat.app.ask({
        let me = me.clone();
        move |state| state.peer(&me).map(|peer| peer.identity.cwd.clone())
    });
    let cwd = match cwd.await {
        Ok(cwd) => cwd.unwrap_or_default(),
        Err(failure) => {
            return (StatusCode::INTERNAL_SERVER_ERROR, failure.message).into_response();
        }
    };
    let Some(seat) = compat.sockets.seat(&me, &cwd).await else {
        let why = format!("{me} is connected already");
        return (StatusCode::CONFLICT, why).into_response();
    };
    witness.becomes_socket();
    upgrade
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        .max_message_size(MAX_FRAME)
        .max_frame_size(MAX_FRAME)
        .on_upgrade(move |socket| {
            let under_way = compat.under_way.clone();
            let serving = Serving {
                compat,
                me,
                seat,
                handed: None,
                pace: Pace::default(),
                is_looked_up: false,
                asked: None,
                heard: Instant::now(),
            };
            under_way.track_future(serving.run(socket))
        })
}

struct Serving {
    compat: Arc<Compat>,
    me: PeerId,
    seat: Seat,
    /// What was sent, and of which it is not known yet whether it has come.
    handed: Option<MessageId>,
    pace: Pace,
    /// Whether their server looks up who has sent it.
    is_looked_up: bool,
    /// Who wants to know whether this socket is alive.
    asked: Option<oneshot::Sender<()>>,
    heard: Instant,
}

/// Why a socket ends.
enum End {
    /// The client is gone.
    Gone,
    /// It is told to go.
    Close(u16, &'static str),
}

impl Serving {
    async fn run(mut self, mut socket: WebSocket) {
        let end = self.serve(&mut socket).await;
        if let End::Close(code, reason) = end {
            let reason = Utf8Bytes::from_static(reason);
            let close = Frame::Close(Some(CloseFrame { code, reason }));
            // It is gone, or it hears this.
            drop(timeout(SILENCE, socket.send(close)).await);
        }
    }

    async fn serve(&mut self, socket: &mut WebSocket) -> End {
        let app = Arc::clone(&self.compat.app);
        let _connected = app.attendance.connect(&self.me);
        let mut bell = app.bells.listen(&self.me);
        let mut told = self.compat.listen();
        let mut pings = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stopping = app.stopping();
        let mut turn = std::pin::pin!(self.compat.turns.take(&self.me));
        let mut has_turn = None;
        loop {
            let step = tokio::select! {
                () = stopping.cancelled() => {
                    return End::Close(1001, "the daemon is ending; connect again");
                }
                () = self.seat.ends.cancelled() => return End::Close(1000, "this peer has left"),
                mine = &mut turn, if has_turn.is_none() => {
                    has_turn = Some(mine);
                    // There may be something from before.
                    bell.mark_changed();
                    Ok(())
                }
                frame = socket.recv() => match frame {
                    Some(Ok(Frame::Close(_)) | Err(_)) | None => return End::Gone,
                    Some(Ok(frame)) => {
                        self.heard = Instant::now();
                        app.note(&self.me, false);
                        match self.pong(&frame).await {
                            Some(true) => bell.mark_changed(),
                            Some(false) => return End::Close(1011, "what was taken could not be written down"),
                            None => {}
                        }
                        Ok(())
                    }
                },
                () = self.pace.over(&mut self.seat.lookups), if self.pace.is_waiting() => {
                    bell.mark_changed();
                    Ok(())
                }
                changed = bell.changed(), if has_turn.is_some() && self.handed.is_none() && !self.pace.is_waiting() => {
                    if changed.is_err() {
                        return End::Gone;
                    }
                    self.hand_out(socket).await
                }
                news = told.recv() => match news {
                    Ok(news) => send(socket, Frame::Text(news.as_ref().into())).await,
                    // Behind, or at the end: only comings and goings are missed.
                    Err(_) => Ok(()),
                },
                Some(asked) = self.seat.asked.recv() => {
                    self.asked = Some(asked);
                    send(socket, Frame::Ping(ALIVE.into())).await
                }
                _ = pings.tick() => {
                    if self.heard.elapsed() > SILENCE {
                        return End::Gone;
                    }
                    send(socket, Frame::Ping(axum::body::Bytes::new())).await
                }
            };
            if step.is_err() {
                return End::Gone;
            }
        }
    }

    /// Sends what comes next, if there is something, and a ping that asks for a receipt.
    async fn hand_out(&mut self, socket: &mut WebSocket) -> Result<(), Gone> {
        let me = self.me.clone();
        let next = self.compat.app.ask(move |state| {
            let mailbox = &state.peer(&me)?.mailbox;
            let message = mailbox.after(mailbox.seen()).next()?;
            let shown = shown(state, message);
            let frame = shown.frame(message.id.0, message.sent);
            Some((message.id, frame, shown.is_words()))
        });
        let Some((id, frame, is_words)) = next.await.map_err(|_| Gone)? else {
            return Ok(());
        };
        self.is_looked_up = is_words;
        self.pace.sent(*self.seat.lookups.borrow());
        send(socket, Frame::Text(frame.into())).await?;
        self.handed = Some(id);
        send(socket, Frame::Ping(id.to_string().into())).await
    }

    /// Takes a receipt; whether what it says is written down, if it says anything.
    async fn pong(&mut self, frame: &Frame) -> Option<bool> {
        let Frame::Pong(bytes) = frame else {
            return None;
        };
        if bytes.as_ref() == ALIVE {
            if let Some(asked) = self.asked.take() {
                // Who asked may have gone.
                let _ = asked.send(());
            }
            return None;
        }
        let up_to = self
            .handed
            .filter(|handed| bytes.as_ref() == handed.to_string().as_bytes())?;
        let way = Way::Push;
        let me = Caller::Peer(self.me.clone());
        let seen = post::Request::Seen { up_to, way };
        let done = self.compat.app.command(&me, seen, |_, _| ()).await;
        if let Err(failure) = &done {
            tracing::warn!(peer = %self.me, problem = %failure.message, "a receipt was not written down");
        }
        self.handed = None;
        if self.is_looked_up {
            self.pace.taken(*self.seat.lookups.borrow());
        }
        Some(done.is_ok())
    }
}

/// The client is gone, or takes nothing.
struct Gone;

async fn send(socket: &mut WebSocket, frame: Frame) -> Result<(), Gone> {
    match timeout(SILENCE, socket.send(frame)).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(Gone),
    }
}
