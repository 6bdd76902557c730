//! Names and numbers of what peers have.

use std::fmt;

use serde::{Deserialize, Serialize};
use swarm_core::{ids::NameShape, name_type};

/// The longest id or name of a peer, in bytes.
pub const MAX_NAME: usize = 64;

const SHAPE: NameShape = NameShape {
    max_len: MAX_NAME,
    dots: false,
};

name_type!(
    /// One peer, for good: it comes back under the same id.
    PeerId,
    "peer id",
    SHAPE
);
name_type!(
    /// What a peer is called; no two peers are called the same.
    PeerName,
    "peer name",
    SHAPE
);

impl PeerName {
    pub(crate) fn user() -> Self {
        Self("user".to_owned())
    }
}

impl PeerId {
    /// The person whose machine this is. Always there, never gone; what is sent to it waits until it is read.
    pub fn user() -> Self {
        Self("user".to_owned())
    }

    /// The daemon itself, as the sender of what nobody else says.
    pub fn swarm() -> Self {
        Self("swarm".to_owned())
    }

    /// Whether nobody can be given this id.
    pub(crate) fn is_reserved(&self) -> bool {
        *self == Self::user() || *self == Self::swarm()
    }

    /// Whether this is the person.
    pub fn is_user(&self) -> bool {
        self.0 == "user"
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// The one after this.
            #[must_use]
            pub(crate) const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

number!(
    /// One message. A later message has a greater number; none is used twice.
    MessageId
);
number!(
    /// One task.
    TaskId
);
number!(
    /// One snippet.
    SnippetId
);
number!(
    /// One shared file.
    FileId
);
number!(
    /// One alert.
    AlertId
);
number!(
    /// One pin.
    PinId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_leave_its_line_or_its_path_is_refused() {
        for bad in ["", "a b", "../x", "a/b", "-a", "ä", "a\n", &"x".repeat(65)] {
            assert!(PeerName::new(bad).is_err(), "{bad:?}");
        }
        assert!(PeerName::new("brisk-otter_2").is_ok());
        assert_eq!(
            PeerName::new("a.b").unwrap_err().to_string(),
            "peer name \"a.b\" is not a valid name: it holds other characters; use up to 64 letters, digits, `-` and `_`"
        );
    }
}
