//! One connection for everything: calls go in, answers and messages come out.
//!
//! A client sends `{"id": 1, "call": "messages/send", "with": {…}}` and gets `{"id": 1, "answer": {…}}` or `{"id": 1, "error": {…}}`.
//! Calls are begun in the order in which they come, and many may be under way; answers come as they are ready. Messages for the peer
//! whose connection it is come as `{"message": {…}}`, in their order, from what the session has seen last. The client says
//! `inbox/injected` or `inbox/seen` for them: until then no more than [`WINDOW`] are sent. What was not seen comes again after a
//! reconnection; who has shown it already knows it by its number.

use std::{sync::Arc, task::Poll, time::Duration};

use axum::{
    Extension,
    extract::{
        State, WebSocketUpgrade,
        ws::{CloseFrame, Message as Frame, Utf8Bytes, WebSocket},
    },
    response::Response,
};
use futures_util::{StreamExt as _, poll, stream::FuturesUnordered};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use swarm_core::error_code::ErrorCode;
use swarm_peers::{MessageId, PeerId};
use tokio::task::unconstrained;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_util::task::TaskTracker;

use crate::{
    App, Failure, Operation as _,
    caller::Admitted,
    failure::ProblemDetail,
    operations::{self, Input, inbox},
};

/// Messages that are sent without one of them being confirmed.
const WINDOW: usize = 64;
/// Calls that are under way at once; who sends more waits.
const CALLS: usize = 256;
/// The largest frame that is taken, in bytes.
const MAX_FRAME: usize = 2 * 1024 * 1024;
/// How often the client is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(20);
/// After so long without a sign of it, the connection is closed.
const SILENCE: Duration = Duration::from_mins(1);

/// What a client sends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    /// Comes back with the answer.
    id: u64,
    /// The name of an operation.
    call: String,
    /// The request; absent for none.
    #[serde(default)]
    with: Option<Box<RawValue>>,
}

/// What a client gets.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Out<'a> {
    Answer {
        id: u64,
        answer: &'a RawValue,
    },
    Error {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        error: ProblemDetail,
    },
    Message {
        message: &'a inbox::Delivered,
    },
}

pub(super) async fn open(
    State(app): State<Arc<App>>,
    Extension(admitted): Extension<Admitted>,
    Extension(sockets): Extension<TaskTracker>,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade
        // 10,000 sessions may be connected: the usual 128 KiB for each would be much.
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        .max_message_size(MAX_FRAME)
        .max_frame_size(MAX_FRAME)
        .on_upgrade(move |socket| {
            let serving = Serving::new(app, admitted);
            sockets.track_future(serving.run(socket))
        })
}

struct Serving {
    app: Arc<App>,
    admitted: Admitted,
    me: PeerId,
    /// The last message that was handed over on this connection; before the first, what the session had seen counts.
    ///
    /// Not what a program of it had taken: that program may be dead, and a session that sees a later message counts as having seen
    /// all before it.
    sent: Option<MessageId>,
    /// The last message that was confirmed on this connection.
    confirmed: MessageId,
    heard: Instant,
}

impl Serving {
    fn new(app: Arc<App>, admitted: Admitted) -> Self {
        Self {
            me: admitted.caller.peer(),
            sent: None,
            confirmed: MessageId::default(),
            heard: Instant::now(),
            app,
            admitted,
        }
    }

    async fn run(mut self, mut socket: WebSocket) {
        let connected = self.app.attendance.connect(&self.me);
        let mut bell = self.app.bells.listen(&self.me);
        let mut calls = FuturesUnordered::new();
        let mut pings = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stopping = self.app.stopping();
        let revoked = self.admitted.revoked.clone();
        bell.mark_changed();
        let ending = loop {
            let is_there = tokio::select! {
                () = stopping.cancelled() => break Ending::Stopping,
                () = revoked.cancelled() => break Ending::Revoked,
                Some(answered) = calls.next() => {
                    if self.note(&answered) {
                        // There may be room for more messages now.
                        bell.mark_changed();
                    }
                    say(&mut socket, answered.frame).await
                }
                frame = socket.recv(), if calls.len() < CALLS => match frame {
                    Some(Ok(frame)) => {
                        self.heard = Instant::now();
                        self.app.note(&self.me, false);
                        match self.frame(frame) {
                            Taken::Call(call) => {
                                // Unconstrained: a task that has done much is made to pause otherwise, and then it would not be begun.
                                let mut call = Box::pin(unconstrained(call));
                                // Begun here and now, before the next one is: else they could overtake each other.
                                match poll!(&mut call) {
                                    Poll::Ready(answered) => {
                                        if self.note(&answered) {
                                            bell.mark_changed();
                                        }
                                        say(&mut socket, answered.frame).await
                                    }
                                    Poll::Pending => {
                                        calls.push(call);
                                        true
                                    }
                                }
                            }
                            Taken::Answer(frame) => say(&mut socket, frame).await,
                            Taken::Nothing => true,
                            Taken::End => break Ending::Gone,
                        }
                    }
                    Some(Err(_)) | None => break Ending::Gone,
                },
                changed = bell.changed() => match changed {
                    Ok(()) => match self.messages(&mut socket).await {
                        Ok(is_there) => is_there,
                        Err(ending) => break ending,
                    },
                    Err(_) => break Ending::Stopping,
                },
                _ = pings.tick() => {
                    self.heard.elapsed() <= SILENCE
                        && say(&mut socket, Frame::Ping(axum::body::Bytes::new())).await
                }
            };
            if !is_there {
                break Ending::Gone;
            }
        };
        if let Some((code, reason)) = ending.close() {
            // What was begun is answered; questions have ended by themselves.
            while let Some(answered) = calls.next().await {
                if !say(&mut socket, answered.frame).await {
                    return;
                }
            }
            let reason = Utf8Bytes::from_static(reason);
            let close = Frame::Close(Some(CloseFrame { code, reason }));
            say(&mut socket, close).await;
        }
        drop(connected);
    }

