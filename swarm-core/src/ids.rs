//! Names of runs, agents and refs.
//!
//! Each of them becomes a folder, a container name and a part of a URL, so a name is checked once, when
//! it is made, and nothing that holds one has to check again.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::error_code::{Coded, ErrorCode};

/// The longest name in bytes; leaves room for a prefix in a container name and a file name.
pub const MAX_NAME_LEN: usize = 128;

/// A text that cannot be a name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{kind} {name:?} is not a valid name: {problem}; use up to {MAX_NAME_LEN} letters, digits, `-`, `_` and single `.`"
)]
pub struct InvalidName {
    /// What was to be named, such as "run id".
    pub kind: &'static str,
    /// The text, cut to a readable length.
    pub name: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl Coded for InvalidName {
    fn code(&self) -> ErrorCode {
        ErrorCode::InvalidName
    }
}

/// The name of the folder that the agents of a run share, beside their own.
pub const SHARED: &str = "shared";

/// Refuses the name of the shared folder, also in capitals: some file systems do not tell them apart.
fn unreserved(kind: &'static str, name: String) -> Result<String, InvalidName> {
    if name.eq_ignore_ascii_case(SHARED) {
        return Err(InvalidName {
            kind,
            name,
            problem: "the folder that the agents of a run share is called so",
        });
    }
    Ok(name)
}

fn checked(kind: &'static str, name: &str) -> Result<String, InvalidName> {
    let problem = if name.is_empty() {
        "it is empty"
    } else if name.len() > MAX_NAME_LEN {
        "it is too long"
    } else if !name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    {
        "it holds other characters"
    } else if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        "it does not start with a letter or digit"
    } else if name.contains("..") || name.ends_with('.') {
        "it could be read as a path"
    } else {
        return Ok(name.to_owned());
    };
    Err(InvalidName {
        kind,
        name: name.chars().take(60).collect(),
        problem,
    })
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $kind:literal $(, $besides:ident)?) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Takes `name` if it is safe as a folder, a container name and a part of a URL.
            pub fn new(name: impl AsRef<str>) -> Result<Self, InvalidName> {
                let name = checked($kind, name.as_ref())?;
                $(let name = $besides($kind, name)?;)?
                Ok(Self(name))
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

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(name: &str) -> Result<Self, InvalidName> {
                Self::new(name)
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

name_type!(
    /// One execution of a plan; the first twelve hex digits of a random UUID.
    RunId,
    "run id"
);
name_type!(
    /// One agent within a run, such as `agent-0`, `stage-1` or `stage-0.attempt-2`. Not [`SHARED`].
    AgentId,
    "agent id",
    unreserved
);
name_type!(
    /// The name under which a sandbox is saved.
    SandboxName,
    "sandbox name"
);

name_type!(
    /// One step of a pipeline.
    StepId,
    "step id"
);

impl AgentId {
    /// A name that is made of valid words, and therefore valid.
    pub(crate) fn from_checked(name: String) -> Self {
        debug_assert!(Self::new(&name).is_ok(), "{name:?} is not a name");
        Self(name)
    }
}

impl RunId {
    /// A fresh id.
    pub fn random() -> Self {
        let mut hex = uuid::Uuid::new_v4().simple().to_string();
        hex.truncate(12);
        Self(hex)
    }

    /// The folder of things that were brought in from outside and belong to no run.
    pub fn wrapped() -> Self {
        Self("wrapped".to_owned())
    }
}

/// Where one result is kept: `run/agent`.
///
/// ```
/// use swarm_core::ids::RefId;
/// let id: RefId = "3f0c9a1b2c4d/agent-0".parse()?;
/// assert_eq!(id.agent.as_str(), "agent-0");
/// assert!("../../etc/passwd".parse::<RefId>().is_err());
/// # Ok::<(), swarm_core::ids::InvalidName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RefId {
    /// The run that made it, or `wrapped`.
    pub run: RunId,
    /// The agent that made it.
    pub agent: AgentId,
}

impl RefId {
    /// The result of `agent` in `run`.
    pub fn new(run: RunId, agent: AgentId) -> Self {
        Self { run, agent }
    }
}

impl fmt::Display for RefId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.run, self.agent)
    }
}

impl FromStr for RefId {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let Some((run, agent)) = text.split_once('/') else {
            return Err(InvalidName {
                kind: "ref",
                name: text.chars().take(60).collect(),
                problem: "a ref is written run/agent",
            });
        };
        Ok(Self {
            run: run.parse()?,
            agent: agent.parse()?,
        })
    }
}

impl TryFrom<String> for RefId {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<RefId> for String {
    fn from(id: RefId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_run_id_is_twelve_hex_digits() {
        let id = RunId::random();
        assert_eq!(id.as_str().len(), 12);
        assert!(id.as_str().bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    }

    #[test]
    fn names_that_could_leave_their_folder_are_refused() {
        for name in [
            "", ".", "..", "a/b", "/etc", "a..b", ".hidden", "-flag", "a\0b", "ü", "a.",
        ] {
            assert!(AgentId::new(name).is_err(), "{name:?} was accepted");
        }
        assert!(AgentId::new("x".repeat(MAX_NAME_LEN + 1)).is_err());
    }

    #[test]
    fn no_agent_is_called_like_the_shared_folder() {
        for name in ["shared", "SHARED", "Shared"] {
            let error = AgentId::new(name).unwrap_err().to_string();
            assert!(
                error.contains("the folder that the agents of a run share"),
                "{error}"
            );
            assert!(format!("3f0c9a1b2c4d/{name}").parse::<RefId>().is_err());
            assert!(serde_json::from_value::<AgentId>(name.into()).is_err());
        }
        // Others may.
        for name in ["shared-0", "stage-0.shared", "sharedx"] {
            AgentId::new(name).unwrap();
        }
        RunId::new("shared").unwrap();
        SandboxName::new("shared").unwrap();
    }

    proptest! {
        #[test]
        fn a_name_is_always_one_plain_path_component(text in ".{0,40}") {
            if let Ok(name) = AgentId::new(&text) {
                let parts: Vec<_> = std::path::Path::new(name.as_str()).components().collect();
                prop_assert!(matches!(parts.as_slice(), [std::path::Component::Normal(_)]));
            }
        }

        #[test]
        fn a_ref_survives_text(run in "[a-z0-9]{1,12}", agent in "[a-z][a-z0-9-]{0,20}") {
            let id: RefId = format!("{run}/{agent}").parse().unwrap();
            prop_assert_eq!(id.to_string().parse::<RefId>().unwrap(), id);
        }
    }
}
