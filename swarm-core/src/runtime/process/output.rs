//! What an agent prints, on its way to the sink.

use std::{future::pending, io, os::fd::AsFd, time::Duration};

use rustix::io::{Errno, ioctl_fionread, read};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::{ChildStderr, ChildStdout},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use crate::runtime::{OutputLimit, OutputSink, OutputStream};

/// What is read at once; a pipe of Linux holds as much.
const CHUNK: usize = 64 * 1024;
/// How long after the end of an agent its pipes may stay open. Killed processes close theirs within this.
const LINGER: Duration = Duration::from_millis(200);

/// Both outputs of one agent.
#[derive(Debug)]
pub(super) struct Output {
    stdout: Pipe<ChildStdout>,
    stderr: Pipe<ChildStderr>,
}

impl Output {
    pub(super) fn new(stdout: Option<ChildStdout>, stderr: Option<ChildStderr>) -> Self {
        Self {
            stdout: Pipe::new(stdout, OutputStream::Stdout),
            stderr: Pipe::new(stderr, OutputStream::Stderr),
        }
    }

    /// Hands everything to `sink`, until nobody holds the other ends any more, or the agent has `ended`.
    ///
    /// What had been printed by then is handed on completely, up to `limit`; the rest is read and thrown away, so that whoever is
    /// asked to end is not held up. What an escaped process prints later is not.
    pub(super) async fn pass_on(
        &mut self,
        sink: &mut dyn OutputSink,
        limit: &mut OutputLimit,
        ended: &CancellationToken,
    ) -> io::Result<()> {
        let mut kept = Kept { sink, limit };
        self.until(&mut kept, ended.cancelled()).await?;
        if !self.is_closed() {
            self.stdout.empty(&mut kept).await?;
            self.stderr.empty(&mut kept).await?;
            self.until(&mut kept, sleep(LINGER)).await?;
        }
        Ok(())
    }

    /// Whether no process is left that could print.
    pub(super) fn is_closed(&self) -> bool {
        self.stdout.reader.is_none() && self.stderr.reader.is_none()
    }

    async fn until(
        &mut self,
        kept: &mut Kept<'_>,
        limit: impl Future<Output = ()>,
    ) -> io::Result<()> {
        tokio::pin!(limit);
        while !self.is_closed() {
            tokio::select! {
                // First, or a process that never stops printing would be listened to for ever.
                biased;
                () = &mut limit => break,
                filled = self.fill_one() => match filled? {
                    (OutputStream::Stdout, read) => self.stdout.hand_over(read, kept).await?,
                    (OutputStream::Stderr, read) => self.stderr.hand_over(read, kept).await?,
                },
            }
        }
        Ok(())
    }

    /// Waits for a chunk of either, neither of which can keep the other waiting.
    async fn fill_one(&mut self) -> io::Result<(OutputStream, usize)> {
        tokio::select! {
            read = self.stdout.fill() => Ok((OutputStream::Stdout, read?)),
            read = self.stderr.fill() => Ok((OutputStream::Stderr, read?)),
        }
    }
}

/// The sink, and how much may go into it.
struct Kept<'a> {
    sink: &'a mut dyn OutputSink,
    limit: &'a mut OutputLimit,
}

impl Kept<'_> {
    async fn write(&mut self, stream: OutputStream, chunk: &[u8]) -> io::Result<()> {
        match self.limit.take(chunk) {
            [] => Ok(()),
            kept => self.sink.write(stream, kept).await,
        }
    }
}

#[derive(Debug)]
struct Pipe<R> {
    /// `None` once its end was reached.
    reader: Option<R>,
    stream: OutputStream,
    chunk: Vec<u8>,
}

impl<R: AsyncRead + AsFd + Unpin> Pipe<R> {
    fn new(reader: Option<R>, stream: OutputStream) -> Self {
        Self {
            reader,
            stream,
            chunk: Vec::new(),
        }
    }

    /// Waits for a chunk; for ever once the end was reached. Loses nothing if it is dropped.
    async fn fill(&mut self) -> io::Result<usize> {
        let Some(reader) = &mut self.reader else {
            return pending().await;
        };
        self.chunk.resize(CHUNK, 0);
        reader.read(&mut self.chunk).await
    }

    async fn hand_over(&mut self, read: usize, kept: &mut Kept<'_>) -> io::Result<()> {
        if read == 0 {
            self.reader = None;
            return Ok(());
        }
        match self.chunk.get(..read) {
            Some(chunk) => kept.write(self.stream, chunk).await,
            None => Ok(()),
        }
    }

    /// Hands over what is in the pipe now, without waiting for anything to arrive.
    async fn empty(&mut self, kept: &mut Kept<'_>) -> io::Result<()> {
        // As much and no more: an escaped process may be filling it as fast as we read.
        let mut left = match &self.reader {
            Some(reader) => ioctl_fionread(reader)?,
            None => return Ok(()),
        };
        while left > 0 {
            let Some(reader) = &self.reader else { break };
            self.chunk.resize(CHUNK, 0);
            match read(reader, &mut self.chunk) {
                Ok(count) => {
                    self.hand_over(count, kept).await?;
                    left = left.saturating_sub(count as u64);
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
