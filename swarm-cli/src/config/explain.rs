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
    for (key, value) in values.as_object().into_iter().flatten() {
        match value {
            Value::Object(pools) if !pools.is_empty() => {
                for (pool, value) in pools {
                    explained.push(one(config, &[key, pool], value));
                }
            }
            value => explained.push(one(config, &[key], value)),
        }
    }
    explained
}

fn one(config: &Config, path: &[&str], value: &Value) -> Explained {
    let name = config.origin(path).name(path);
    Explained {
        setting: path.join("."),
        value: value.clone(),
        from: name.unwrap_or_else(|| "default".to_owned()),
    }
}
