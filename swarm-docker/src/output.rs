//! From what an agent prints to the sink of its caller, one chunk at a time.
//!
//! There are two sources. The *live* one is exact and quick, but the engine holds the agent up while we are
//! slow, and when the agent ends it waits for us for two seconds only; then the rest is lost. The *log* of
//! the engine waits for ever. So output is taken live, and whenever that breaks off, or the sink is slow,
//! the log takes over where the live source was left.

use std::{io, time::Duration};

use futures_util::StreamExt as _;
use swarm_core::{
    artifacts::ArtifactClaim,
    refs::ImageStamp,
    runtime::{EgressDecision, OutputLimit, OutputSink, RuntimeError},
};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    engine::{Chunk, Chunks, Engine, LogPart, StreamError},
    rejoin::{Rejoin, Tally},
};

/// A sink that takes longer than this for one chunk is slow.
const SLOW_SINK: Duration = Duration::from_millis(250);
/// How long after the end of an agent the next chunk may take. The engine closes the live source before it
/// tells of the end, so this is time to read what is there already.
const DRAIN: Duration = Duration::from_secs(2);
/// More than an engine adds to a chunk in its log: its time, its stream, and to which line it belongs.
const PER_CHUNK: u64 = 128;

/// What the one who waits for the end of an agent tells the one who takes its output.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals {
    /// The agent has ended.
    pub(crate) ended: CancellationToken,
    /// A connection to the engine was cut. The agent goes on, but the end of a live source proves nothing.
    pub(crate) cut: CancellationToken,
}

/// The sink, how much has gone into it, and how much more may.
pub(crate) struct Output<'a> {
    sink: &'a mut dyn OutputSink,
    seen: Tally,
    limit: OutputLimit,
}

/// The log of a container.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log<'a> {
    /// The container.
    pub(crate) id: &'a str,
    /// How many bytes it has at least before the first of them are forgotten.
    pub(crate) size: Option<u64>,
}

/// Where output comes from at first.
pub(crate) enum Source {
    /// From the container, since before its start.
    Live(Chunks),
    /// From the log, because the container was started by another process.
    Log,
}

impl<'a> Output<'a> {
    pub(crate) fn new(sink: &'a mut dyn OutputSink, limit: OutputLimit) -> Self {
        Self {
            sink,
            seen: Tally::default(),
            limit,
        }
    }

    /// What the agent may print, and whether it has printed more.
    pub(crate) const fn limit(&self) -> &OutputLimit {
        &self.limit
    }

    /// Hands on what the agent tried to reach.
    pub(crate) async fn egress(
        &mut self,
        decisions: &[EgressDecision],
    ) -> Result<(), RuntimeError> {
        self.sink
            .egress(decisions)
            .await
            .map_err(RuntimeError::Output)
    }

    /// Hands on what the agent claims to have written.
    pub(crate) async fn artifacts(&mut self, claims: &[ArtifactClaim]) -> io::Result<()> {
        self.sink.artifacts(claims).await
    }

    /// Tells the sink which image the agent has started in.
    pub(crate) fn started_in(&mut self, image: ImageStamp) {
        self.sink.started_in(image);
    }

    /// Takes everything that the container of `log` prints. Returns when it has all of it, which needs to be told
    /// when the container has ended; or when it has as much as it may.
    pub(crate) async fn take_all(
        &mut self,
        engine: &Engine,
        log: Log<'_>,
        source: Source,
        signals: &Signals,
    ) -> Result<(), RuntimeError> {
        let ended = &signals.ended;
        let Log { id, size } = log;
        let whole = match source {
            Source::Live(chunks) => self.take_live(chunks, signals).await?,
            Source::Log => false,
        };
        if whole || self.is_full() {
            return Ok(());
        }
        let mut rejoin = Rejoin::after(self.seen);
        let following = self
            .take_log(&mut rejoin, engine.log(id, LogPart::AllToCome), size, ended)
            .await;
        if let Err(LogError::Sink(error)) = following {
            return Err(error);
        }
        if self.is_full() {
            return Ok(());
        }
        ended.cancelled().await;
        // Now the log is complete. Engines now and then lose the end of one that is followed; whether this
        // one did, its last chunk tells.
        let mut last = engine.log(id, LogPart::Last);
        let newest = last.next().await.transpose();
        let newest = newest.map_err(|StreamError(failure)| engine.lost(&failure))?;
        if newest.as_ref() == rejoin.last() {
            return Ok(());
        }
        let mut rejoin = Rejoin::after(self.seen);
        let whole = engine.log(id, LogPart::All);
        match self
            .take_log(&mut rejoin, whole, size, &CancellationToken::new())
            .await
        {
            Ok(()) => Ok(()),
            Err(LogError::Sink(error)) => Err(error),
            Err(LogError::Broken(StreamError(failure))) => Err(engine.lost(&failure)),
        }
    }

    fn is_full(&self) -> bool {
        self.limit.exceeded().is_cancelled()
    }

