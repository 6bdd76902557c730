//! Names and numbers of what peers have.

use std::fmt;

use serde::{Deserialize, Serialize};
use swarm_core::ids::InvalidName;

/// The longest id or name of a peer, in bytes.
pub const MAX_NAME: usize = 64;

fn checked(kind: &'static str, name: &str) -> Result<String, InvalidName> {
    let problem = if name.is_empty() {
        "it is empty"
    } else if name.len() > MAX_NAME {
        "it is longer than 64 characters"
    } else if !name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    {
        "it holds other characters than letters, digits, `-` and `_`"
    } else if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        "it does not start with a letter or digit"
    } else {
        return Ok(name.to_owned());
    };
    Err(InvalidName {
        kind,
        name: name.chars().take(60).collect(),
        problem,
    })
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Takes `name` if it is safe in a line of text and a part of a URL.
            ///
            /// # Errors
            ///
            /// If it is empty, longer than [`MAX_NAME`], or holds other characters than ASCII letters, digits, `-` and `_`.
            pub fn new(name: impl AsRef<str>) -> Result<Self, InvalidName> {
                checked($kind, name.as_ref()).map(Self)
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(name: String) -> Result<Self, InvalidName> {
                Self::new(name)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

name!(
    /// One peer, for good: it comes back under the same id.
    PeerId,
    "peer id"
);
name!(
    /// What a peer is called; no two peers are called the same.
    PeerName,
    "peer name"
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
    }
}
