//! Whether a client has taken an answer.
//!
//! There is no word for that in the protocol, but the connection knows. A client that sends another request has read the answer to the
//! one before. One that closes has read everything, or else the system says so: what is closed with something unread in it is reset.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OnceCell, oneshot},
    task::spawn_blocking,
    time::{Sleep, sleep},
};

use super::owner::is_let_in;

/// A connection on which nothing has come for so long after an answer is closed: then it is known what became of the answer.
const IDLE: Duration = Duration::from_secs(10);
/// How long a client may take to close its end as well.
const LINGER: Duration = Duration::from_secs(2);

/// A listener whose connections tell what was taken.
pub(super) struct Listening(pub(super) TcpListener);

impl Listener for Listening {
    type Io = Watched;
    type Addr = Witness;

    async fn accept(&mut self) -> (Watched, Witness) {
        let (stream, client) = Listener::accept(&mut self.0).await;
        // Small answers and frames are not to wait for each other. If it fails, they do.
        drop(stream.set_nodelay(true));
        let witness = Witness {
            ends: stream.local_addr().ok().map(|server| (client, server)),
            ..Witness::default()
        };
        let watched = Watched {
            stream,
            witness: witness.clone(),
            answered: false,
            idle: None,
            lingers: None,
        };
        (watched, witness)
    }

    fn local_addr(&self) -> io::Result<Witness> {
        Ok(Witness::default())
    }
}

impl Connected<IncomingStream<'_, Listening>> for Witness {
    fn connect_info(stream: IncomingStream<'_, Listening>) -> Self {
        stream.remote_addr().clone()
    }
}

/// Knows what becomes of the answers on one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Witness {
    waiting: Arc<Mutex<Waiting>>,
    /// Where the client is, and where it has come to.
    ends: Option<(SocketAddr, SocketAddr)>,
    let_in: Arc<OnceCell<bool>>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Who wants to know of the last answer.
    answers: Vec<oneshot::Sender<bool>>,
    is_socket: bool,
}

impl Witness {
    /// Whether the program at the other end may come in. Asked once for each connection.
    pub(super) async fn is_let_in(&self) -> bool {
        let ask = async {
            let Some((client, server)) = self.ends else {
                return false;
            };
            let asked = spawn_blocking(move || is_let_in(client, server));
            asked.await.unwrap_or(false)
        };
        *self.let_in.get_or_init(|| ask).await
    }

    /// Says whether the client has taken the answer to the request that is under way; an error means that nobody will know.
    pub(super) fn taken(&self) -> oneshot::Receiver<bool> {
        let (sender, taken) = oneshot::channel();
        self.waiting(|waiting| waiting.answers.push(sender));
        taken
    }

    /// There are no more answers on it, and it may be silent.
    pub(super) fn becomes_socket(&self) {
        self.waiting(|waiting| waiting.is_socket = true);
    }

    fn settle(&self, taken: bool) {
        let answers = self.waiting(|waiting| std::mem::take(&mut waiting.answers));
        for answer in answers {
            // Who no longer waits does not want to know.
            let _ = answer.send(taken);
        }
    }

    fn waiting<T>(&self, work: impl FnOnce(&mut Waiting) -> T) -> T {
        work(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A connection that is watched.
pub(super) struct Watched {
    stream: TcpStream,
    witness: Witness,
    /// Whether something was written since something was read.
    answered: bool,
    idle: Option<Pin<Box<Sleep>>>,
    lingers: Option<Pin<Box<Sleep>>>,
}

impl Watched {
    /// Something has come, or the end.
    fn heard(&mut self, bytes: usize) {
        if bytes > 0 {
            if self.answered {
                self.witness.settle(true);
            }
            self.answered = false;
            self.idle = None;
        } else {
            // It may have closed just before the answer came: that is an end without an error, and then an error.
            let is_whole = matches!(self.stream.take_error(), Ok(None));
            self.witness.settle(self.answered && is_whole);
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let has_room = buffer.remaining() > 0;
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) => {
                let bytes = buffer.filled().len() - before;
                if has_room {
                    self.heard(bytes);
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => {
                self.witness.settle(false);
                Poll::Ready(Err(error))
            }
            Poll::Pending => {
                if self.answered && !self.witness.waiting(|waiting| waiting.is_socket) {
                    let idle = self.idle.get_or_insert_with(|| Box::pin(sleep(IDLE)));
                    // As if the client had closed it.
                    return idle.as_mut().poll(cx).map(Ok);
                }
                Poll::Pending
            }
        }
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes));
        if written.is_ok() {
            self.answered = true;
            if !self.witness.waiting(|waiting| waiting.is_socket) {
                // Who reads was told before that there is nothing yet, and does not ask again by itself: the timer makes it.
                let mut idle = Box::pin(sleep(IDLE));
                let _ = idle.as_mut().poll(cx);
                self.idle = Some(idle);
            }
        }
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Closes this end, and waits a little for what the client does with the other: that tells whether it has read the answer.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingers.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.lingers = Some(Box::pin(sleep(LINGER)));
        }
        let mut scratch = [0; 512];
        while self.witness.waiting(|waiting| !waiting.answers.is_empty()) {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) => {
                    let bytes = buffer.filled().len();
                    self.heard(bytes);
                }
                Poll::Ready(Err(_)) => self.witness.settle(false),
                Poll::Pending => {
                    let is_over = match &mut self.lingers {
                        Some(lingers) => lingers.as_mut().poll(cx).is_ready(),
                        None => true,
                    };
                    if is_over {
                        break;
                    }
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.witness.settle(false);
    }
}
