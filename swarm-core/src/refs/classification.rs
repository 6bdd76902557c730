//! How sensitive a result is, and which MCP servers may see it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::RefError;

/// How sensitive something is, from harmless to most sensitive.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Anybody may see it.
    #[default]
    Public,
    /// Not for outsiders.
    Internal,
    /// Only for those who need it.
    Confidential,
    /// Only for those who are named.
    Restricted,
}

impl Level {
    /// All levels, lowest first.
    pub const ALL: [Self; 4] = [
        Self::Public,
        Self::Internal,
        Self::Confidential,
        Self::Restricted,
    ];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Confidential => "confidential",
            Self::Restricted => "restricted",
        }
    }

    /// 0 for public to 3 for restricted.
    pub const fn numeric(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Level {
    type Err = RefError;
    fn from_str(text: &str) -> Result<Self, RefError> {
        Self::ALL.into_iter().find(|level| level.name() == text).ok_or_else(|| {
            RefError::Invalid(format!(
                "{text:?} is not a classification level; use public, internal, confidential or restricted"
            ))
        })
    }
}

/// The level of a result and the MCP servers that may or may not see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Classification {
    /// How sensitive it is.
    pub level: Level,
    /// If there is a list, only these servers may see it.
    pub allowed_mcps: Option<Vec<String>>,
    /// These servers may not see it, whatever else is said.
    pub denied_mcps: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Written {
    level: Level,
    #[serde(default)]
    level_numeric: u8,
    #[serde(default)]
    allowed_mcps: Option<Vec<String>>,
    #[serde(default)]
    denied_mcps: Option<Vec<String>>,
}

impl From<Written> for Classification {
    fn from(written: Written) -> Self {
        Self {
            level: written.level,
            allowed_mcps: written.allowed_mcps,
            denied_mcps: written.denied_mcps.unwrap_or_default(),
        }
    }
}

impl From<Classification> for Written {
    fn from(c: Classification) -> Self {
        Self {
            level: c.level,
            level_numeric: c.level.numeric(),
            allowed_mcps: c.allowed_mcps,
            denied_mcps: Some(c.denied_mcps),
        }
    }
}

impl Classification {
    /// What holds for something made from both: the higher level, the narrower access.
    #[must_use]
    pub fn combined(self, other: Self) -> Self {
        let allowed_mcps = match (self.allowed_mcps, other.allowed_mcps) {
            (Some(mut ours), Some(theirs)) => {
                ours.retain(|mcp| theirs.contains(mcp));
                Some(ours)
            }
            (ours, theirs) => ours.or(theirs),
        };
        let mut denied_mcps = self.denied_mcps;
        denied_mcps.extend(other.denied_mcps);
        denied_mcps.sort();
        denied_mcps.dedup();
        Self {
            level: self.level.max(other.level),
            allowed_mcps,
            denied_mcps,
        }
    }

    /// Why `mcp` may not see this; `None` if it may.
    pub fn objection(&self, mcp: &str) -> Option<String> {
        if self.denied_mcps.iter().any(|denied| denied == mcp) {
            return Some(format!(
                "MCP '{mcp}' denied for classification '{}'",
                self.level
            ));
        }
        let allowed = self.allowed_mcps.as_ref()?;
        (!allowed.iter().any(|name| name == mcp)).then(|| {
            format!(
                "MCP '{mcp}' not in allowed list for classification '{}'",
                self.level
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn classification() -> impl Strategy<Value = Classification> {
        let names = || proptest::collection::vec("[ab]", 0..3);
        (0..4usize, proptest::option::of(names()), names()).prop_map(|(level, allowed, denied)| {
            Classification {
                level: Level::ALL[level],
                allowed_mcps: allowed,
                denied_mcps: denied,
            }
        })
    }

    proptest! {
        #[test]
        fn what_is_made_from_two_is_never_less_guarded_than_either(
            a in classification(), b in classification(), mcp in "[abc]"
        ) {
            let both = a.clone().combined(b.clone());
            prop_assert!(both.level >= a.level && both.level >= b.level);
            if a.objection(&mcp).is_some() || b.objection(&mcp).is_some() {
                prop_assert!(both.objection(&mcp).is_some());
            }
        }
    }

    #[test]
    fn the_denied_list_wins_over_the_allowed_list() {
        let c = Classification {
            level: Level::Restricted,
            allowed_mcps: Some(vec!["slack".to_owned()]),
            denied_mcps: vec!["slack".to_owned()],
        };
        assert_eq!(
            c.objection("slack").as_deref(),
            Some("MCP 'slack' denied for classification 'restricted'")
        );
    }
}
