//! Each setting with its value and where it came from.

use serde::Serialize;
use serde_json::Value;

use super::Config;

/// One setting.
#[derive(Debug, Serialize)]
pub(crate) struct Explained {
    /// Its name; each pool has its own.
    pub(crate) setting: String,
    /// Its value.
    pub(crate) value: Value,
    /// Where it was set, such as `SWARM_HOME` or `image in /etc/swarm.toml`.
    pub(crate) from: String,
}

/// All settings, by name.
pub(crate) fn explain(config: &Config) -> Vec<Explained> {
    let values = serde_json::to_value(&config.settings).unwrap_or_default();
    let mut explained = Vec::new();
    flatten(config, &[], &values, &mut explained);
    explained
}

/// Each value below `path` that is not a table, and each empty table.
fn flatten(config: &Config, path: &[&str], value: &Value, to: &mut Vec<Explained>) {
    match value {
        Value::Object(values) if !values.is_empty() => {
            for (key, value) in values {
                flatten(config, &[path, &[key]].concat(), value, to);
            }
        }
        value => to.push(one(config, path, value)),
    }
}

fn one(config: &Config, path: &[&str], value: &Value) -> Explained {
    let (origin, set_as) = match path {
        ["agents", kind, "image"] => config.origin_of_image(kind),
        path => (config.origin(path), path.to_vec()),
    };
    Explained {
        setting: path.join("."),
        value: value.clone(),
        from: origin.name(&set_as).unwrap_or_else(|| "default".to_owned()),
    }
}
