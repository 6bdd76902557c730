//! Which network an agent is on.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Host, HostPattern, SpecError, Via, object::Object};

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
    /// None but a way to these hosts.
    Allow(AllowedHosts),
}

/// The hosts that an agent may reach. May be empty: then these are only those that its kind needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AllowedHosts(BTreeSet<HostPattern>);

impl AllowedHosts {
    /// The first entry that lists this host with this port.
    pub fn listing(&self, host: &Host, port: u16, via: Via) -> Option<&HostPattern> {
        self.0
            .iter()
            .find(|pattern| pattern.matches(host, port, via))
    }

    /// These and those.
    #[must_use]
    pub fn with(mut self, more: impl IntoIterator<Item = HostPattern>) -> Self {
        self.0.extend(more);
        self
    }

    /// Each entry, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = &HostPattern> {
        self.0.iter()
    }
}

impl FromIterator<HostPattern> for AllowedHosts {
    fn from_iter<I: IntoIterator<Item = HostPattern>>(patterns: I) -> Self {
        Self(patterns.into_iter().collect())
    }
}

/// The field `network` as it is written: `true`, `false`, or `{"allow": ["api.example.com", ...]}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, try_from = "Written")]
pub enum NetworkSpec {
    /// Whether there is a network.
    Switch(bool),
    /// None but a way to these hosts.
    Allow {
        /// The hosts.
        allow: AllowedHosts,
    },
}

/// Read without a look at the hosts, so that an error says which of them is wrong, and not that nothing matched.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected true, false or {\"allow\": [\"HOST\", \"*.DOMAIN\", \"HOST:PORT\"]}"
)]
enum Written {
    Switch(bool),
    List(Object<WrittenList>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenList {
    allow: Vec<String>,
}

impl TryFrom<Written> for NetworkSpec {
    type Error = super::InvalidHost;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        Ok(match written {
            Written::Switch(on) => Self::Switch(on),
            Written::List(Object(WrittenList { allow })) => {
                let hosts: Result<_, _> = allow.into_iter().map(HostPattern::try_from).collect();
                Self::Allow { allow: hosts? }
            }
        })
    }
}

impl Network {
    /// From the two fields of a sandbox; the mode wins over the switch.
    pub(super) fn from_fields(
        network: Option<NetworkSpec>,
        mode: Option<&str>,
    ) -> Result<Self, SpecError> {
        let network = network.unwrap_or(NetworkSpec::Switch(true));
        match (network, mode) {
            (NetworkSpec::Switch(on), None) => Ok(if on { Self::Own } else { Self::None }),
            (NetworkSpec::Allow { allow }, None) => Ok(Self::Allow(allow)),
            // If the mode won, the agent would reach more than the list says.
            (NetworkSpec::Allow { .. }, Some(mode)) => Err(SpecError::Refused {
                field: format!("network_mode {mode:?}"),
                reason: "`network` lists the hosts that the agent may reach, and that leaves no network to choose; \
                         leave one of the two out"
                    .to_owned(),
            }),
            (NetworkSpec::Switch(_), Some(mode)) => Self::from_mode(mode),
        }
    }

    fn from_mode(mode: &str) -> Result<Self, SpecError> {
        match mode {
            "none" => Ok(Self::None),
            "bridge" | "default" => Ok(Self::Own),
            mode if mode == "host" || mode.contains(':') => Err(SpecError::Refused {
                field: format!("network_mode {mode:?}"),
                reason: "an agent never shares the network of the host or of another container; \
                         use \"bridge\", \"none\" or a network that you made"
                    .to_owned(),
            }),
            "" => Err(SpecError::shape("network_mode", "it is empty")),
            mode => Ok(Self::Named(mode.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const fn switch(on: bool) -> NetworkSpec {
        NetworkSpec::Switch(on)
    }

    fn list(hosts: &[&str]) -> AllowedHosts {
        hosts.iter().map(|host| host.parse().unwrap()).collect()
    }

    #[test]
    fn the_host_network_and_that_of_another_container_are_refused() {
        for mode in ["host", "container:db", "ns:/proc/1/ns/net"] {
            assert!(
                Network::from_fields(Some(switch(true)), Some(mode)).is_err(),
                "{mode}"
            );
        }
    }

    #[test]
    fn the_mode_wins_over_the_switch() {
        let network = |on, mode| Network::from_fields(Some(switch(on)), mode).unwrap();
        assert_eq!(network(true, Some("none")), Network::None);
        assert_eq!(network(false, Some("bridge")), Network::Own);
        assert_eq!(network(false, None), Network::None);
    }

    #[test]
    fn a_mode_never_wins_over_a_list_of_hosts() {
        let allow = list(&["a.example"]);
        let written = NetworkSpec::Allow {
            allow: allow.clone(),
        };
        assert_eq!(
            Network::from_fields(Some(written.clone()), None).unwrap(),
            Network::Allow(allow)
        );
        for mode in ["bridge", "none", "lab", "host", ""] {
            let refused = Network::from_fields(Some(written.clone()), Some(mode));
            assert!(refused.is_err(), "{mode:?}");
        }
    }

    #[test]
    fn a_list_of_hosts_survives_json_and_a_bad_one_is_told_why() {
        let read = |value| serde_json::from_value::<NetworkSpec>(value);
        for value in [
            json!(true),
            json!({"allow": ["a.example:8443", "*.b.example"]}),
        ] {
            let written = read(value.clone()).unwrap();
            assert_eq!(serde_json::to_value(written).unwrap(), value);
        }
        for (value, problem) in [
            (json!({"allow": ["ok.example", "a b"]}), "host \"a b\": "),
            (json!({"allow": "a.example"}), "expected true, false or"),
            (
                json!({"allow": ["a"], "deny": []}),
                "expected true, false or",
            ),
            (json!({"alow": []}), "expected true, false or"),
            (json!("a.example"), "expected true, false or"),
        ] {
            let error = read(value.clone()).unwrap_err().to_string();
            assert!(error.contains(problem), "{value}: {error}");
        }
        let network = Network::Allow(list(&["a.example", "127.0.0.1:4010"]));
        let json = serde_json::to_value(&network).unwrap();
        assert_eq!(json, json!({"allow": ["a.example", "127.0.0.1:4010"]}));
        assert_eq!(serde_json::from_value::<Network>(json).unwrap(), network);
    }
}
