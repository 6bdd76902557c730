//! Which events a command leads to: what all nouns share.

use std::{sync::Arc, time::Duration};

use swarm_core::time::Timestamp;

use crate::{
    About, Command, Event, Message, MessageId, Peer, PeerId, Rejection, Scope, Settings, TaskId,
    alert, file, file::Blob, import, peer, pin, post, snippet, state::State, sweep, task,
    task::TaskState,
};

/// A decision that is being made.
pub(crate) struct Deciding<'a> {
    pub(crate) state: &'a State,
    pub(crate) settings: &'a Settings,
    pub(crate) by: &'a PeerId,
    pub(crate) now: Timestamp,
    last_message: MessageId,
    events: Vec<Event>,
}

pub(crate) fn decide(
    state: &State,
    settings: &Settings,
    command: &Command,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    use crate::command::Request;

    let mut deciding = Deciding {
        state,
        settings,
        by: &command.by,
        now,
        last_message: state.things.last_message,
        events: Vec::new(),
    };
    match &command.request {
        Request::Sweep(sweep) => {
            sweep::decide(&mut deciding, sweep);
            Ok(())
        }
        Request::Peer(request) => peer::decide(&mut deciding, request),
        Request::Post(request) => post::decide(&mut deciding, request),
        Request::Task(request) => task::decide(&mut deciding, request),
        Request::Snippet(request) => snippet::decide(&mut deciding, request),
        Request::File(request) => file::decide(&mut deciding, request),
        Request::Alert(request) => alert::decide(&mut deciding, request),
        Request::Pin(request) => pin::decide(&mut deciding, request),
        Request::Import(item) => import::decide(&mut deciding, item),
    }?;
    Ok(deciding.events)
}

impl<'a> Deciding<'a> {
    pub(crate) fn push(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Whether a message for `peer` is among the events so far.
    pub(crate) fn sends_to(&self, peer: &PeerId) -> bool {
        let mut events = self.events.iter();
        events.any(|event| event.recipients().contains(peer))
    }

    /// Who asks. By its id and nothing else: a name may be anybody's.
    pub(crate) fn me(&self) -> Result<&'a Peer, Rejection> {
        let unknown = || Rejection::UnknownPeer {
            address: self.by.to_string(),
            suggestion: None,
        };
        self.state.peer(self.by).ok_or_else(unknown)
    }

    /// The time that is so long ago, if there is one.
    pub(crate) fn before(&self, long: Duration) -> Option<Timestamp> {
        let long = u64::try_from(long.as_millis()).ok()?;
        self.now
            .millis()
            .checked_sub(long)
            .map(Timestamp::from_millis)
    }

    pub(crate) fn may_send(&self) -> Result<(), Rejection> {
        match self.me()?.rate.wait(self.settings.rate, self.now) {
            Some(wait) => Err(Rejection::RateLimited {
                limit: self.settings.rate.unwrap_or_default(),
                wait,
            }),
            None => Ok(()),
        }
    }

    /// Who is meant by an id or a name, if that is somebody else.
    pub(crate) fn recipient(&self, address: &str) -> Result<PeerId, Rejection> {
        let found = self.state.find(address)?;
        if found.id == *self.by {
            return Err(Rejection::ToItself {
                peer: found.id.clone(),
            });
        }
        Ok(found.id.clone())
    }

    /// Everybody who is there, as who asks understands `scope`. Not the person, who looks when it likes.
    pub(crate) fn everybody_else(&self, scope: Scope) -> Result<Vec<PeerId>, Rejection> {
        let me = self.me()?;
        let others = self.state.peers().filter(|peer| {
            peer.id != me.id
                && !peer.id.is_user()
                && peer.connection == peer::Connection::Here
                && me.identity.sees(&peer.identity, scope)
        });
        Ok(others.map(|peer| peer.id.clone()).collect())
    }

