//! The one loop that every interpreter of a plan shares.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use thiserror::Error;
use tokio::{sync::watch, task::coop::unconstrained};
use tokio_util::sync::CancellationToken;

pub use crate::machine::Start;
use crate::{
    error_code::{Coded, ErrorCode},
    ids::AgentId,
    journal::LogError,
    machine::{
        AgentEnded, Cursor, Demand, Do, EffectDone, EffectOutcome, End, Event, Machine,
        UnexpectedEvent,
    },
    outcome::{AgentOutcome, ExitReason},
    refs::RefError,
    runtime::RuntimeError,
};

/// How many ends at most are recorded together, roughly: they are in memory until that is done.
const TOGETHER: usize = 1000;

/// How an interpreter meets a demand for an agent: by running it, by pricing it, by making it up.
pub trait Performer: Sync {
    /// Runs one agent to its end. Dropping the future must stop the agent.
    fn perform(&self, start: Start, halt: Halt) -> impl Future<Output = Performed> + Send;

    /// Does something that is no agent's work. Doing it twice must be the same as doing it once.
    ///
    /// Who runs no agents need not implement this: everything then goes well.
    fn carry_out(
        &self,
        what: Do,
        halt: Halt,
    ) -> impl Future<Output = Performed<EffectOutcome>> + Send {
        drop(halt);
        std::future::ready(Performed::Ended(what.effect.goes_well()))
    }

    /// Why an agent cannot be started any more, if nobody has to wait or look anything up to know that: its deadline has passed,
    /// for one. It ends so, and many that end so are recorded together.
    fn refuses(&self, start: &Start) -> Option<AgentOutcome> {
        let _ = start;
        None
    }

    /// Ends an agent that nobody wants any more, and that an earlier process has started; `None` if none has.
    fn give_up(&self, at: &Cursor) -> Option<BoxFuture<'_, AgentOutcome>> {
        let _ = at;
        None
    }
}

/// What came of one agent, or of something else that had to be done.
#[derive(Debug)]
pub enum Performed<T = AgentOutcome> {
    /// It ended; this will be recorded.
    Ended(T),
    /// It was stopped by an interruption of the run and will be performed again when the run resumes.
    Interrupted,
    /// The run cannot go on: an event could not be kept, or the engine is gone. It can be resumed.
    Broken(DriveError),
}

/// Something that happened and is to be recorded.
#[derive(Clone, Debug, PartialEq)]
pub enum Happened {
    /// An agent ended.
    Agent(AgentEnded),
    /// Something else was done.
    Effect(EffectDone),
}

impl<'e> From<&'e Happened> for Event<'e> {
    fn from(happened: &'e Happened) -> Self {
        match happened {
            Happened::Agent(ended) => Self::Agent(ended),
            Happened::Effect(done) => Self::Effect(done),
        }
    }
}

/// Where events are made durable before they count.
pub trait Recorder: Send {
    /// Returns once `events` are durable.
    fn happened(
        &mut self,
        events: &[Happened],
    ) -> impl Future<Output = Result<(), LogError>> + Send;
    /// Returns once it is durable that the run is to be cancelled.
    fn cancel_requested(&mut self) -> impl Future<Output = Result<(), LogError>> + Send;
}

/// A request to stop a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// For good: the run ends as cancelled.
    Cancel,
    /// For now: what has finished is kept, and the run can be resumed.
    Interrupt,
}

/// Tells one agent to stop.
#[derive(Clone, Debug, Default)]
pub struct Halt {
    token: CancellationToken,
    interrupted: Arc<AtomicBool>,
}

impl Halt {
    /// Fires when the agent is to stop.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Whether the agent will be performed again, so that its record must stay open.
    pub fn is_interruption(&self) -> bool {
        self.interrupted.load(Ordering::Acquire)
    }

    fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Release);
        self.token.cancel();
    }
}

/// How far a run got.
#[derive(Clone, Debug, PartialEq)]
pub enum Driven {
    /// To its end.
    Ended(End),
    /// Not to its end; it can be resumed.
    Interrupted,
}

