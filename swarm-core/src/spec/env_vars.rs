//! Environment variables of an agent. Their values are secrets.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

/// Variables given to one agent. `Debug` shows their names only.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "BTreeMap<String, String>")]
pub struct EnvVars(BTreeMap<String, String>);

/// Variables as they are read: an error never quotes what is there, which may be a secret in the wrong place.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected an object of names and texts, such as {\"TOKEN\": \"value\"}; what is there is not shown"
)]
enum Written {
    Vars(BTreeMap<String, String>),
}

impl From<Written> for EnvVars {
    fn from(Written::Vars(vars): Written) -> Self {
        Self(vars)
    }
}

impl From<EnvVars> for BTreeMap<String, String> {
    fn from(vars: EnvVars) -> Self {
        vars.0
    }
}

impl EnvVars {
    /// Name and value of each, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The first name that no environment can hold.
    pub(super) fn invalid_name(&self) -> Option<&str> {
        self.0
            .iter()
            .find(|(name, value)| {
                name.is_empty() || name.contains(['=', '\0']) || value.contains('\0')
            })
            .map(|(name, _)| name.as_str())
    }
}

impl FromIterator<(String, String)> for EnvVars {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(vars: I) -> Self {
        Self(vars.into_iter().collect())
    }
}

impl fmt::Debug for EnvVars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_do_not_appear_in_debug_output() {
        let vars = EnvVars::from_iter([("TOKEN".to_owned(), "canary".to_owned())]);
        assert_eq!(format!("{vars:?}"), r#"{"TOKEN"}"#);
    }

    #[test]
    fn an_error_does_not_quote_what_may_be_a_secret() {
        for written in [
            r#""TOKEN=7001""#,
            r#"["TOKEN=7001"]"#,
            r#"{"TOKEN": 7001}"#,
            r#"{"TOKEN": {"x": "7001"}}"#,
            "7001",
        ] {
            let error = serde_json::from_str::<EnvVars>(written).unwrap_err();
            let error = error.to_string();
            assert!(error.contains("object of names"), "{error}");
            assert!(!error.contains("7001"), "{error}");
        }
    }
}
