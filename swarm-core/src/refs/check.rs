//! What may be asked of a result before it is used.

use serde::{Deserialize, Serialize};

use super::{Level, Ref, RefError};
use crate::{evaluate::Verdict, suggest};

/// Something that must hold of a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// There is such a result.
    Exists,
    /// The budget of its run was not overspent when it was made.
    Budget,
    /// It is not too sensitive for these.
    Classification(Audience),
    /// It is not encrypted, or by this key.
    Encrypted {
        /// The id of the key that the caller has.
        key_id: Option<String>,
    },
    /// It is encrypted.
    MustBeEncrypted,
    /// It was validated.
    Validated {
        /// As what; anything will do if it is not said.
        declared: Option<String>,
    },
    /// Neither its text nor where it came from was changed since.
    Integrity,
}

/// Who is to see a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Each of these MCP servers.
    Mcps(Vec<String>),
    /// Somebody who may see this level and what is below it.
    UpTo(Level),
}

impl Check {
    /// The names of all checks.
    pub const NAMES: [&str; 7] = [
        "exists",
        "budget",
        "classification",
        "encrypted",
        "must_be_encrypted",
        "validated",
        "integrity",
    ];

    /// The check called `name` with its value.
    ///
    /// The value of `classification` is a level, the name of an MCP server, or a JSON list of such names (without one
    /// it passes); a name that looks like a misspelt level must be in a list. That of `encrypted` is the id of a key, that of `validated` the name of a type. The others take none.
    ///
    /// # Errors
    ///
    /// [`RefError::Invalid`] if no check has this name, or it cannot have this value.
    pub fn parse(name: &str, value: Option<&str>) -> Result<Self, RefError> {
        let text = value.map(str::to_owned);
        let check = match name {
            "classification" => return Ok(Self::Classification(Audience::parse(value)?)),
            "encrypted" => return Ok(Self::Encrypted { key_id: text }),
            "validated" => return Ok(Self::Validated { declared: text }),
            "exists" => Self::Exists,
            "budget" => Self::Budget,
            "must_be_encrypted" => Self::MustBeEncrypted,
            "integrity" => Self::Integrity,
            _ => {
                let hint = match suggest::nearest(name, Self::NAMES) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}", Self::NAMES.join(", ")),
                };
                return Err(RefError::Invalid(format!("unknown check {name:?}; {hint}")));
            }
        };
        match value {
            None => Ok(check),
            Some(value) => Err(RefError::Invalid(format!(
                "the check `{name}` takes no value, but {value:?} was given"
            ))),
        }
    }
}

impl Audience {
    fn parse(value: Option<&str>) -> Result<Self, RefError> {
        let Some(value) = value.map(str::trim) else {
            return Ok(Self::Mcps(Vec::new()));
        };
        if let Ok(level) = value.parse() {
            return Ok(Self::UpTo(level));
        }
        if value.starts_with('[') {
            return serde_json::from_str(value)
                .map(Self::Mcps)
                .map_err(|error| {
                    RefError::Invalid(format!(
                        "{value} is not a list of MCP server names: {error}"
                    ))
                });
        }
        if value.is_empty() {
            return Err(RefError::Invalid(
                "`classification` needs a level or the name of an MCP server".to_owned(),
            ));
        }
        // A misspelt level would else be a server that nothing was ever denied.
        if let Some(near) = suggest::nearest(value, Level::ALL.map(Level::name)) {
            return Err(RefError::Invalid(format!(
                "{value:?} is not a classification level; did you mean the level `{near}`? A server with such a name \
                 is written as a list: {}",
                serde_json::Value::from(vec![value])
            )));
        }
        Ok(Self::Mcps(vec![value.to_owned()]))
    }
}