/// Why a run cannot go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DriveError {
    /// An event could not be made durable.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Nothing more can be started: the engine is gone.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// Nothing more can be kept: the disk is full, for one.
    #[error(transparent)]
    Store(#[from] RefError),
    /// The log belongs to another plan, or a performer answered for an agent that was not asked for.
    #[error("the log of this run does not fit its plan: {0}")]
    Unexpected(#[from] UnexpectedEvent),
    /// The plan has not ended, and nothing is left to do.
    #[error("the plan stopped without an end; this is a defect in swarm")]
    Stuck,
}

impl Coded for DriveError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Log(error) => error.code(),
            Self::Runtime(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Unexpected(_) | Self::Stuck => ErrorCode::Internal,
        }
    }
}

/// Meets every demand of `machine` until the plan has ended or `stop` says otherwise.
///
/// What happens is recorded before the machine is told, so that what has been acted upon is never lost.
///
/// # Errors
///
/// If an event cannot be recorded. Agents under way are stopped by dropping them; the run can be resumed.
pub async fn drive<P: Performer, R: Recorder>(
    machine: &mut Machine,
    performer: &P,
    recorder: &mut R,
    mut stop: watch::Receiver<Option<Stop>>,
) -> Result<Driven, DriveError> {
    let mut flight = Flight::default();
    let mut stopping = None;
    loop {
        if stopping != Some(Stop::Interrupt) {
            let (settled, unwanted) = settle(machine, performer, &mut flight)?;
            if !settled.is_empty() {
                recorder.happened(&settled).await?;
            }
            // Only now: nobody is stopped because of something that a crash could undo.
            for halt in unwanted {
                halt.token.cancel();
            }
            if !settled.is_empty() {
                continue;
            }
        }
        if let Some(end) = machine.end() {
            return Ok(Driven::Ended(end.clone()));
        }
        if flight.is_empty() {
            return if stopping.is_some() {
                Ok(Driven::Interrupted)
            } else {
                Err(DriveError::Stuck)
            };
        }
        let events = tokio::select! {
            batch = flight.next() => batch?,
            request = requested(&mut stop, stopping), if stopping != Some(Stop::Interrupt) => {
                match request {
                    Stop::Cancel => {
                        recorder.cancel_requested().await?;
                        machine.cancel();
                    }
                    Stop::Interrupt => flight.interrupt(),
                }
                stopping = Some(request);
                continue;
            }
        };
        if !events.is_empty() {
            recorder.happened(&events).await?;
        }
        for event in &events {
            machine.apply(event)?;
        }
    }
}

/// Puts everything that is to be done into `flight`, where nothing begins before it is waited for. What ends without anybody's doing is
/// returned, and the machine knows of it; so is what is under way and no longer wanted.
///
/// An end may make room for others that end at once, too, such as the next ten of five thousand after the deadline: a commit for
/// each ten of them took longer than the work.
fn settle<'p, P: Performer>(
    machine: &mut Machine,
    performer: &'p P,
    flight: &mut Flight<'p>,
) -> Result<(Vec<Happened>, Vec<Halt>), DriveError> {
    let (mut settled, mut unwanted) = (Vec::new(), Vec::new());
    loop {
        let before = settled.len();
        for demand in machine.demands() {
            match demand {
                Demand::Start(start) => match performer.refuses(&start) {
                    Some(outcome) => settled.push(Happened::Agent(AgentEnded {
                        at: start.at,
                        agent: start.agent,
                        outcome,
                    })),
                    None => flight.start(performer, start),
                },
                Demand::Do(what) => flight.carry_out(performer, what),
                Demand::Cancel {
                    at,
                    agent,
                    is_agent,
                } => {
                    if let Some(halt) = flight.halts.get(&at) {
                        unwanted.push(halt.clone());
                        continue;
                    }
                    match performer.give_up(&at) {
                        Some(given_up) if is_agent => flight.give_up(at, agent, given_up),
                        _ => settled.push(never_started(at, agent, is_agent)),
                    }
                }
            }
        }
        let new = settled.get(before..).unwrap_or_default();
        for event in new {
            machine.apply(event)?;
        }
        if new.is_empty() || settled.len() >= TOGETHER {
            return Ok((settled, unwanted));
        }
    }
}

