//! Words from one peer to others, and proof of where they are.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use swarm_core::time::Timestamp;

use crate::{
    About, Event, Mailbox, Message, MessageId, PeerId, Rejection, Scope, Way, decide::Deciding,
    state::State,
};

/// What peers may ask for concerning messages.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// To tell one peer something.
    Send {
        /// An id or a name. Who is gone gets it when it comes back.
        to: String,
        /// What.
        text: String,
        /// The message that this answers; sender and recipient of it are those of this one.
        reply_to: Option<MessageId>,
        /// Whether to be told when the recipient has acted upon it.
        wants_action: bool,
    },
    /// To tell everybody something.
    Broadcast {
        /// Everybody where.
        scope: Scope,
        /// What.
        text: String,
    },
    /// To ask for a review of what was changed. Git was asked by who asks for this.
    Review {
        /// Whom (an id or a name).
        of: String,
        /// The branch.
        branch: String,
        /// What was changed, as `git diff --stat` says it.
        changes: String,
    },
    /// To tell others how one's work tree stands. Git was asked by who asks for this.
    SyncStatus {
        /// Whom.
        scope: Scope,
        /// The branch.
        branch: String,
        /// The last commit, in one line.
        commit: String,
        /// The files that are changed and not committed, as `git status --short` says it.
        changes: String,
    },
    /// To say that the program of the session has taken all messages up to one.
    Injected {
        /// The last of them.
        up_to: MessageId,
        /// How.
        way: Way,
    },
    /// To say that the session has seen all messages up to one.
    Seen {
        /// The last of them.
        up_to: MessageId,
        /// How.
        way: Way,
    },
    /// To say that the session has acted upon a message, which it has said that it has seen.
    Acted {
        /// Which.
        message: MessageId,
    },
}

/// What happened to messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Happened {
    /// One was sent, and waits for each of its recipients.
    Sent {
        /// The message.
        message: Arc<Message>,
        /// For whom.
        to: Vec<PeerId>,
    },
    /// The program of a session has taken all up to one.
    Injected {
        /// Whose.
        peer: PeerId,
        /// The last of them.
        up_to: MessageId,
        /// How.
        way: Way,
    },
    /// A session has seen all up to one.
    Seen {
        /// Which.
        peer: PeerId,
        /// The last of them.
        up_to: MessageId,
        /// How.
        way: Way,
    },
    /// A session has acted upon one.
    Acted {
        /// Which session.
        peer: PeerId,
        /// Upon which.
        message: MessageId,
    },
    /// One cannot be delivered any more.
    Undeliverable {
        /// Which.
        message: MessageId,
        /// To whom.
        to: PeerId,
    },
    /// One that could not be delivered is kept no longer.
    DeadLetterExpired {
        /// Which.
        message: MessageId,
        /// To whom it was sent.
        to: PeerId,
    },
}

/// How many dead letters are listed. Of older ones, the events tell.
pub const MAX_DEAD: usize = 1_000;

/// A message that nobody will get any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeadLetter {
    /// The message.
    pub message: Arc<Message>,
    /// Who was to get it.
    pub to: PeerId,
    /// When it was given up.
    pub at: Timestamp,
}

pub(crate) fn decide(deciding: &mut Deciding<'_>, request: &Request) -> Result<(), Rejection> {
    match request {
        Request::Send {
            to,
            text,
            reply_to,
            wants_action,
        } => send(deciding, to, text, (*reply_to, *wants_action)),
        Request::Broadcast { scope, text } => {
            deciding.may_send()?;
            deciding.check_words("message", text)?;
            let about = About::Broadcast { scope: *scope };
            deciding.tell_all(*scope, about, text.clone())
        }
        Request::Review {
            of,
            branch,
            changes,
        } => ask_for_review(deciding, of, branch, changes),
        Request::SyncStatus {
            scope,
            branch,
            commit,
            changes,
        } => sync_status(deciding, *scope, (branch, commit, changes)),
        Request::Injected { up_to, way } => {
            let me = deciding.me()?;
            check_sent(&me.mailbox, *up_to)?;
            if *up_to > me.mailbox.injected() {
                deciding.push(Event::Post(Happened::Injected {
                    peer: me.id.clone(),
                    up_to: *up_to,
                    way: *way,
                }));
            }
            Ok(())
        }
        Request::Seen { up_to, way } => {
            let me = deciding.me()?;
            check_sent(&me.mailbox, *up_to)?;
            if *up_to > me.mailbox.seen() {
                deciding.push(Event::Post(Happened::Seen {
                    peer: me.id.clone(),
                    up_to: *up_to,
                    way: *way,
                }));
            }
            Ok(())
        }
        Request::Acted { message } => {
            let me = deciding.me()?;
            // It has overtaken what says so; if it were taken for done, the sender would never be told.
            if me.mailbox.is_waiting(*message) {
                return Err(Rejection::NotSeen { message: *message });
            }
            if me.mailbox.to_act().any(|id| id == *message) {
                deciding.push(Event::Post(Happened::Acted {
                    peer: me.id.clone(),
                    message: *message,
                }));
            }
            Ok(())
        }
    }
}

