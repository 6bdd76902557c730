//! Names of runs, agents and refs.
//!
//! Each of them becomes a folder, a container name and a part of a URL, so a name is checked once, when
//! it is made, and nothing that holds one has to check again.

#[macro_use]
mod name;

use std::{fmt, str::FromStr};

pub use name::{InvalidName, MAX_NAME_LEN, NameShape};
use serde::{Deserialize, Serialize};

/// The name of the folder that the agents of a run share, beside their own.
pub const SHARED: &str = "shared";

/// Refuses the name of the shared folder, also in capitals: some file systems do not tell them apart.
fn unreserved(kind: &'static str, name: String) -> Result<String, InvalidName> {
    if name.eq_ignore_ascii_case(SHARED) {
        return Err(InvalidName {
            kind,
            name,
            problem: "the folder that the agents of a run share is called so",
            shape: NameShape::FOLDER,
        });
    }
    Ok(name)
}

name_type!(
    /// One execution of a plan; the first twelve hex digits of a random UUID.
    RunId,
    "run id",
    NameShape::FOLDER
);
name_type!(
    /// One agent within a run, such as `agent-0`, `stage-1` or `stage-0.attempt-2`. Not [`SHARED`].
    AgentId,
    "agent id",
    NameShape::FOLDER,
    unreserved
);
name_type!(
    /// The name under which a sandbox is saved.
    SandboxName,
    "sandbox name",
    NameShape::FOLDER
);

name_type!(
    /// One step of a pipeline.
    StepId,
    "step id",
    NameShape::FOLDER
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
                shape: NameShape::FOLDER,
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
    fn a_refused_name_says_what_is_wrong_and_what_is_right() {
        assert_eq!(
            RunId::new("a b").unwrap_err().to_string(),
            "run id \"a b\" is not a valid name: it holds other characters; use up to 128 letters, digits, `-`, `_` and single `.`"
        );
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
