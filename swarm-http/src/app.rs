//! Everything that a request may touch.

mod sweeper;

use std::{path::PathBuf, sync::Arc, time::Duration};

use swarm_core::{
    error_code::{Coded as _, ErrorCode},
    journal::{EventLog, Journal, Keeper, Sequence, SnapshotLog, SqliteEventLog},
    tasks::TaskGroup,
    time::{Clock, Timestamp},
};
use swarm_peers::{Command, Event, PeerId, Peers, Rejection, Request, State};
use swarm_refs::Blobs;
use tokio::{sync::watch, task::spawn_blocking};
use tokio_util::sync::CancellationToken;

use crate::{
    Caller, Failure, HomeError,
    attendance::Attendance,
    bells::Bells,
    credentials::Credentials,
    history::History,
    home::DaemonHome,
    operations::Done,
    runs::{Equipment, Runs},
};

/// What a daemon is opened with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder that has everything.
    pub home: PathBuf,
    /// How much peers may do.
    pub peers: swarm_peers::Settings,
    /// For how long events are kept after they happened.
    pub keep_events: Duration,
    /// What runs of agents need.
    pub runs: Equipment,
    /// The port at which programs of claude-peers and claude-swarm are let in; `None` for nowhere.
    pub compat: Option<u16>,
}

impl Settings {
    /// The usual, in `home`.
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self {
            home: home.into(),
            peers: swarm_peers::Settings::default(),
            keep_events: Duration::from_hours(24),
            runs: Equipment::default(),
            compat: None,
        }
    }
}

/// Everything that a request may touch. There is one in a process.
#[derive(Debug)]
pub struct App {
    pub(crate) peers: Journal<Peers>,
    pub(crate) log: Arc<dyn SnapshotLog>,
    pub(crate) blobs: Arc<Blobs>,
    pub(crate) history: History,
    pub(crate) runs: Arc<Runs>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) bells: Arc<Bells>,
    pub(crate) attendance: Arc<Attendance>,
    /// The place of the newest event.
    pub(crate) head: watch::Receiver<Sequence>,
    /// Fires when the daemon is to end: whoever waits for something stops.
    pub(crate) stopping: CancellationToken,
    pub(crate) settings: Settings,
    pub(crate) started: Timestamp,
}

impl App {
    /// Opens what is in the home, which the caller has locked. The tasks go on until they are shut down.
    ///
    /// # Errors
    ///
    /// [`Failure`] if something in the home cannot be read.
    pub async fn open(
        settings: Settings,
        clock: Arc<dyn Clock>,
    ) -> Result<(Arc<Self>, TaskGroup), Failure> {
        let home = settings.home.clone();
        let opened = spawn_blocking(move || {
            let token = DaemonHome::new(&home).make_token()?;
            let log = SqliteEventLog::open(&home.join("swarm.db"))?;
            let blobs = Blobs::open(&home)?;
            Ok::<_, Failure>((token, log, blobs))
        });
        let (token, log, blobs) = opened.await.map_err(|error| internal(&error))??;
        let log: Arc<dyn SnapshotLog> = Arc::new(log);

        let bells = Arc::new(Bells::default());
        let newest = watch::Sender::new(Sequence::default());
        let head = newest.subscribe();
        let peers = Peers::new(settings.peers.clone());
        let (peers, keeper) = Keeper::open(peers, Arc::clone(&log), Arc::clone(&clock)).await?;
        let nobody = State::default();
        let (state, last) = keeper.known().map_or((&nobody, Sequence(0)), |known| known);
        newest.send_replace(last);
        let credentials = Arc::new(Credentials::new(&token, state));
        let history = {
            let (home, log, state) = (settings.home.clone(), Arc::clone(&log), state.clone());
            let opened = spawn_blocking(move || History::open(&home, log, &state));
            opened.await.map_err(|error| internal(&error))??
        };

        let mut tasks = TaskGroup::new();
        let runs = {
            let (home, equipment) = (settings.home.clone(), settings.runs.clone());
            let log: Arc<dyn EventLog> = Arc::<dyn SnapshotLog>::clone(&log);
            let stopping = tasks.stopping();
            let opened = spawn_blocking(move || Runs::open(home, log, equipment, stopping));
            Arc::new(opened.await.map_err(|error| internal(&error))??)
        };
        tasks.spawn("runs", Arc::clone(&runs).serve());
        let committed = {
            let (bells, credentials) = (Arc::clone(&bells), Arc::clone(&credentials));
            move |first: Sequence, events: &[Event]| {
                for event in events {
                    credentials.follow(event);
                    bells.follow(event);
                }
                newest.send_replace(Sequence(first.0 + events.len() as u64 - 1));
            }
        };
        tasks.spawn("keeper", keeper.run(committed));
        let app = Arc::new(Self {
            peers,
            log,
            blobs: Arc::new(blobs),
            history,
            runs,
            credentials,
            bells,
            attendance: Attendance::new(),
            head,
            stopping: tasks.stopping(),
            started: clock.now(),
            clock,
            settings,
        });
        tasks.spawn(
            "sweeper",
            sweeper::run(Arc::downgrade(&app), app.stopping.clone()),
        );
        Ok((app, tasks))
    }

