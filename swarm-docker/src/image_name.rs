//! What can be the name of an image at all, whether or not there is one.

use swarm_core::runtime::RuntimeError;

/// The longest name without tag and digest that engines take.
const LONGEST: usize = 255;
/// The longest tag.
const LONGEST_TAG: usize = 128;

/// Refuses what cannot be the name of an image.
///
/// # Errors
///
/// [`RuntimeError::Unsupported`] with what is wrong.
pub(crate) fn check(name: &str) -> Result<(), RuntimeError> {
    match problem(name) {
        None => Ok(()),
        Some(problem) => Err(RuntimeError::Unsupported {
            runtime: "docker",
            field: format!("image {name:?}"),
            hint: problem,
        }),
    }
}

/// The same for an image that is to be built: its content decides on its digest, and not the other way round.
///
/// # Errors
///
/// [`RuntimeError::Unsupported`] with what is wrong.
pub fn check_tag(name: &str) -> Result<(), RuntimeError> {
    if name.contains('@') {
        return Err(RuntimeError::Unsupported {
            runtime: "docker",
            field: format!("image {name:?}"),
            hint: "an image that is built has no digest yet; leave out what follows `@`",
        });
    }
    check(name)
}

/// Why `name` cannot be `[REGISTRY/]NAME[:TAG][@DIGEST]`, nor an id; `None` if it can.
pub(crate) fn problem(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("it is empty; name an image, or leave the field out");
    }
    if name.contains(char::is_whitespace) {
        return Some("a name has no spaces; write `[REGISTRY/]NAME[:TAG]`");
    }
    let (tagged, digest) = match name.split_once('@') {
        Some((tagged, digest)) => (tagged, Some(digest)),
        None => (name, None),
    };
    // A colon before a slash is that of a port.
    let (path, tag) = match tagged.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (tagged, None),
    };
    let repository = match path.split_once('/') {
        Some((first, rest)) if is_registry(first) => rest,
        _ => path,
    };
    if repository.contains(|c: char| c.is_ascii_uppercase()) {
        return Some("a name is in lower case; only registry and tag may have capitals");
    }
    if path.len() > LONGEST || !repository.split('/').all(is_component) {
        return Some(
            "a name is letters and digits in lower case, with single `.`, `-`, `_` or `/` between them",
        );
    }
    if !tag.is_none_or(is_tag) {
        return Some(
            "a tag is up to 128 letters, digits, `_`, `.` and `-`, and begins with one of the first three",
        );
    }
    if !digest.is_none_or(is_digest) {
        return Some("a digest is written `sha256:` and 64 hex digits");
    }
    None
}

/// Docker's rule: what could not be the first part of a name is a host.
fn is_registry(first: &str) -> bool {
    let is_host = |c: char| c.is_ascii_alphanumeric() || ".-:[]_".contains(c);
    !first.is_empty()
        && first.chars().all(is_host)
        && (first == "localhost"
            || first.contains(|c: char| c == '.' || c == ':' || c.is_ascii_uppercase()))
}

fn is_component(part: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_separator = |between: &str| {
        matches!(between, "" | "." | "_" | "__") || between.chars().all(|c| c == '-')
    };
    part.starts_with(is_plain) && part.ends_with(is_plain) && part.split(is_plain).all(is_separator)
}

fn is_tag(tag: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= LONGEST_TAG
        && tag.starts_with(is_word)
        && tag.chars().all(|c| is_word(c) || c == '.' || c == '-')
}

fn is_digest(digest: &str) -> bool {
    digest.split_once(':').is_some_and(|(algorithm, hex)| {
        is_tag(algorithm) && hex.len() >= 32 && hex.chars().all(|c| c.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_engines_take_are_taken() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for name in [
            "busybox",
            "busybox:stable",
            "swarm-agent:latest",
            "library/busybox",
            "localhost/swarm-agent:latest",
            "localhost:5000/a/b:V1.2-rc_1",
            "ghcr.io/owner/name",
            "Registry/name",
            "[::1]:5000/name",
            "a__b/c--d.e_f",
            "3f0c9a1b2c4d",
            &digest,
            &format!("busybox@{digest}"),
            &format!("r.io:443/busybox:1@{digest}"),
        ] {
            assert_eq!(problem(name), None, "{name}");
        }
    }

    #[test]
    fn what_cannot_be_a_name_is_told_why() {
        for (name, why) in [
            ("", "empty"),
            ("no such", "no spaces"),
            ("busybox\n", "no spaces"),
            ("Busybox", "lower case"),
            ("docker.io/Library/busybox", "lower case"),
            ("-x", "between them"),
            ("a..b", "between them"),
            ("a___b", "between them"),
            ("a//b", "between them"),
            ("/a", "between them"),
            ("https://a.io/b", "between them"),
            ("caf\u{e9}", "between them"),
            ("../../x", "between them"),
            ("a:", "a tag is"),
            ("a:-b", "a tag is"),
            ("a@sha256:zz", "a digest is"),
            ("a@", "a digest is"),
        ] {
            let problem = problem(name).unwrap_or_else(|| panic!("{name:?} was taken"));
            assert!(problem.contains(why), "{name:?}: {problem}");
        }
        assert!(problem(&"a".repeat(256)).is_some());
        assert!(problem(&format!("a:{}", "b".repeat(129))).is_some());
    }
}
