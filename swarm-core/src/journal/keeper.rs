//! The one who owns the state of a part of the domain: every command is decided, recorded and applied here, one after the other.
//!
//! What has come in while the last commit was under way is decided together and committed at once (group commit). Nobody is answered
//! before the commit, and nobody is shown what is not committed.

mod loading;
mod snapshots;

use std::{fmt, sync::Arc};

use loading::Loaded;
use serde::{Serialize, de::DeserializeOwned};
use snapshots::Snapshots;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use super::{LogError, NewEvent, Sequence, SnapshotLog, StreamId};
use crate::{
    decider::Decider,
    error_code::{Coded, ErrorCode},
    time::{Clock, Timestamp},
};

/// Commands and questions that are decided together at most.
const MAX_BATCH: usize = 512;
/// Commands and questions that may wait; whoever comes after that waits before the queue.
const QUEUE: usize = 1024;

/// A part of the domain whose events are kept.
pub trait Journaled:
    Decider<
        State: Clone + Serialize + DeserializeOwned + Send + 'static,
        Event: Serialize + DeserializeOwned + Send + 'static,
        Command: Send + 'static,
        Rejection: Send + 'static,
    > + Send
    + 'static
{
    /// The name of its stream.
    const STREAM: &'static str;
    /// The version of the shape of its events.
    const EVENT_VERSION: u32;
    /// The version of the shape of its state.
    const STATE_VERSION: u32;

    /// What kind of event it is.
    fn kind(event: &Self::Event) -> &'static str;

    /// An event as it was written under `version`, which is not later than [`EVENT_VERSION`](Self::EVENT_VERSION).
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    fn read_event(version: u32, data: &str) -> Result<Self::Event, String> {
        let _ = version;
        serde_json::from_str(data).map_err(|error| error.to_string())
    }

    /// A state as it was written under `version`, which is not later than [`STATE_VERSION`](Self::STATE_VERSION).
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    fn read_state(version: u32, data: &str) -> Result<Self::State, String> {
        let _ = version;
        serde_json::from_str(data).map_err(|error| error.to_string())
    }
}

/// Why a command did not happen.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refused<R> {
    /// It is not acceptable.
    #[error(transparent)]
    Rejected(R),
    /// What happened could not be kept, so it has not happened; or what is known could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl<R: Coded> Coded for Refused<R> {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Rejected(rejection) => rejection.code(),
            Self::Log(error) => error.code(),
        }
    }
}

type Decided<'a, D> = (&'a <D as Decider>::State, &'a [<D as Decider>::Event]);
type Outcome<'a, D> = Result<Decided<'a, D>, Refused<<D as Decider>::Rejection>>;
type Answer<D> = Box<dyn FnOnce(Outcome<'_, D>) + Send>;
type Question<D> = Box<dyn FnOnce(Result<&<D as Decider>::State, LogError>) + Send>;

enum Ask<D: Decider> {
    Command(D::Command, Answer<D>),
    Question(Question<D>),
}

/// The way to the [`Keeper`]. Cheap to clone.
pub struct Journal<D: Decider> {
    asks: mpsc::Sender<Ask<D>>,
}

impl<D: Decider> Clone for Journal<D> {
    fn clone(&self) -> Self {
        Self {
            asks: self.asks.clone(),
        }
    }
}

impl<D: Decider> fmt::Debug for Journal<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").finish_non_exhaustive()
    }
}

impl<D: Journaled> Journal<D> {
    /// Has `command` decided and, if it is acceptable, recorded. What `answer` makes of the state and of the events that the command
    /// led to comes back once they are durable. The state may have later events in it as well.
    ///
    /// If this future is dropped, the command may or may not happen.
    ///
    /// # Errors
    ///
    /// [`Refused`]; then nothing has happened.
    pub async fn execute<T: Send + 'static>(
        &self,
        command: D::Command,
        answer: impl FnOnce(&D::State, &[D::Event]) -> T + Send + 'static,
    ) -> Result<T, Refused<D::Rejection>> {
        let (sender, answered) = oneshot::channel();
        let answer = move |outcome: Outcome<'_, D>| {
            // Who no longer waits does not need the answer.
            drop(sender.send(outcome.map(|(state, events)| answer(state, events))));
        };
        let ask = Ask::Command(command, Box::new(answer));
        self.asks.send(ask).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }

    /// What `question` makes of the state, as it is recorded.
    ///
    /// # Errors
    ///
    /// [`LogError`] if the state is not known, since the log cannot be read.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&D::State) -> T + Send + 'static,
    ) -> Result<T, LogError> {
        let (sender, answered) = oneshot::channel();
        let question = move |state: Result<&D::State, LogError>| {
            drop(sender.send(state.map(question)));
        };
        let ask = Ask::Question(Box::new(question));
        self.asks.send(ask).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }
}

fn closed() -> LogError {
    LogError::Failed {
        doing: "write to",
        path: "of this process".to_owned(),
        problem: "it is being closed; try again once `swarm serve` runs again".to_owned(),
    }
}

/// Owns the state. Ends when every [`Journal`] that leads to it is gone, after it has kept a snapshot.
pub struct Keeper<D: Journaled> {
    decider: D,
    log: Arc<dyn SnapshotLog>,
    stream: StreamId,
    clock: Arc<dyn Clock>,
    asks: mpsc::Receiver<Ask<D>>,
    /// `None` once an append has failed: what had been applied of it is not true.
    known: Option<Loaded<D>>,
    snapshots: Snapshots,
}

impl<D: Journaled> fmt::Debug for Keeper<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper")
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}

