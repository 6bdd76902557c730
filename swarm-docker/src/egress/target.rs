//! Whom a request is for. Pure.

use hyper::{Method, Uri, http::uri::Authority};
use swarm_core::spec::{Host, Via};

/// The host that somebody wants to talk to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) via: Via,
}

/// Reads the line of the request and nothing else: what the `Host` header says decides nothing.
pub(super) fn target(method: &Method, uri: &Uri) -> Result<Target, &'static str> {
    if method == Method::CONNECT {
        if uri.scheme().is_some() || uri.path_and_query().is_some() {
            return Err("a tunnel is to HOST:PORT and nothing more");
        }
        let authority = uri.authority().ok_or("a tunnel is to HOST:PORT")?;
        let (host, port) = split(authority)?;
        return Ok(Target {
            host,
            port: port.ok_or("a tunnel names its port")?,
            via: Via::Tunnel,
        });
    }
    match uri.scheme_str() {
        Some("http") => {}
        Some(_) => return Err("only http:// is requested in the clear; use CONNECT"),
        None => return Err("this is a proxy: the line of the request names no host"),
    }
    let authority = uri.authority().ok_or("the URL names no host")?;
    let (host, port) = split(authority)?;
    Ok(Target {
        host,
        port: port.unwrap_or(80),
        via: Via::Http,
    })
}

fn split(authority: &Authority) -> Result<(Host, Option<u16>), &'static str> {
    const NO_HOST: &str = "that is not the name or address of a host";
    let text = authority.as_str();
    if text.contains('@') {
        return Err("nobody logs in to a host by its URL here");
    }
    let host = authority.host();
    let port = match text.strip_prefix(host).ok_or(NO_HOST)? {
        "" => None,
        port => {
            let digits = port.strip_prefix(':').ok_or(NO_HOST)?;
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            let port = digits.parse().ok().filter(|port| plain && *port > 0);
            Some(port.ok_or("that is not a port")?)
        }
    };
    let host = host.parse().map_err(|_| NO_HOST)?;
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(method: &Method, uri: &str) -> Option<(String, u16)> {
        let uri: Uri = uri.parse().ok()?;
        let found = target(method, &uri).ok()?;
        Some((found.host.to_string(), found.port))
    }

    #[test]
    fn a_tunnel_is_to_a_host_and_a_port() {
        for (uri, host, port) in [
            ("h.example:443", "h.example", 443),
            ("H.Example.:443", "h.example", 443),
            ("127.0.0.1:4010", "127.0.0.1", 4010),
            ("[::1]:443", "[::1]", 443),
            ("[::ffff:10.0.0.1]:443", "10.0.0.1", 443),
        ] {
            let found = read(&Method::CONNECT, uri);
            assert_eq!(found, Some((host.to_owned(), port)), "{uri}");
        }
    }

    #[test]
    fn what_is_not_exactly_that_is_no_tunnel() {
        for uri in [
            "h.example",
            "h.example:",
            "h.example:0",
            "h.example:99999",
            "h.example:443/path",
            "http://h.example:443",
            "https://h.example:443/",
            "user@h.example:443",
            "good.example:443@evil.example:443",
            "/h.example:443",
            "*",
            "h.example:443:443",
            "::1:443",
            "127.1:443",
            "2130706433:443",
            "0x7f.0.0.1:443",
            "0177.0.0.1:443",
            "h_.%6c.example:443",
            "h.example%00.evil:443",
        ] {
            assert_eq!(read(&Method::CONNECT, uri), None, "{uri}");
        }
    }

    #[test]
    fn a_plain_request_names_its_host_in_full() {
        for (uri, host, port) in [
            ("http://h.example/a?b", "h.example", 80),
            ("http://h.example:8080", "h.example", 8080),
            ("HTTP://H.EXAMPLE./", "h.example", 80),
            ("http://[::1]:8080/", "[::1]", 8080),
        ] {
            let found = read(&Method::GET, uri);
            assert_eq!(found, Some((host.to_owned(), port)), "{uri}");
        }
        for uri in [
            "/a",
            "*",
            "h.example:80",
            "https://h.example/",
            "ftp://h.example/",
            "http://user:pw@h.example/",
            "http://good.example@evil.example/",
            "http://2130706433/",
            "http://127.1/",
            "http://h.example:/",
            "http://h.example:80:80/",
            "http:///a",
            "http://a,b/",
        ] {
            assert_eq!(read(&Method::GET, uri), None, "{uri}");
        }
    }

    proptest! {
        #[test]
        fn no_uri_makes_it_fail(uri in "[ -~]{0,40}") {
            drop(read(&Method::CONNECT, &uri));
            drop(read(&Method::GET, &uri));
        }
    }
}