    /// Whether a call that is done makes room for more messages.
    fn note(&mut self, answered: &Answered) -> bool {
        if let Some(up_to) = answered.confirms {
            self.confirmed = self.confirmed.max(up_to);
        }
        answered.confirms.is_some()
    }

    /// Sends what has come for the peer, as far as there is room; whether the client is still there.
    async fn messages(&mut self, socket: &mut WebSocket) -> Result<bool, Ending> {
        let (me, sent, confirmed) = (self.me.clone(), self.sent, self.confirmed);
        let found = self.app.ask(move |state| {
            let mailbox = &state.peer(&me)?.mailbox;
            let sent = sent.unwrap_or_else(|| mailbox.seen());
            let under_way = mailbox.after(confirmed.max(mailbox.seen()));
            let under_way = under_way.take_while(|message| message.id <= sent).count();
            let room = WINDOW.saturating_sub(under_way);
            inbox::waiting(state, &me, Some(sent), room)
        });
        let found = found.await.map_err(|failure| {
            tracing::warn!(code = %failure.code, problem = %failure.message, "a mailbox could not be read");
            Ending::Failed
        })?;
        let found = found.ok_or(Ending::Revoked)?;
        for message in &found.messages {
            if !say(socket, write(&Out::Message { message })).await {
                return Ok(false);
            }
            self.sent = Some(message.message.id);
        }
        Ok(true)
    }

    fn frame(&self, frame: Frame) -> Taken<impl Future<Output = Answered> + Send + use<>> {
        let text = match frame {
            Frame::Text(text) => text,
            Frame::Close(_) => return Taken::End,
            Frame::Ping(_) | Frame::Pong(_) => return Taken::Nothing,
            Frame::Binary(_) => return Taken::Answer(refusal(None, &not_a_call("it is binary"))),
        };
        let call: Call = match serde_json::from_str(&text) {
            Ok(call) => call,
            Err(error) => return Taken::Answer(refusal(None, &not_a_call(&error.to_string()))),
        };
        let Some(entry) = operations::find(&call.call) else {
            let name: String = call.call.chars().take(80).collect();
            let failure = Failure::new(
                ErrorCode::NotFound,
                format!("there is no operation {name:?}; /v1/openapi.json shows which there are"),
            );
            return Taken::Answer(refusal(Some(call.id), &failure));
        };
        let with = call
            .with
            .map_or_else(|| "{}".into(), |with| String::from(Box::<str>::from(with)));
        let confirms = [inbox::Injected::NAME, inbox::Seen::NAME].contains(&entry.name);
        let up_to = confirms.then(|| serde_json::from_str::<UpTo>(&with).ok());
        let work = (entry.run)(
            Arc::clone(&self.app),
            self.admitted.clone(),
            Input::Json(with.into()),
        );
        let id = call.id;
        Taken::Call(async move {
            let answer = work.await.and_then(|bytes| {
                let text = String::from_utf8(bytes).map_err(|e| e.to_string());
                text.and_then(|text| RawValue::from_string(text).map_err(|e| e.to_string()))
                    .map_err(|problem| Failure::new(ErrorCode::Internal, problem))
            });
            let frame = match answer {
                Ok(answer) => write(&Out::Answer {
                    id,
                    answer: &answer,
                }),
                Err(failure) => {
                    return Answered {
                        frame: refusal(Some(id), &failure),
                        confirms: None,
                    };
                }
            };
            Answered {
                frame,
                confirms: up_to.flatten().map(|confirmed| confirmed.up_to),
            }
        })
    }
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug)]
enum Ending {
    /// The client has closed it, or does not listen.
    Gone,
    /// The daemon is to end.
    Stopping,
    /// What the client has shown no longer counts.
    Revoked,
    /// What waits cannot be read.
    Failed,
}

impl Ending {
    /// What the client is told, with the code for it (RFC 6455, section 7.4.1).
    const fn close(self) -> Option<(u16, &'static str)> {
        match self {
            Self::Gone => None,
            Self::Stopping => Some((1001, "the daemon is ending; connect again")),
            Self::Revoked => Some((1008, "this credential no longer counts; join again")),
            Self::Failed => Some((1011, "what waits for you cannot be read now; connect again")),
        }
    }
}

/// Whether the client takes `frame`, and soon enough.
async fn say(socket: &mut WebSocket, frame: Frame) -> bool {
    matches!(timeout(SILENCE, socket.send(frame)).await, Ok(Ok(())))
}

/// What a confirmation says.
#[derive(Deserialize)]
struct UpTo {
    up_to: MessageId,
}

/// A call that is done.
struct Answered {
    frame: Frame,
    /// Up to where it said that messages were taken.
    confirms: Option<MessageId>,
}

/// What became of a frame.
enum Taken<F> {
    Call(F),
    Answer(Frame),
    Nothing,
    End,
}

fn not_a_call(problem: &str) -> Failure {
    Failure::new(
        ErrorCode::InvalidInput,
        format!(r#"send {{"id": 1, "call": "messages/send", "with": {{…}}}} as text: {problem}"#),
    )
}

fn refusal(id: Option<u64>, failure: &Failure) -> Frame {
    let error = failure.problem().error;
    write(&Out::Error { id, error })
}

fn write(out: &Out<'_>) -> Frame {
    // Only numbers, texts and what was JSON before are in it.
    Frame::Text(serde_json::to_string(out).unwrap_or_default().into())
}
