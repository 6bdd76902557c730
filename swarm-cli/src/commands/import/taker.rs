//! Who takes what is brought: the daemon, or somebody who only says what it would do.

use swarm_core::{
    decider::Decider as _,
    time::{Clock as _, SystemClock},
};
use swarm_http::operations::imports::{Bring, Brought, Outcome};
use swarm_peers::{Command, PeerId, Peers, State};

use crate::{
    commands::Context,
    daemon::{Daemon, Speaker},
    error::CliError,
};

/// How large a request may be, in bytes of JSON; a single thing may make it larger.
const MAX_REQUEST: usize = 512 * 1024;

pub(super) enum Taker {
    /// The daemon.
    Daemon(Daemon),
    /// The same rules, with nothing there yet, and nothing kept.
    Nobody(Box<State>),
}

impl Taker {
    pub(super) async fn reach(context: &Context) -> Result<Self, CliError> {
        // As the person, whoever is set as the speaker.
        let daemon = Daemon::reach(context, &Speaker::default()).await?;
        Ok(Self::Daemon(daemon))
    }

    pub(super) fn pretend() -> Self {
        Self::Nobody(Box::default())
    }

    /// What becomes of each.
    pub(super) async fn take(&mut self, brought: Vec<Brought>) -> Result<Vec<Outcome>, CliError> {
        match self {
            Self::Nobody(state) => Ok(brought.into_iter().map(|one| pretend(state, one)).collect()),
            Self::Daemon(daemon) => {
                let mut outcomes = Vec::with_capacity(brought.len());
                let (mut items, mut size) = (Vec::new(), 0);
                for one in brought {
                    let more = serde_json::to_vec(&one).map_or(0, |json| json.len());
                    if size + more > MAX_REQUEST && !items.is_empty() {
                        let items = std::mem::take(&mut items);
                        outcomes.extend(daemon.call(&Bring { items }).await?.outcomes);
                        size = 0;
                    }
                    size += more;
                    items.push(one);
                }
                if !items.is_empty() {
                    outcomes.extend(daemon.call(&Bring { items }).await?.outcomes);
                }
                Ok(outcomes)
            }
        }
    }
}

fn pretend(state: &mut State, brought: Brought) -> Outcome {
    let now = SystemClock.now();
    let command = Command::new(PeerId::user(), brought.item);
    match Peers::default().decide(state, &command, now) {
        Ok(events) if events.is_empty() => Outcome::AlreadyHere,
        Ok(events) => {
            for event in &events {
                Peers::evolve(state, event, now);
            }
            Outcome::Imported
        }
        Err(refused) => Outcome::Skipped {
            why: refused.to_string(),
        },
    }
}
