//! A stream that knows when it was last used.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, sleep_until},
};

/// When bytes last went through a stream.
#[derive(Clone, Debug)]
pub(super) struct Activity(Arc<Mutex<Instant>>);

/// A stream whose use is seen.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    activity: Activity,
}

/// Watches `stream` from now on.
pub(super) fn watched<S>(stream: S) -> (Watched<S>, Activity) {
    let activity = Activity(Arc::new(Mutex::new(Instant::now())));
    let watched = Watched {
        stream,
        activity: activity.clone(),
    };
    (watched, activity)
}

impl Activity {
    /// Returns when nothing has happened for this long.
    pub(super) async fn ceased(&self, idle: Duration) {
        loop {
            let end = *self.0.lock().unwrap_or_else(PoisonError::into_inner) + idle;
            if end <= Instant::now() {
                return;
            }
            sleep_until(end).await;
        }
    }

    fn happens(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, into);
        if into.filled().len() > before {
            self.activity.happens();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.activity.happens();
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn every_byte_puts_the_end_off() {
        let (mut ours, mut theirs) = tokio::io::duplex(64);
        let (mut stream, activity) = watched(&mut ours);
        let start = Instant::now();
        let minute = Duration::from_mins(1);
        tokio::time::advance(minute / 2).await;
        theirs.write_all(b"x").await.unwrap();
        stream.read_u8().await.unwrap();
        tokio::time::advance(minute / 2).await;
        stream.write_all(b"y").await.unwrap();
        activity.ceased(minute).await;
        assert_eq!(start.elapsed(), 2 * minute);
    }
}
