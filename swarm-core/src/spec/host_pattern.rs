//! Hosts that an agent may reach, as they are written.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// One entry of a list of hosts: `api.example.com`, `*.example.com`, `10.0.0.7` or `[fd00::7]`, each also with a port.
///
/// Without a port it means 443, and 80 for plain HTTP.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPattern {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Hosts {
    /// This one.
    One(Host),
    /// All whose name ends with a dot and this.
    Below(String),
}

/// A host by its name or its address, in the one spelling that can be compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// A name: lower case, no dot at its end.
    Name(String),
    /// An address. One of IPv4 is never written as one of IPv6.
    Ip(IpAddr),
}

/// How a host is talked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// Through a tunnel, whatever is said in it; usually TLS.
    Tunnel,
    /// By a request of plain HTTP.
    Http,
}

/// Why a text is no host, or no pattern of hosts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("host {host:?}: {problem}")]
pub struct InvalidHost {
    host: String,
    problem: &'static str,
}

/// The port of tunnels, unless the pattern says another.
const HTTPS: u16 = 443;
/// The port of plain HTTP, unless the pattern says another.
const HTTP: u16 = 80;
/// The longest name that there is.
const LONGEST: usize = 253;

impl HostPattern {
    /// Whether it lists this host with this port.
    pub fn matches(&self, host: &Host, port: u16, via: Via) -> bool {
        let expected = self.port.unwrap_or(match via {
            Via::Tunnel => HTTPS,
            Via::Http => HTTP,
        });
        let is_listed = match (&self.hosts, host) {
            (Hosts::One(listed), host) => listed == host,
            (Hosts::Below(suffix), Host::Name(name)) => name
                .strip_suffix(suffix.as_str())
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
            (Hosts::Below(_), Host::Ip(_)) => false,
        };
        is_listed && port == expected
    }

    /// Whether it is an address, and not a name.
    pub fn is_address(&self) -> bool {
        matches!(self.hosts, Hosts::One(Host::Ip(_)))
    }

    /// The host that requests to `url` go to, with its port; `None` if that is no `http` or `https` URL.
    pub fn of_url(url: &str) -> Option<Self> {
        let (scheme, rest) = url.trim().split_once("://")?;
        let port = match scheme.to_ascii_lowercase().as_str() {
            "https" => HTTPS,
            "http" => HTTP,
            _ => return None,
        };
        let authority = rest.split(['/', '?', '#', '\\']).next()?;
        let host = authority.rsplit('@').next()?;
        let mut pattern: Self = host.parse().ok()?;
        pattern.port.get_or_insert(port);
        matches!(pattern.hosts, Hosts::One(_)).then_some(pattern)
    }
}

impl FromStr for HostPattern {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        let invalid = |problem| InvalidHost::new(text, problem);
        if text.contains("://") {
            return Err(invalid("write the host alone, without a scheme"));
        }
        // An address of IPv6 has colons, and can do without brackets if there is no port.
        if let Ok(ip) = text.parse::<Ipv6Addr>() {
            return Ok(Self {
                hosts: Hosts::One(Host::Ip(IpAddr::V6(ip).to_canonical())),
                port: None,
            });
        }
        let (host, port) = split_port(text).map_err(invalid)?;
        let hosts = match host.strip_prefix("*.") {
            Some(suffix) => match suffix.parse().map_err(|_| {
                invalid("after `*.` comes the name that others end with, such as `*.example.com`")
            })? {
                Host::Name(suffix) => Hosts::Below(suffix),
                Host::Ip(_) => return Err(invalid("nothing is below an address")),
            },
            None if host.contains('*') => {
                return Err(invalid(
                    "`*` stands at the beginning, before a dot: `*.example.com`; for every host there is \
                     `\"network\": true`",
                ));
            }
            None => Hosts::One(
                host.parse()
                    .map_err(|error: InvalidHost| invalid(error.problem))?,
            ),
        };
        Ok(Self { hosts, port })
    }
}