    /// Takes from the live source as long as that goes well. Returns whether it gave everything.
    async fn take_live(
        &mut self,
        mut chunks: Chunks,
        signals: &Signals,
    ) -> Result<bool, RuntimeError> {
        let Signals { ended, cut } = signals;
        loop {
            let chunk = tokio::select! {
                biased;
                chunk = chunks.next() => chunk,
                () = drained(ended) => return Ok(false),
            };
            match chunk {
                Some(Ok(chunk)) => {
                    let Chunk { stream, bytes } = &chunk;
                    let bytes = self.limit.take(bytes);
                    let mut write = self.sink.write(*stream, bytes);
                    let quick = timeout(SLOW_SINK, &mut write).await;
                    let slow = quick.is_err();
                    let written = if let Ok(written) = quick {
                        written
                    } else {
                        // Lets the engine, and with it the agent, go on.
                        chunks = Box::pin(futures_util::stream::empty());
                        (&mut write).await
                    };
                    drop(write);
                    written.map_err(RuntimeError::Output)?;
                    *self.seen.of(*stream) += bytes.len() as u64;
                    if slow || self.is_full() {
                        return Ok(false);
                    }
                }
                Some(Err(_)) => return Ok(false),
                // The engine closes it when all has been printed. It may tell of the end of the agent much later:
                // when it has sorted the lines of its log. A connection that is cut looks the same, but then
                // the one on which we wait for the end is cut as well.
                None => {
                    return Ok(tokio::select! {
                        biased;
                        () = cut.cancelled() => false,
                        () = ended.cancelled() => true,
                    });
                }
            }
        }
    }

    /// Takes what the log has and has not been seen, until its end, or until nothing more comes although the
    /// agent has ended. As soon as the log, as the engine counts, may have forgotten its beginning, that is too much.
    async fn take_log(
        &mut self,
        rejoin: &mut Rejoin,
        mut chunks: Chunks,
        size: Option<u64>,
        ended: &CancellationToken,
    ) -> Result<(), LogError> {
        let mut remembered = size.unwrap_or(u64::MAX);
        loop {
            let chunk = tokio::select! {
                biased;
                chunk = chunks.next() => chunk,
                () = drained(ended) => return Ok(()),
            };
            let chunk = match chunk {
                Some(Ok(chunk)) => chunk,
                Some(Err(error)) => return Err(LogError::Broken(error)),
                None => return Ok(()),
            };
            remembered = remembered.saturating_sub(PER_CHUNK + chunk.bytes.len() as u64);
            if remembered == 0 {
                self.limit.exceed();
            }
            for Chunk { stream, bytes } in rejoin.add(&chunk) {
                let bytes = self.limit.take(&bytes);
                if !bytes.is_empty() {
                    let written = self.sink.write(stream, bytes).await;
                    written.map_err(|error| LogError::Sink(RuntimeError::Output(error)))?;
                    *self.seen.of(stream) += bytes.len() as u64;
                }
            }
            if self.is_full() {
                return Ok(());
            }
        }
    }
}

/// Ends when the agent has ended and there was time to read what is there.
async fn drained(ended: &CancellationToken) {
    ended.cancelled().await;
    sleep(DRAIN).await;
}

/// Why a log was not taken to its end.
enum LogError {
    /// The engine did not give it.
    Broken(StreamError),
    /// The sink did not take it.
    Sink(RuntimeError),
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::{future::BoxFuture, stream};
    use swarm_core::runtime::{DEFAULT_MAX_OUTPUT, OutputStream};

    use super::*;
    use crate::engine::Failure;

    /// Takes this long for each chunk.
    #[derive(Default)]
    struct Slow(Duration, Vec<u8>);

    impl OutputSink for Slow {
        fn write<'a>(
            &'a mut self,
            _: OutputStream,
            chunk: &'a [u8],
        ) -> BoxFuture<'a, io::Result<()>> {
            Box::pin(async move {
                sleep(self.0).await;
                self.1.extend_from_slice(chunk);
                Ok(())
            })
        }
    }

    fn chunk(text: &'static str) -> Chunk {
        Chunk {
            stream: OutputStream::Stdout,
            bytes: Bytes::from_static(text.as_bytes()),
        }
    }

    async fn live(sink: &mut Slow, chunks: Vec<Result<Chunk, StreamError>>, cut: bool) -> bool {
        let signals = Signals::default();
        let mut output = Output::new(sink, OutputLimit::new(DEFAULT_MAX_OUTPUT));
        let chunks = Box::pin(stream::iter(chunks));
        let end = async {
            sleep(Duration::from_secs(5)).await;
            if cut {
                signals.cut.cancel();
                sleep(Duration::from_secs(5)).await;
            }
            signals.ended.cancel();
        };
        let (whole, ()) = tokio::join!(output.take_live(chunks, &signals), end);
        whole.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_live_source_that_ends_is_whole_however_late_the_end_of_its_agent_is_told() {
        let mut sink = Slow::default();
        assert!(live(&mut sink, vec![Ok(chunk("a")), Ok(chunk("b"))], false).await);
        assert_eq!(sink.1, b"ab");
    }

    #[tokio::test(start_paused = true)]
    async fn a_live_source_that_ends_is_not_whole_if_connections_were_cut() {
        let mut sink = Slow::default();
        assert!(!live(&mut sink, vec![Ok(chunk("a"))], true).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_live_source_is_not_whole() {
        let mut sink = Slow::default();
        let broken = Err(StreamError(Failure::TimedOut));
        assert!(!live(&mut sink, vec![Ok(chunk("a")), broken], false).await);
        assert_eq!(sink.1, b"a");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_sink_lets_go_of_the_live_source_but_keeps_its_chunk() {
        let mut sink = Slow(Duration::from_secs(5), Vec::new());
        assert!(!live(&mut sink, vec![Ok(chunk("a")), Ok(chunk("b"))], false).await);
        assert_eq!(sink.1, b"a");
    }

    #[tokio::test(start_paused = true)]
    async fn a_live_source_that_stays_open_after_the_end_is_given_up() {
        let signals = Signals::default();
        signals.ended.cancel();
        let mut sink = Slow::default();
        let mut output = Output::new(&mut sink, OutputLimit::new(DEFAULT_MAX_OUTPUT));
        let chunks = Box::pin(stream::iter([Ok(chunk("a"))]).chain(stream::pending()));
        assert!(!output.take_live(chunks, &signals).await.unwrap());
        assert_eq!(sink.1, b"a");
    }
}
