//! Each setting with its value and where it came from.

use figment2::Source;
use serde::Serialize;

use super::Config;

/// One setting.
#[derive(Debug, Serialize)]
pub(crate) struct Origin {
    /// Its name.
    pub(crate) setting: String,
    /// Its value.
    pub(crate) value: serde_json::Value,
    /// Where it was set.
    pub(crate) from: String,
}

/// All settings, by name.
pub(crate) fn explain(config: &Config) -> Vec<Origin> {
    let values = serde_json::to_value(&config.settings).unwrap_or_default();
    let settings = values.as_object().cloned().unwrap_or_default();
    settings
        .into_iter()
        .map(|(setting, value)| Origin {
            from: origin(config, &setting),
            setting,
            value,
        })
        .collect()
}

fn origin(config: &Config, setting: &str) -> String {
    // A map is made of parts; the first of them tells.
    let part = config
        .settings
        .resources
        .keys()
        .next()
        .filter(|_| setting == "resources")
        .map(|pool| format!("resources.{pool}"));
    let metadata = config
        .figment
        .find_metadata(part.as_deref().unwrap_or(setting));
    let Some(metadata) = metadata else {
        return "default".to_owned();
    };
    match &metadata.source {
        Some(Source::File(path)) => path.display().to_string(),
        _ if metadata.name.contains("environment") => "environment".to_owned(),
        _ => metadata.name.to_string(),
    }
}