    /// Whether one more message may wait for `to`.
    pub(crate) fn has_room(&self, to: &PeerId) -> Result<(), Rejection> {
        let Some(peer) = self.state.peer(to) else {
            return Ok(());
        };
        let waiting = peer.mailbox.len() + peer.mailbox.to_act().count();
        if waiting >= self.settings.max_waiting
            || peer.mailbox.bytes() >= self.settings.max_waiting_bytes
        {
            return Err(Rejection::MailboxFull {
                peer: to.clone(),
                waiting,
            });
        }
        Ok(())
    }

    pub(crate) fn check_room(&self, what: &'static str, count: usize) -> Result<(), Rejection> {
        if count >= self.settings.max_things {
            return Err(Rejection::TooMany {
                what,
                most: self.settings.max_things,
            });
        }
        Ok(())
    }

    /// A text that may be empty.
    pub(crate) fn check_text(&self, what: &'static str, text: &str) -> Result<(), Rejection> {
        if text.len() > self.settings.max_text {
            return Err(Rejection::TooLarge {
                what,
                size: text.len() as u64,
                most: self.settings.max_text as u64,
                unit: "bytes",
            });
        }
        Ok(())
    }

    /// A text that says something.
    pub(crate) fn check_words(&self, what: &'static str, text: &str) -> Result<(), Rejection> {
        if text.trim().is_empty() {
            return Err(Rejection::Empty { what });
        }
        self.check_text(what, text)
    }

    pub(crate) fn check_blob(&self, what: &'static str, blob: &Blob) -> Result<(), Rejection> {
        let is_hash = blob.hash.len() == 64 && blob.hash.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_hash {
            return Err(Rejection::BadHash {
                hash: blob.hash.chars().take(80).collect(),
            });
        }
        if blob.size > self.settings.max_file {
            return Err(Rejection::TooLarge {
                what,
                size: blob.size,
                most: self.settings.max_file,
                unit: "bytes",
            });
        }
        Ok(())
    }

    pub(crate) fn tell_of_task(
        &mut self,
        task: TaskId,
        state: TaskState,
        from: &PeerId,
        to: &PeerId,
        text: String,
    ) {
        if from != to {
            self.send(from, vec![to.clone()], About::Task { task, state }, text);
        }
    }

    /// Only who shared something takes it back, or the person.
    pub(crate) fn is_mine(&self, what: String, author: &PeerId) -> Result<(), Rejection> {
        if author == self.by || self.by.is_user() {
            return Ok(());
        }
        Err(Rejection::NotYours {
            what,
            whose: format!("it is from {author}"),
        })
    }

    /// Sends something to everybody else in `scope`.
    pub(crate) fn tell_all(
        &mut self,
        scope: Scope,
        about: About,
        text: String,
    ) -> Result<(), Rejection> {
        let to = self.everybody_else(scope)?;
        self.send(self.by, to, about, text);
        Ok(())
    }

    /// Sends something that begins a conversation.
    pub(crate) fn send(&mut self, from: &PeerId, to: Vec<PeerId>, about: About, text: String) {
        let message = Message::new(from.clone(), about, text);
        self.send_as(message, to);
    }

    /// Sends `message` under the next number and now. Who has no room for it does not keep others from it; it counts as
    /// undeliverable for them. Who was forgotten is sent nothing: the event would say that it waits, and nobody would have it.
    pub(crate) fn send_as(&mut self, mut message: Message, mut to: Vec<PeerId>) {
        to.retain(|to| self.state.peer(to).is_some());
        if to.is_empty() {
            return;
        }
        self.last_message = self.last_message.next();
        message.id = self.last_message;
        message.sent = self.now;
        message.thread = match message.reply_to {
            Some(replied) => self.thread_of(replied).unwrap_or(replied),
            None => message.id,
        };
        let id = message.id;
        let full: Vec<PeerId> = to
            .iter()
            .filter(|to| self.has_room(to).is_err())
            .cloned()
            .collect();
        self.push(Event::Post(post::Happened::Sent {
            message: Arc::new(message),
            to,
        }));
        for to in full {
            self.push(Event::Post(post::Happened::Undeliverable {
                message: id,
                to,
            }));
        }
    }

    fn thread_of(&self, message: MessageId) -> Option<MessageId> {
        self.me().ok()?.mailbox.thread_of(message)
    }
}