/// The next request to stop that is not `known`; waits for ever when there can be none.
async fn requested(stop: &mut watch::Receiver<Option<Stop>>, known: Option<Stop>) -> Stop {
    loop {
        // A request stays in the channel. To answer it again and again would leave no time for the agents to end.
        match *stop.borrow_and_update() {
            Some(request) if Some(request) != known => return request,
            _ => {}
        }
        if stop.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn never_started(at: Cursor, agent: AgentId, is_agent: bool) -> Happened {
    if is_agent {
        let outcome = AgentOutcome::not_started(ExitReason::Cancelled, "no longer wanted");
        Happened::Agent(AgentEnded { at, agent, outcome })
    } else {
        Happened::Effect(EffectDone {
            at,
            name: agent,
            outcome: EffectOutcome::Cancelled,
        })
    }
}

/// What is under way.
#[derive(Default)]
struct Flight<'p> {
    tasks: FuturesUnordered<BoxFuture<'p, (Cursor, Performed<Happened>)>>,
    halts: HashMap<Cursor, Halt>,
}

impl<'p> Flight<'p> {
    fn start<P: Performer>(&mut self, performer: &'p P, start: Start) {
        let halt = self.halt_at(&start.at);
        let (at, agent) = (start.at.clone(), start.agent.clone());
        let performed = async move {
            let performed = performer.perform(start, halt).await;
            let ended = |outcome| {
                let at = at.clone();
                Happened::Agent(AgentEnded { at, agent, outcome })
            };
            (at.clone(), performed.map(ended))
        };
        self.tasks.push(performed.boxed());
    }

    fn carry_out<P: Performer>(&mut self, performer: &'p P, what: Do) {
        let halt = self.halt_at(&what.at);
        let (at, name) = (what.at.clone(), what.name.clone());
        let performed = async move {
            let performed = performer.carry_out(what, halt).await;
            let done = |outcome| {
                let at = at.clone();
                Happened::Effect(EffectDone { at, name, outcome })
            };
            (at.clone(), performed.map(done))
        };
        self.tasks.push(performed.boxed());
    }

    fn give_up(&mut self, at: Cursor, agent: AgentId, given_up: BoxFuture<'p, AgentOutcome>) {
        let ended = async move {
            let outcome = given_up.await;
            let ended = AgentEnded {
                at: at.clone(),
                agent,
                outcome,
            };
            (at, Performed::Ended(Happened::Agent(ended)))
        };
        self.tasks.push(ended.boxed());
    }

    fn halt_at(&mut self, at: &Cursor) -> Halt {
        let halt = Halt::default();
        self.halts.insert(at.clone(), halt.clone());
        halt
    }

    fn interrupt(&self) {
        self.halts.values().for_each(Halt::interrupt);
    }

    fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Waits for one end, then takes all that are there, so that one commit covers them.
    async fn next(&mut self) -> Result<Vec<Happened>, DriveError> {
        let mut events = Vec::new();
        let mut next = self.tasks.next().await;
        while let Some((at, performed)) = next {
            self.halts.remove(&at);
            match performed {
                Performed::Ended(happened) => events.push(happened),
                Performed::Interrupted => {}
                Performed::Broken(error) => return Err(error),
            }
            if events.len() >= TOGETHER {
                break;
            }
            // Else tokio lets a task have no more than 128 of them, and each handful gets a commit.
            next = unconstrained(self.tasks.next()).now_or_never().flatten();
        }
        Ok(events)
    }
}

impl<T> Performed<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Performed<U> {
        match self {
            Self::Ended(value) => Performed::Ended(change(value)),
            Self::Interrupted => Performed::Interrupted,
            Self::Broken(error) => Performed::Broken(error),
        }
    }
}