impl Check {
    /// What the reference alone says against it. Whether its text was changed only its store can tell.
    pub fn objection(&self, found: &Ref) -> Option<String> {
        let id = &found.id;
        match self {
            Self::Exists | Self::Integrity => None,
            Self::Budget => over_budget(found),
            Self::Classification(audience) => too_sensitive(found, audience),
            Self::Encrypted { key_id } => match (&found.stamps.encrypted, key_id) {
                (None, _) => None,
                (Some(_), None) => Some(format!("ref {id} is encrypted, and no key was given")),
                (Some(stamp), Some(given)) => (stamp.key_id != *given)
                    .then(|| format!("ref {id} is encrypted, and not by key {given:?}")),
            },
            Self::MustBeEncrypted => found
                .stamps
                .encrypted
                .is_none()
                .then(|| format!("ref {id} is not encrypted; `swarm encrypt {id}` does that")),
            Self::Validated { declared } => not_validated(found, declared.as_deref()),
        }
    }
}

fn not_validated(found: &Ref, declared: Option<&str>) -> Option<String> {
    let stamp = found.stamps.validated.as_ref();
    let passes = stamp.is_some_and(|stamp| {
        stamp.validation_verdict == Verdict::Valid
            && declared.is_none_or(|declared| stamp.validated_as == declared)
    });
    let current = stamp.map_or_else(
        || "not validated".to_owned(),
        |stamp| format!("{} as '{}'", stamp.validation_verdict, stamp.validated_as),
    );
    (!passes).then(|| match declared {
        Some(declared) => format!("Ref not validated as '{declared}' (current: {current})"),
        None => format!("ref {} was not found valid (current: {current})", found.id),
    })
}

fn over_budget(found: &Ref) -> Option<String> {
    let budget = found.stamps.budget.as_ref()?;
    let limit = budget.limit?;
    let spent = budget.spent_so_far;
    (spent > limit).then(|| format!("Budget exceeded: spent {spent}, limit {limit}"))
}

fn too_sensitive(found: &Ref, audience: &Audience) -> Option<String> {
    let classification = found.stamps.classification.clone().unwrap_or_default();
    match audience {
        Audience::Mcps(mcps) => mcps.iter().find_map(|mcp| classification.objection(mcp)),
        Audience::UpTo(ceiling) => (classification.level > *ceiling).then(|| {
            let (id, level) = (&found.id, classification.level);
            format!("ref {id} is classified '{level}', which is above '{ceiling}'")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_known_by_name_and_value() {
        let mcps = |names: &[&str]| {
            let names = names.iter().map(|&name| name.to_owned()).collect();
            Check::Classification(Audience::Mcps(names))
        };
        let parsed = |name, value| Check::parse(name, value).unwrap();
        assert_eq!(parsed("exists", None), Check::Exists);
        assert_eq!(parsed("classification", None), mcps(&[]));
        assert_eq!(parsed("classification", Some("slack")), mcps(&["slack"]));
        assert_eq!(
            parsed("classification", Some(r#"["slack", "mail"]"#)),
            mcps(&["slack", "mail"])
        );
        assert_eq!(
            parsed("classification", Some(r#"["publik"]"#)),
            mcps(&["publik"])
        );
        assert_eq!(
            parsed("classification", Some("internal")),
            Check::Classification(Audience::UpTo(Level::Internal))
        );
        for name in Check::NAMES {
            assert!(Check::parse(name, None).is_ok(), "{name}");
        }
    }

    #[test]
    fn an_unknown_check_never_passes() {
        let error = |name, value| Check::parse(name, value).unwrap_err().to_string();
        assert_eq!(
            error("exist", None),
            "unknown check \"exist\"; did you mean `exists`?"
        );
        assert!(error("frobnicate", None).contains("there are exists, budget"));
        assert!(error("exists", Some("yes")).contains("takes no value"));
        for typo in ["confidentail", "Restricted", "publc", "internl"] {
            assert!(error("classification", Some(typo)).contains("did you mean the level"));
        }
        assert!(error("classification", Some("[1]")).contains("not a list"));
        assert!(error("classification", Some(" ")).contains("needs a level"));
    }
}
