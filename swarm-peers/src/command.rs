//! What may be asked for.

use crate::{PeerId, alert, file, import, peer, pin, post, snippet, sweep::Sweep, task};

/// Something that somebody wants to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Who wants it. Whoever makes the command has made sure that it is.
    pub by: PeerId,
    /// What.
    pub request: Request,
}

macro_rules! requests {
    ($($(#[$doc:meta])* $name:ident($request:ty),)*) => {
        /// What somebody wants.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Request {
            $($(#[$doc])* $name($request),)*
        }

        $(impl From<$request> for Request {
            fn from(request: $request) -> Self {
                Self::$name(request)
            }
        })*
    };
}

requests! {
    /// Something about itself.
    Peer(peer::Request),
    /// Something about messages.
    Post(post::Request),
    /// Something about tasks.
    Task(task::Request),
    /// Something about snippets.
    Snippet(snippet::Request),
    /// Something about files.
    File(file::Request),
    /// Something about alerts.
    Alert(alert::Request),
    /// Something about pins.
    Pin(pin::Request),
    /// To bring something in from another system.
    Import(import::Item),
    /// That time has passed.
    Sweep(Sweep),
}

impl Command {
    /// What `by` wants.
    pub fn new(by: PeerId, request: impl Into<Request>) -> Self {
        Self {
            by,
            request: request.into(),
        }
    }
}
