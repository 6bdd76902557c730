//! What is different between what an agent was asked when it was recorded, and now.

use std::collections::BTreeSet;

use super::entry::Asked;

/// Names what is different, in the words of whoever writes specs; `None` if nothing is.
pub(super) fn difference(recorded: &Asked, now: &Asked) -> Option<String> {
    let names: BTreeSet<&String> = recorded.spec.keys().chain(now.spec.keys()).collect();
    let mut different: Vec<String> = names
        .into_iter()
        .filter(|name| recorded.spec.get(*name) != now.spec.get(*name))
        .map(|name| format!("`{}`", name.escape_debug()))
        .collect();
    if recorded.stdin != now.stdin && !different.iter().any(|name| name == "`prompt`") {
        different.push("what it is told besides its prompt".to_owned());
    }
    let (last, others) = different.split_last()?;
    Some(match others {
        [] => last.clone(),
        others => format!("{} and {last}", others.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(stdin: &str, spec: &[(&str, &str)]) -> Asked {
        Asked {
            stdin: stdin.to_owned(),
            spec: spec
                .iter()
                .map(|(name, hash)| ((*name).to_owned(), (*hash).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn what_is_different_is_named() {
        let recorded = asked("1", &[("prompt", "a"), ("model", "b"), ("agent", "c")]);
        assert_eq!(difference(&recorded, &recorded), None);
        for (now, named) in [
            (
                asked("2", &[("prompt", "x"), ("model", "b"), ("agent", "c")]),
                "`prompt`",
            ),
            (
                asked("2", &[("prompt", "a"), ("model", "b"), ("agent", "c")]),
                "what it is told besides its prompt",
            ),
            (
                asked("1", &[("prompt", "a"), ("agent", "c"), ("tools", "d")]),
                "`model` and `tools`",
            ),
            (
                asked("2", &[("agent", "x"), ("prompt", "a")]),
                "`agent`, `model` and what it is told besides its prompt",
            ),
        ] {
            assert_eq!(difference(&recorded, &now).as_deref(), Some(named));
        }
    }
}