/// Host, and port if there is one. What follows a colon must be a port.
fn split_port(text: &str) -> Result<(&str, Option<u16>), &'static str> {
    let colon = match text.rfind(']') {
        // Colons within brackets are part of the address.
        Some(bracket) => text.get(bracket..).and_then(|rest| rest.find(':')),
        None => text.find(':'),
    };
    let Some(at) = colon.map(|at| at + text.rfind(']').unwrap_or_default()) else {
        return Ok((text, None));
    };
    let (host, port) = text.split_at_checked(at).unwrap_or((text, ""));
    let digits = port.strip_prefix(':').unwrap_or_default();
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    match digits.parse() {
        Ok(port) if plain && port > 0 => Ok((host, Some(port))),
        _ => Err("what follows the colon is a port from 1 to 65535"),
    }
}

impl FromStr for Host {
    type Err = InvalidHost;

    /// Takes what the resolver of this machine would not understand in some other way, and nothing else.
    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        let invalid = |problem| Err(InvalidHost::new(text, problem));
        if let Some(inside) = text.strip_prefix('[') {
            let address = inside.strip_suffix(']').map(str::parse::<Ipv6Addr>);
            return match address {
                Some(Ok(ip)) => Ok(Self::Ip(IpAddr::V6(ip).to_canonical())),
                _ => invalid("between brackets is an address of IPv6, such as `[2001:db8::1]`"),
            };
        }
        if let Ok(ip) = text.parse::<Ipv4Addr>() {
            return Ok(Self::Ip(ip.into()));
        }
        if !text.is_ascii() {
            return invalid(
                "write it as it is in the name system, such as `xn--bcher-kva.example`",
            );
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if name.is_empty() {
            return invalid("it is empty");
        }
        if name.len() > LONGEST {
            return invalid("a name has at most 253 characters");
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(plain)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if !name.split('.').all(is_label) {
            return invalid(
                "a name is letters, digits, `-` and `_` between dots, such as `api.example.com`",
            );
        }
        // `127.1`, `0x7f000001` and `017700000001` are addresses to many a resolver.
        let last = name.rsplit('.').next().unwrap_or_default();
        if last.starts_with("0x") || last.bytes().all(|byte| byte.is_ascii_digit()) {
            return invalid("an address is written as four decimal numbers without leading zeros");
        }
        Ok(Self::Name(name))
    }
}

impl InvalidHost {
    fn new(host: &str, problem: &'static str) -> Self {
        Self {
            host: host.chars().take(80).collect(),
            problem,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(ip)) => ip.fmt(f),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hosts {
            Hosts::One(host) => host.fmt(f)?,
            Hosts::Below(suffix) => write!(f, "*.{suffix}")?,
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl TryFrom<String> for HostPattern {
    type Error = InvalidHost;

    fn try_from(text: String) -> Result<Self, InvalidHost> {
        text.parse()
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> HostPattern {
        text.parse().unwrap()
    }

    fn tunnel(pattern_text: &str, host: &str, port: u16) -> bool {
        pattern(pattern_text).matches(&host.parse().unwrap(), port, Via::Tunnel)
    }

    #[test]
    fn an_exact_name_is_that_name_and_no_other() {
        assert!(tunnel("api.example.com", "api.example.com", 443));
        assert!(tunnel("API.Example.com.", "api.example.com", 443));
        assert!(tunnel("api.example.com", "API.EXAMPLE.COM.", 443));
        for other in [
            "example.com",
            "xapi.example.com",
            "a.api.example.com",
            "api.example.com.evil.org",
        ] {
            assert!(!tunnel("api.example.com", other, 443), "{other}");
        }
    }

    #[test]
    fn a_suffix_means_everything_below_it_but_not_itself() {
        assert!(tunnel("*.example.com", "a.example.com", 443));
        assert!(tunnel("*.example.com", "a.b.example.com", 443));
        for other in ["example.com", "badexample.com", "example.com.evil.org"] {
            assert!(!tunnel("*.example.com", other, 443), "{other}");
        }
        let address = Host::Ip(IpAddr::from([10, 0, 0, 1]));
        assert!(!pattern("*.example.com").matches(&address, 443, Via::Tunnel));
    }

    #[test]
    fn without_a_port_it_means_443_and_80_for_plain_http() {
        let host = "h.example".parse().unwrap();
        for (text, port, via, expected) in [
            ("h.example", 443, Via::Tunnel, true),
            ("h.example", 80, Via::Tunnel, false),
            ("h.example", 80, Via::Http, true),
            ("h.example", 443, Via::Http, false),
            ("h.example", 22, Via::Tunnel, false),
            ("h.example:8443", 8443, Via::Tunnel, true),
            ("h.example:8443", 8443, Via::Http, true),
            ("h.example:8443", 443, Via::Tunnel, false),
        ] {
            let found = pattern(text).matches(&host, port, via);
            assert_eq!(found, expected, "{text} {port} {via:?}");
        }
    }

    #[test]
    fn an_address_matches_only_itself_however_it_is_written() {
        assert!(tunnel("127.0.0.1:4010", "127.0.0.1", 4010));
        assert!(tunnel("127.0.0.1:4010", "[::ffff:127.0.0.1]", 4010));
        assert!(tunnel("::1", "[::1]", 443));
        assert!(tunnel("[::1]:8080", "[0:0:0:0:0:0:0:1]", 8080));
        assert!(!tunnel("127.0.0.1", "127.0.0.2", 443));
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_a_reason() {
        for (text, reason) in [
            ("", "empty"),
            (".", "empty"),
            ("*", "beginning"),
            ("*.", "after `*.`"),
            ("*.*.com", "after `*.`"),
            ("*.10.0.0.1", "below an address"),
            ("api.*.com", "beginning"),
            ("*example.com", "beginning"),
            ("https://example.com", "scheme"),
            ("example.com/path", "letters"),
            ("user@example.com", "letters"),
            ("example..com", "letters"),
            ("-a.com", "letters"),
            ("exa mple.com", "letters"),
            ("exam\0ple.com", "letters"),
            ("example.com:", "port"),
            ("example.com:0", "port"),
            ("example.com:65536", "port"),
            ("example.com:+80", "port"),
            ("example.com:80:80", "port"),
            ("bücher.example", "xn--"),
            ("127.1", "four decimal"),
            ("2130706433", "four decimal"),
            ("0x7f000001", "four decimal"),
            ("0177.0.0.1", "four decimal"),
            ("127.0.0.0x1", "four decimal"),
            ("1.2.3.4.5", "four decimal"),
            ("[127.0.0.1]", "brackets"),
            ("[::1", "port"),
            ("[::1x]", "brackets"),
            ("[fe80::1%eth0]", "brackets"),
            ("[::1]x:80", "brackets"),
        ] {
            let error = text.parse::<HostPattern>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }

    #[test]
    fn the_host_of_a_url_comes_with_its_port() {
        for (url, expected) in [
            ("https://api.example.com/v1", Some("api.example.com:443")),
            ("HTTP://127.0.0.1:4010", Some("127.0.0.1:4010")),
            ("http://user:secret@h.example?x", Some("h.example:80")),
            (
                "http://good.example\\@evil.example/",
                Some("good.example:80"),
            ),
            ("https://[::1]:8080/", Some("[::1]:8080")),
            ("https://*.example.com", None),
            ("ftp://h.example", None),
            ("h.example", None),
            ("", None),
        ] {
            let found = HostPattern::of_url(url).map(|pattern| pattern.to_string());
            assert_eq!(found.as_deref(), expected, "{url}");
        }
    }

    proptest! {
        #[test]
        fn a_pattern_survives_being_written(text in "[-a-z0-9.*:\\[\\]]{0,20}") {
            if let Ok(pattern) = text.parse::<HostPattern>() {
                let again: HostPattern = pattern.to_string().parse().unwrap();
                prop_assert_eq!(again, pattern);
            }
        }

        #[test]
        fn no_text_makes_it_fail(text in any::<String>()) {
            drop(text.parse::<HostPattern>());
            drop(text.parse::<Host>());
            drop(HostPattern::of_url(&text));
        }
    }
}
