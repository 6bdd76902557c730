//! Who may be reached. Pure.

use std::net::{IpAddr, SocketAddr};

use swarm_core::spec::{AllowedHosts, Host};

use super::{address::is_public, target::Target};

/// Why a host is reached, as far as the list alone says: by the pattern that lists it.
pub(super) fn listed(hosts: &AllowedHosts, target: &Target) -> Result<String, &'static str> {
    match hosts.listing(&target.host, target.port, target.via) {
        Some(pattern) => Ok(format!("listed as {pattern}")),
        None => Err("not listed"),
    }
}

/// Which of the addresses that a listed name has may be used.
///
/// Whoever owns a name says where it leads. It leads nowhere that others cannot reach, and not to this machine, unless
/// the address is listed as well.
pub(super) fn usable(
    hosts: &AllowedHosts,
    target: &Target,
    addresses: impl IntoIterator<Item = IpAddr>,
    is_own: impl Fn(IpAddr) -> bool,
) -> Result<Vec<SocketAddr>, &'static str> {
    let mut any = false;
    let usable: Vec<_> = addresses
        .into_iter()
        .map(|ip| ip.to_canonical())
        .inspect(|_| any = true)
        .filter(|ip| {
            let host = Host::Ip(*ip);
            hosts.listing(&host, target.port, target.via).is_some()
                || (is_public(*ip) && !is_own(*ip))
        })
        .map(|ip| SocketAddr::new(ip, target.port))
        .collect();
    match (usable.is_empty(), any) {
        (false, _) => Ok(usable),
        (true, true) => Err(
            "its name leads to this machine or to a private network, and that address is not listed",
        ),
        (true, false) => Err("its name leads nowhere"),
    }
}

#[cfg(test)]
mod tests {
    use swarm_core::spec::Via;

    use super::*;

    fn hosts(list: &[&str]) -> AllowedHosts {
        list.iter().map(|host| host.parse().unwrap()).collect()
    }

    fn tunnel(host: &str, port: u16) -> Target {
        Target {
            host: host.parse().unwrap(),
            port,
            via: Via::Tunnel,
        }
    }

    fn to(list: &[&str], addresses: &[&str]) -> Result<Vec<String>, &'static str> {
        let addresses = addresses.iter().map(|ip| ip.parse().unwrap());
        let own: IpAddr = "8.8.4.4".parse().unwrap();
        let found = usable(&hosts(list), &tunnel("h.example", 443), addresses, |ip| {
            ip == own
        })?;
        Ok(found.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn nothing_is_listed_by_nobody() {
        assert!(listed(&hosts(&[]), &tunnel("h.example", 443)).is_err());
        let reason = listed(&hosts(&["*.example"]), &tunnel("h.example", 443)).unwrap();
        assert_eq!(reason, "listed as *.example");
        assert!(listed(&hosts(&["h.example"]), &tunnel("h.example", 22)).is_err());
    }

    #[test]
    fn a_name_never_leads_inside_unless_the_address_is_listed_too() {
        for inside in [
            "127.0.0.1",
            "10.0.0.7",
            "169.254.169.254",
            "::1",
            "fd00::1",
            "8.8.4.4",
        ] {
            assert!(to(&["h.example"], &[inside]).is_err(), "{inside}");
        }
        assert_eq!(
            to(&["h.example"], &["10.0.0.7", "1.1.1.1"]).unwrap(),
            ["1.1.1.1:443"]
        );
        assert_eq!(
            to(&["h.example", "10.0.0.7"], &["10.0.0.7"]).unwrap(),
            ["10.0.0.7:443"]
        );
        // Listed with another port is not listed.
        assert!(to(&["h.example", "10.0.0.7:80"], &["10.0.0.7"]).is_err());
        assert_eq!(to(&["h.example"], &[]), Err("its name leads nowhere"));
    }
}