fn send(
    deciding: &mut Deciding<'_>,
    to: &str,
    text: &str,
    (reply_to, wants_action): (Option<MessageId>, bool),
) -> Result<(), Rejection> {
    deciding.may_send()?;
    deciding.check_words("message", text)?;
    let last = deciding.state.things.last_message;
    if let Some(message) = reply_to.filter(|id| *id > last) {
        return Err(Rejection::NotSent { message });
    }
    let to = deciding.recipient(to)?;
    deciding.has_room(&to)?;
    let me = deciding.me()?.id.clone();
    let message = Message {
        reply_to,
        wants_action,
        ..Message::new(me, About::Direct, text.to_owned())
    };
    deciding.send_as(message, vec![to]);
    Ok(())
}

fn ask_for_review(
    deciding: &mut Deciding<'_>,
    of: &str,
    branch: &str,
    changes: &str,
) -> Result<(), Rejection> {
    deciding.may_send()?;
    deciding.check_text("branch", branch)?;
    deciding.check_text("changes", changes)?;
    let to = deciding.recipient(of)?;
    deciding.has_room(&to)?;
    let me = deciding.me()?.id.clone();
    let text = format!("{me} asks for a review of branch {branch}:\n{changes}");
    let branch = branch.to_owned();
    deciding.send(&me, vec![to], About::Review { branch }, text);
    Ok(())
}

fn sync_status(
    deciding: &mut Deciding<'_>,
    scope: Scope,
    (branch, commit, changes): (&str, &str, &str),
) -> Result<(), Rejection> {
    deciding.may_send()?;
    for (what, text) in [("branch", branch), ("commit", commit), ("changes", changes)] {
        deciding.check_text(what, text)?;
    }
    let files = changes.lines().filter(|line| !line.trim().is_empty());
    let changed = files.count() as u64;
    let me = &deciding.me()?.id;
    let text = format!(
        "{me} is on branch {branch} at {commit}, with {changed} uncommitted changes\n{changes}"
    );
    let about = About::GitStatus {
        branch: branch.to_owned(),
        commit: commit.to_owned(),
        changed,
    };
    deciding.tell_all(scope, about, text)
}

/// Nobody confirms what was never sent to it: a later message could then be skipped. What was sent to it, and given up before it
/// could confirm it, it may confirm.
fn check_sent(mailbox: &Mailbox, up_to: MessageId) -> Result<(), Rejection> {
    if up_to > mailbox.newest().unwrap_or_default() {
        return Err(Rejection::NotSent { message: up_to });
    }
    Ok(())
}

pub(crate) fn evolve(state: &mut State, happened: &Happened, at: Timestamp) {
    match happened {
        Happened::Sent { message, to } => {
            state.things.last_message = state.things.last_message.max(message.id);
            let hour = usize::try_from(at.seconds() / 3600 % 24).unwrap_or(0);
            if let Some(count) = state.things.hours.get_mut(hour) {
                *count += 1;
            }
            if counts(&message.about) {
                state.note_sent(&message.from, at);
            }
            if let Some(from) = state.peer_mut(&message.from) {
                from.tally.messages_sent += 1;
            }
            for to in to {
                if let Some(peer) = state.peer_mut(to) {
                    peer.mailbox.put(Arc::clone(message));
                    peer.tally.messages_received += 1;
                }
            }
        }
        Happened::Injected { peer, up_to, .. } => {
            if let Some(peer) = state.peer_mut(peer) {
                peer.mailbox.inject(*up_to);
            }
        }
        Happened::Seen { peer, up_to, .. } => {
            if let Some(peer) = state.peer_mut(peer) {
                peer.mailbox.see(*up_to);
            }
        }
        Happened::Acted { peer, message } => {
            if let Some(peer) = state.peer_mut(peer) {
                peer.mailbox.act(*message);
            }
        }
        Happened::Undeliverable { message, to } => {
            let given_up = state
                .peer_mut(to)
                .and_then(|peer| peer.mailbox.give_up(*message));
            if let Some(message) = given_up {
                if state.things.dead.len() >= MAX_DEAD {
                    state.things.dead.pop_front();
                }
                state.things.dead.push_back(DeadLetter {
                    message,
                    to: to.clone(),
                    at,
                });
            }
        }
        Happened::DeadLetterExpired { message, to } => {
            let dead = &mut state.things.dead;
            dead.retain(|letter| letter.message.id != *message || letter.to != *to);
        }
    }
}

/// Whether it counts against the rate of its sender by itself. What is only told of something else has counted with that.
const fn counts(about: &About) -> bool {
    matches!(
        about,
        About::Direct | About::Broadcast { .. } | About::Review { .. } | About::GitStatus { .. }
    )
}
