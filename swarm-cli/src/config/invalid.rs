//! What is wrong with a setting, by the name that its author gave it.

use std::fmt::Display;

use figment2::error::{Actual, Kind};
use swarm_core::{agents, error_code::ErrorCode, suggest::nearest};

use super::{
    origin::Origin,
    setting::{SETTINGS, Setting},
};
use crate::error::CliError;

/// The error for a value that cannot be read.
pub(super) fn unreadable(error: &figment2::Error) -> CliError {
    let origin = Origin::of(error.metadata.as_ref());
    let path: Vec<&str> = error.path.iter().map(String::as_str).collect();
    match &error.kind {
        Kind::UnknownField(key, _) => unknown(key, &origin),
        Kind::InvalidType(found, _) | Kind::InvalidValue(found, _) if !path.is_empty() => {
            must_be(&path, &origin, shown(found))
        }
        Kind::UnknownVariant(found, _) if !path.is_empty() => {
            must_be(&path, &origin, format!("{found:?}"))
        }
        // Of a text that is no size.
        Kind::Message(_) if path == ["max_output"] => must_be(&path, &origin, "no size"),
        kind => {
            let kind = kind.to_string();
            let kind = kind.trim_end();
            CliError::usage(match (&origin, path.as_slice()) {
                (Origin::File(file), []) => format!("cannot read {}: {kind}", file.display()),
                (origin, path) => format!("{}: {kind}", called(path, origin)),
            })
        }
    }
}

/// The error for a value that makes no sense.
pub(super) fn must_be(path: &[&str], origin: &Origin, found: impl Display) -> CliError {
    let setting = path.first().and_then(|key| Setting::of(key));
    let right = match (setting, path) {
        (Some(setting), ["resources"]) => {
            format!("a table of pools, each {}", setting.must_be)
        }
        (Some(setting), ["agents"]) => {
            format!(
                "a table of kinds of agents, each with an `image`, {}",
                setting.must_be
            )
        }
        (Some(setting), ["agents", _]) => format!("a table with an `image`, {}", setting.must_be),
        (Some(setting), _) => setting.must_be.to_owned(),
        (None, _) => "something else".to_owned(),
    };
    CliError::usage(format!(
        "{} is {found}; it must be {right}",
        called(path, origin)
    ))
}

/// The error for a key that nothing knows.
pub(super) fn unknown(key: &str, origin: &Origin) -> CliError {
    let keys = SETTINGS.map(|setting| setting.key);
    let hint = match nearest(key, keys) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("there are {}", keys.join(", ")),
    };
    let name = origin.name(&[key]).unwrap_or_else(|| key.to_owned());
    CliError::new(
        ErrorCode::UnknownField,
        format!("{name} is no setting; {hint}"),
    )
}

/// The error for a kind that nothing knows.
pub(super) fn unknown_kind(path: &[&str], origin: &Origin) -> CliError {
    let kind = path.last().copied().unwrap_or_default();
    let hint = match nearest(kind, agents::names()) {
        Some(known) => format!("did you mean `{known}`?"),
        None if kind == "command" => "that of commands is set as `image`".to_owned(),
        None => format!(
            "there are {}",
            agents::names().collect::<Vec<_>>().join(", ")
        ),
    };
    CliError::new(
        ErrorCode::UnknownField,
        format!(
            "{}: {kind:?} is no kind of agents; {hint}",
            called(path, origin)
        ),
    )
}

fn called(path: &[&str], origin: &Origin) -> String {
    origin.name(path).unwrap_or_else(|| path.join("."))
}

/// A value as it was written, as far as that is known.
fn shown(found: &Actual) -> String {
    match found {
        Actual::Bool(value) => value.to_string(),
        Actual::Unsigned(value) => value.to_string(),
        Actual::Signed(value) => value.to_string(),
        Actual::Float(value) => value.to_string(),
        Actual::Char(value) => format!("{value:?}"),
        Actual::Str(value) => format!("{value:?}"),
        Actual::Seq => "a list".to_owned(),
        Actual::Map => "a table".to_owned(),
        other => other.to_string(),
    }
}