/// One that waits for the commit.
enum Waiting<D: Decider> {
    /// With where its events begin and end in the batch.
    Command(Answer<D>, Result<(usize, usize), D::Rejection>),
    Question(Question<D>),
}

impl<D: Journaled> Keeper<D> {
    /// Reads what is known from `log`. The keeper does nothing until it is [run](Self::run).
    ///
    /// # Errors
    ///
    /// [`LogError`] if that cannot be read.
    pub async fn open(
        decider: D,
        log: Arc<dyn SnapshotLog>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Journal<D>, Self), LogError> {
        let stream = StreamId::domain(D::STREAM);
        let loaded = Loaded::read(&*log, &stream).await?;
        let (sender, asks) = mpsc::channel(QUEUE);
        let keeper = Self {
            decider,
            snapshots: Snapshots::new(loaded.snapshot),
            log,
            stream,
            clock,
            asks,
            known: Some(loaded),
        };
        Ok((Journal { asks: sender }, keeper))
    }

    /// What is known before anything is asked, and the place of the last event.
    pub fn known(&self) -> Option<(&D::State, Sequence)> {
        let known = self.known.as_ref()?;
        Some((&known.state, known.last))
    }

    /// Answers until nobody can ask any more.
    ///
    /// `committed` is told of each commit before anybody is answered: the place of its first event, and its events in their order. It is
    /// called between commits, so it must be quick and must not block.
    pub async fn run(mut self, mut committed: impl FnMut(Sequence, &[D::Event]) + Send) {
        let mut batch = Vec::with_capacity(MAX_BATCH);
        while self.asks.recv_many(&mut batch, MAX_BATCH).await > 0 {
            self.answer(batch.drain(..), &mut committed).await;
        }
        if let Some(known) = &self.known {
            self.snapshots
                .keep_last(&*self.log, &self.stream, known)
                .await;
        }
    }

    async fn answer(
        &mut self,
        batch: impl Iterator<Item = Ask<D>>,
        committed: &mut (impl FnMut(Sequence, &[D::Event]) + Send),
    ) {
        if self.known.is_none() {
            match Loaded::read(&*self.log, &self.stream).await {
                Ok(loaded) => self.known = Some(loaded),
                Err(error) => return batch.for_each(|ask| refuse(ask, &error)),
            }
        }
        let Some(known) = &mut self.known else { return };
        let now = self.clock.now();
        let mut events = Vec::new();
        let mut waiting = Vec::new();
        for ask in batch {
            match ask {
                Ask::Question(question) => waiting.push(Waiting::Question(question)),
                Ask::Command(command, answer) => {
                    let decided = self.decider.decide(&known.state, &command, now);
                    let range = decided.map(|new| {
                        let start = events.len();
                        for event in &new {
                            D::evolve(&mut known.state, event, now);
                        }
                        events.extend(new);
                        (start, events.len())
                    });
                    waiting.push(Waiting::Command(answer, range));
                }
            }
        }
        let last = match append::<D>(&*self.log, &self.stream, &events, now).await {
            Ok(last) => last,
            Err(error) => {
                self.known = None;
                return self.refuse_all(waiting, &error).await;
            }
        };
        let Some(known) = &mut self.known else { return };
        if let Some(last) = last {
            known.last = last;
            committed(Sequence(last.0 + 1 - events.len() as u64), &events);
        }
        for one in waiting {
            match one {
                Waiting::Question(question) => question(Ok(&known.state)),
                Waiting::Command(answer, Err(rejection)) => {
                    answer(Err(Refused::Rejected(rejection)));
                }
                Waiting::Command(answer, Ok((start, end))) => {
                    let own = events.get(start..end).unwrap_or_default();
                    answer(Ok((&known.state, own)));
                }
            }
        }
        if !events.is_empty() {
            self.snapshots
                .after(events.len(), &self.log, &self.stream, known);
        }
    }

    /// Nothing of the batch has happened. Questions are answered from what is in the log.
    async fn refuse_all(&mut self, waiting: Vec<Waiting<D>>, error: &LogError) {
        tracing::error!(stream = %self.stream, %error, "events could not be kept");
        let loaded = Loaded::read(&*self.log, &self.stream).await;
        for one in waiting {
            match (one, &loaded) {
                // A rejection may be because of what has not happened; whoever asks again is told.
                (Waiting::Command(answer, _), _) => answer(Err(Refused::Log(error.clone()))),
                (Waiting::Question(question), Ok(loaded)) => question(Ok(&loaded.state)),
                (Waiting::Question(question), Err(error)) => question(Err(error.clone())),
            }
        }
        self.known = loaded.ok();
    }
}

/// The place of the last of `events`, if there are any.
async fn append<D: Journaled>(
    log: &dyn SnapshotLog,
    stream: &StreamId,
    events: &[D::Event],
    now: Timestamp,
) -> Result<Option<Sequence>, LogError> {
    if events.is_empty() {
        return Ok(None);
    }
    let new = events.iter().map(|event| {
        Ok(NewEvent {
            at: now,
            kind: D::kind(event),
            version: D::EVENT_VERSION,
            data: serde_json::to_string(event)?,
        })
    });
    let new: Result<Vec<NewEvent>, serde_json::Error> = new.collect();
    let new = new.map_err(|error| LogError::Failed {
        doing: "write to",
        path: stream.to_string(),
        problem: error.to_string(),
    })?;
    log.append(stream, new).await.map(Some)
}

fn refuse<D: Journaled>(ask: Ask<D>, error: &LogError) {
    match ask {
        Ask::Command(_, answer) => answer(Err(Refused::Log(error.clone()))),
        Ask::Question(question) => question(Err(error.clone())),
    }
}
