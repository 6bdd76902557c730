//! What can be the value of a variable with a key or an address.

use crate::{
    agents::AgentKind,
    spec::{AgentSpec, HostPattern, SpecError},
};

/// What is wrong with the value of `name`, which is not shown: it may be a secret. Nothing, if `kind` makes nothing of it.
pub(super) fn problem(
    kind: &dyn AgentKind,
    keys: &[&str],
    name: &str,
    value: &str,
) -> Option<&'static str> {
    let is_address = kind.addresses().contains(&name);
    if value.is_empty() || !(is_address || keys.contains(&name)) {
        return None;
    }
    if value.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Some(
            "it has a line break, a space or a control character, which would go into each request",
        );
    }
    if is_address && HostPattern::of_url(value).is_none() {
        return Some("it is not the address of a server, such as https://gateway.example/v1");
    }
    None
}

/// Refuses keys and addresses in `env_vars` that cannot be any.
///
/// # Errors
///
/// [`SpecError::Shape`] with the name of the variable.
pub(crate) fn check(kind: &dyn AgentKind, spec: &AgentSpec) -> Result<(), SpecError> {
    let keys = kind
        .account(spec)
        .map_or(&[][..], |source| source.variables);
    for (name, value) in spec.sandbox.env_vars.iter() {
        if let Some(problem) = problem(kind, keys, name, value) {
            return Err(SpecError::shape(format!("env_vars {name:?}"), problem));
        }
    }
    Ok(())
}
