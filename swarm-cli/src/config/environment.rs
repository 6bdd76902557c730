//! Settings that are in the environment.

use std::collections::BTreeMap;

use serde_json::Value;
use swarm_core::error_code::ErrorCode;

use super::{IMAGE_PREFIX, POOL_PREFIX, setting::SETTINGS};
use crate::error::CliError;

/// What the environment sets, as a file would: settings by key, pools below `resources`, images of kinds below `agents`.
///
/// A variable that is empty is not set: it is how a shell takes one away for a single command.
pub(super) fn environment() -> Result<BTreeMap<&'static str, Value>, CliError> {
    let mut set = BTreeMap::new();
    let mut pools = serde_json::Map::new();
    let mut agents = serde_json::Map::new();
    for (name, value) in std::env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        let setting = SETTINGS
            .iter()
            .find(|setting| setting.variable == name || setting.also == Some(name));
        let is_second = setting.is_some_and(|setting| setting.variable != name);
        let pool = name.strip_prefix(POOL_PREFIX);
        let kind = name.strip_prefix(IMAGE_PREFIX);
        if value.is_empty() || (setting.is_none() && pool.is_none() && kind.is_none()) {
            continue;
        }
        let Some(text) = value.to_str() else {
            return Err(CliError::new(
                ErrorCode::InvalidInput,
                format!("{name} is not UTF-8 text; give it another value, or unset it"),
            ));
        };
        match (setting, pool, kind) {
            (Some(setting), ..) => {
                let value = if setting.is_switch {
                    switch(text)
                } else if setting.is_number {
                    number(text)
                } else {
                    text.into()
                };
                // In which order they come is not known.
                if is_second {
                    set.entry(setting.key).or_insert(value);
                } else {
                    set.insert(setting.key, value);
                }
            }
            // A pool keeps the case of its name.
            (None, Some(pool), _) => drop(pools.insert(pool.to_owned(), number(text))),
            (None, None, Some(kind)) => {
                let image = serde_json::json!({"image": text});
                drop(agents.insert(kind.to_lowercase(), image));
            }
            (None, None, None) => {}
        }
    }
    if !agents.is_empty() {
        set.insert("agents", agents.into());
    }
    if !pools.is_empty() {
        set.insert("resources", pools.into());
    }
    Ok(set)
}

/// On or off; what is neither will be refused by name.
fn switch(text: &str) -> Value {
    match text {
        "1" | "true" => true.into(),
        "0" | "false" => false.into(),
        _ => text.into(),
    }
}

/// The number that `text` is; what is none will be refused by name.
fn number(text: &str) -> Value {
    match (text.parse::<u64>(), text.parse::<f64>()) {
        (Ok(whole), _) => whole.into(),
        (Err(_), Ok(number)) if number.is_finite() => number.into(),
        _ => text.into(),
    }
}
