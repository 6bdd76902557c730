//! Values of environment variables, kept apart from the log: a log is for ever, and these are secrets.

use std::{collections::BTreeMap, fmt, io};

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use crate::{hash, ids::RunId};

/// The field of a sandbox that holds them.
const FIELD: &str = "env_vars";

/// Keeps the values of a run from its beginning to its end, so that it can be resumed. What it is given is a secret.
pub trait Vault: fmt::Debug + Send + Sync {
    /// Keeps `values` for `run`, in place of others. Durable when it returns.
    fn keep<'a>(&'a self, run: &'a RunId, values: String) -> BoxFuture<'a, io::Result<()>>;

    /// What is kept for `run`, if anything is.
    fn recall<'a>(&'a self, run: &'a RunId) -> BoxFuture<'a, io::Result<Option<String>>>;

    /// Forgets what is kept for `run`. Fine if nothing is.
    fn forget<'a>(&'a self, run: &'a RunId) -> BoxFuture<'a, io::Result<()>>;
}

/// Values, by the JSON pointers of the objects that they are in; those of other events than the first have the hash of
/// their event before that.
pub(super) type Values = BTreeMap<String, Map<String, Value>>;

/// The kind of the event whose values are named by pointers alone.
const FIRST: &str = "run_started";

/// Names the values that were taken out of one event, of which `data` is left.
pub(super) fn of_event(
    taken: Values,
    kind: &str,
    data: &str,
) -> impl Iterator<Item = (String, Map<String, Value>)> {
    let prefix = prefix(kind, data);
    taken
        .into_iter()
        .map(move |(at, vars)| (format!("{prefix}{at}"), vars))
}

/// The values of one event, of which `data` is left, by their pointers.
pub(super) fn in_event(
    values: Values,
    kind: &str,
    data: &str,
) -> impl Iterator<Item = (String, Map<String, Value>)> {
    let prefix = prefix(kind, data);
    values.into_iter().filter_map(move |(at, vars)| {
        let at = at.strip_prefix(&prefix)?;
        at.starts_with('/').then(|| (at.to_owned(), vars))
    })
}

fn prefix(kind: &str, data: &str) -> String {
    if kind == FIRST {
        String::new()
    } else {
        hash::hex(data.as_bytes())
    }
}

/// Takes the values out of `event`; names stay, without a value.
pub(super) fn take(event: &mut Value) -> Values {
    let mut values = Values::new();
    take_below(event, &mut String::new(), &mut values);
    values
}

fn take_below(value: &mut Value, at: &mut String, values: &mut Values) {
    let length = at.len();
    match value {
        Value::Object(fields) => {
            for (name, below) in fields {
                at.push('/');
                at.push_str(&name.replace('~', "~0").replace('/', "~1"));
                match below {
                    Value::Object(vars)
                        if name == FIELD
                            && !vars.is_empty()
                            && vars.values().all(Value::is_string) =>
                    {
                        values.insert(at.clone(), vars.clone());
                        for value in vars.values_mut() {
                            *value = Value::String(String::new());
                        }
                    }
                    below => take_below(below, at, values),
                }
                at.truncate(length);
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter_mut().enumerate() {
                at.push('/');
                at.push_str(&i.to_string());
                take_below(item, at, values);
                at.truncate(length);
            }
        }
        _ => {}
    }
}

/// Puts back what was taken out.
pub(super) fn put_back(
    event: &mut Value,
    values: impl IntoIterator<Item = (String, Map<String, Value>)>,
) {
    for (at, vars) in values {
        if let Some(place) = event.pointer_mut(&at) {
            *place = Value::Object(vars);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_taken_out_and_put_back_is_what_it_was() {
        let vars = json!({"A": "canary-1", "B": ""});
        let event = json!({
            "plan": {"par": [
                {"spec": {"prompt": "p", "sandbox": {"env_vars": vars, "tools": ["env_vars"]}}},
                {"spec": {"sandbox": {"env_vars": {}}}},
                {"a/b~c": {"env_vars": {"C": "canary-2"}}},
            ]},
            "schema": {"env_vars": {"type": ["object"]}},
        });
        let mut written = event.clone();
        let values = take(&mut written);
        assert!(!written.to_string().contains("canary"), "{written}");
        let names = written.pointer("/plan/par/0/spec/sandbox/env_vars");
        assert_eq!(names, Some(&json!({"A": "", "B": ""})));
        assert_eq!(values.len(), 2);
        let kept = serde_json::to_string(&values).unwrap();
        put_back(&mut written, serde_json::from_str::<Values>(&kept).unwrap());
        assert_eq!(written, event);
    }
}
