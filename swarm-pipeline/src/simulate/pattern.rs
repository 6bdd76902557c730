//! Which agents somebody means.

use serde::{Deserialize, Serialize};

/// The name of a step, or of an agent with `*` for anything.
///
/// `fix` is every agent that works in the step `fix`, whichever visit it is: `fix`, `fix.2`, `fix.agent-0`. `*.governor` is every agent
/// whose name ends so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Pattern(String);

/// How far a name is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// The name itself.
    Name,
    /// Something within what is meant: an agent of a step.
    Within,
}

impl Pattern {
    pub(super) fn new(pattern: &str) -> Self {
        Self(pattern.to_owned())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// How `name` is meant, if it is.
    pub(super) fn fit(&self, name: &str) -> Option<Fit> {
        if matches(self.0.as_bytes(), name.as_bytes()) {
            return Some(Fit::Name);
        }
        let dots = name.match_indices('.').map(|(at, _)| at);
        let mut starts = dots.filter_map(|at| name.get(..at));
        starts
            .any(|start| matches(self.0.as_bytes(), start.as_bytes()))
            .then_some(Fit::Within)
    }
}

/// Whether `name` is `pattern`, in which `*` stands for anything. Takes no more steps than both lengths multiplied.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    // Where the last `*` was, and how much of the name it stands for so far.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(byte) if name.get(n) == Some(byte) => {
                p += 1;
                n += 1;
            }
            _ => match &mut star {
                Some((at, taken)) => {
                    *taken += 1;
                    (p, n) = (*at + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern
        .get(p..)
        .is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_means_its_agents_and_a_star_means_anything() {
        for (pattern, name, fit) in [
            ("fix", "fix", Some(Fit::Name)),
            ("fix", "fix.2", Some(Fit::Within)),
            ("fix", "fix.agent-0", Some(Fit::Within)),
            ("fix", "fixed", None),
            ("fix.2", "fix", None),
            ("*.governor", "test.2.governor", Some(Fit::Name)),
            ("*.governor", "test.governor.agent-1", Some(Fit::Within)),
            ("t*t", "test", Some(Fit::Name)),
            ("*", "anything.at-all", Some(Fit::Name)),
            ("", "x", None),
            ("a*b*c", "a.b.b", None),
        ] {
            assert_eq!(Pattern::new(pattern).fit(name), fit, "{pattern} {name}");
        }
    }
}
