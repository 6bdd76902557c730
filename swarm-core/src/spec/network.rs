//! Which network an agent is on.

use serde::{Deserialize, Serialize};

use super::SpecError;

/// The network of one agent. There is deliberately no variant for the host's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// None at all, not even to other agents.
    None,
    /// swarm's own bridge: out to the internet, not to other agents.
    Own,
    /// A network of the engine that the user made.
    Named(String),
}

impl Network {
    /// From the two fields of a sandbox; the mode wins.
    pub(super) fn from_fields(network: bool, mode: Option<&str>) -> Result<Self, SpecError> {
        match mode {
            None => Ok(if network { Self::Own } else { Self::None }),
            Some("none") => Ok(Self::None),
            Some("bridge" | "default") => Ok(Self::Own),
            Some(mode) if mode == "host" || mode.contains(':') => Err(SpecError::Refused {
                field: format!("network_mode {mode:?}"),
                reason: "an agent never shares the network of the host or of another container; \
                         use \"bridge\", \"none\" or a network that you made"
                    .to_owned(),
            }),
            Some("") => Err(SpecError::shape("network_mode", "it is empty")),
            Some(mode) => Ok(Self::Named(mode.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_network_and_that_of_another_container_are_refused() {
        for mode in ["host", "container:db", "ns:/proc/1/ns/net"] {
            assert!(Network::from_fields(true, Some(mode)).is_err(), "{mode}");
        }
    }

    #[test]
    fn the_mode_wins_over_the_switch() {
        assert_eq!(
            Network::from_fields(true, Some("none")).unwrap(),
            Network::None
        );
        assert_eq!(
            Network::from_fields(false, Some("bridge")).unwrap(),
            Network::Own
        );
        assert_eq!(Network::from_fields(false, None).unwrap(), Network::None);
    }
}
