//! One run that is driven here, as those who watch it see it.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use swarm_core::{
    Control, Notice,
    agents::AgentEvent,
    drive::Stop,
    ids::AgentId,
    journal::{Observer, RunEvent},
    supplies::Supplies,
};
use tokio::sync::{broadcast, oneshot, watch};

use crate::{
    Failure,
    engines::{EngineSettings, Said},
};

/// What passes by is not kept: who reads more slowly than this many behind misses some.
const PASSING: usize = 256;
/// The most that is kept of what was said.
const MAX_SAID: usize = 64;
/// The most characters of what an agent writes that are passed on at once.
const MAX_DOING: usize = 400;

/// Something that is shown while a run is under way, and not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Passing {
    /// An agent does something.
    Does {
        /// Which.
        agent: AgentId,
        /// What, in a few words. Untrusted.
        what: String,
    },
    /// Something that a person may want to know.
    Said(Said),
}

/// A run that is driven here.
#[derive(Debug)]
pub(crate) struct Driven {
    stop: watch::Sender<Option<Stop>>,
    /// Counts events; what they are is in the log.
    events: watch::Sender<u64>,
    passing: broadcast::Sender<Passing>,
    /// What was said so far, for those who come later.
    said: Mutex<Vec<Said>>,
    /// Where its agents work.
    pub(crate) engine: EngineSettings,
    /// Why it is driven no longer, once it is not.
    over: watch::Sender<Option<Result<(), Failure>>>,
    begun: Mutex<Option<oneshot::Sender<()>>>,
}

impl Driven {
    /// With what is told once it is in the log.
    pub(crate) fn new(engine: EngineSettings) -> (Arc<Self>, oneshot::Receiver<()>) {
        let (begun, has_begun) = oneshot::channel();
        let driven = Self {
            stop: watch::Sender::new(None),
            events: watch::Sender::new(0),
            passing: broadcast::Sender::new(PASSING),
            said: Mutex::default(),
            engine,
            over: watch::Sender::new(None),
            begun: Mutex::new(Some(begun)),
        };
        (Arc::new(driven), has_begun)
    }

    /// How its driver keeps in touch with those who watch.
    pub(crate) fn control(self: &Arc<Self>, supplies: Option<Supplies>) -> Control {
        let observer: Observer = {
            let driven = Arc::clone(self);
            Arc::new(move |_: &RunEvent| driven.happened())
        };
        let onlooker = Arc::clone(self);
        let notice: Notice = {
            let driven = Arc::clone(self);
            Arc::new(move |text: &str| driven.say(Said::Notice(text.to_owned())))
        };
        Control {
            observer: Some(observer),
            onlooker: Some(Arc::new(move |agent, event| onlooker.does(agent, event))),
            notice: Some(notice),
            stop: Some(self.stop.subscribe()),
            supplies,
        }
    }

    fn happened(&self) {
        self.events.send_modify(|events| *events += 1);
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(begun) = begun.take() {
            // Whoever asked for it may be gone.
            begun.send(()).unwrap_or_default();
        }
    }

    fn does(&self, agent: &AgentId, event: &AgentEvent) {
        if self.passing.receiver_count() == 0 {
            return;
        }
        let what = match event {
            AgentEvent::Text(text) => text.trim().chars().take(MAX_DOING).collect(),
            AgentEvent::ToolCall { name } => format!("uses {name}"),
            AgentEvent::Retry { status: Some(429) } => "waits for its provider".to_owned(),
            AgentEvent::Retry { .. } => "asks again".to_owned(),
            AgentEvent::Request { .. } => return,
        };
        if !what.is_empty() {
            let agent = agent.clone();
            // Nobody may be watching any more.
            drop(self.passing.send(Passing::Does { agent, what }));
        }
    }

    /// Says something to whoever watches.
    pub(crate) fn say(&self, said: Said) {
        let mut all = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < MAX_SAID {
            all.push(said.clone());
        }
        drop(self.passing.send(Passing::Said(said)));
    }

    /// What was said so far, and what passes by from now on.
    pub(crate) fn passing(&self) -> (Vec<Said>, broadcast::Receiver<Passing>) {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        (said.clone(), self.passing.subscribe())
    }

    /// Asks it to stop. Who was asked to end for good does not go on because somebody else only wants a pause.
    pub(crate) fn stop(&self, how: Stop) {
        self.stop.send_if_modified(|asked| {
            let is_more = *asked != Some(Stop::Cancel) && *asked != Some(how);
            if is_more {
                *asked = Some(how);
            }
            is_more
        });
    }

    /// It is driven no longer. What is said first counts.
    pub(crate) fn end(&self, how: Result<(), Failure>) {
        self.over.send_if_modified(|over| {
            let is_first = over.is_none();
            over.get_or_insert(how);
            is_first
        });
    }

    /// Changes whenever something has happened.
    pub(crate) fn events(&self) -> watch::Receiver<u64> {
        self.events.subscribe()
    }

    /// Has something once it is driven no longer.
    pub(crate) fn over(&self) -> watch::Receiver<Option<Result<(), Failure>>> {
        self.over.subscribe()
    }
}