    /// Has something decided for `by`, and answers with what `answer` makes of it once it is durable.
    pub(crate) async fn command<T: Send + 'static>(
        &self,
        by: &Caller,
        request: impl Into<Request>,
        answer: impl FnOnce(&State, &[Event]) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let command = Command::new(by.peer(), request);
        Ok(self.peers.execute(command, answer).await?)
    }

    /// Has something done for `by` that has nothing to tell afterwards.
    pub(crate) async fn done(
        &self,
        by: &Caller,
        request: impl Into<Request>,
    ) -> Result<Done, Failure> {
        self.command(by, request, |_, _| Done {}).await
    }

    /// Has something made for `by`: what `made` finds in the events that it led to.
    pub(crate) async fn make<T: Send + 'static>(
        &self,
        by: &Caller,
        request: impl Into<Request>,
        made: impl FnOnce(&State, &[Event]) -> Option<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let made = self.command(by, request, made).await?;
        made.ok_or_else(|| {
            Failure::new(
                ErrorCode::Internal,
                "nothing came of it, and nothing was refused",
            )
        })
    }

    /// What `question` makes of what is known.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&State) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        Ok(self.peers.ask(question).await?)
    }

    /// Somebody asks for something on behalf of `peer`.
    pub(crate) fn note(&self, peer: &PeerId, acts: bool) {
        if acts {
            self.attendance.act(peer);
        } else {
            self.attendance.sign(peer);
        }
    }

    /// What is kept aside under `hash`.
    pub(crate) async fn blob(&self, hash: String) -> Result<Vec<u8>, Failure> {
        let shown = hash.clone();
        let found = self.with_blobs(move |blobs| blobs.get(&hash)).await?;
        found.ok_or_else(|| {
            Failure::new(
                ErrorCode::StorageFailed,
                format!("what is in it is not in `blobs/{shown}` any more, or it is damaged; have it shared again"),
            )
        })
    }

    /// Before anything is written: whether so many bytes may be shared.
    pub(crate) fn check_size(&self, what: &'static str, size: usize) -> Result<(), Failure> {
        let most = self.settings.peers.max_file;
        if size as u64 > most {
            return Err(Rejection::TooLarge {
                what,
                size: size as u64,
                most,
                unit: "bytes",
            }
            .into());
        }
        Ok(())
    }

    /// Fires when the daemon is to end.
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Does something that blocks, with the blobs.
    pub(crate) async fn with_blobs<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Blobs) -> Result<T, swarm_core::refs::RefError> + Send + 'static,
    ) -> Result<T, Failure> {
        let blobs = Arc::clone(&self.blobs);
        let done = spawn_blocking(move || work(&blobs)).await;
        Ok(done.map_err(|error| internal(&error))??)
    }
}

fn internal(error: &tokio::task::JoinError) -> Failure {
    Failure::new(
        ErrorCode::Internal,
        format!("a part of the daemon has failed: {error}"),
    )
}

impl From<HomeError> for Failure {
    fn from(error: HomeError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
