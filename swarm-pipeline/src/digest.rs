//! What a program is, in 64 digits.

use serde_json::Value;
use swarm_core::{hash, plan::Program};

/// SHA-256 of everything that a program does. What is only said of it does not count, nor do values of environment variables,
/// which could be guessed from it.
pub(crate) fn digest(program: &Program) -> String {
    let mut value = serde_json::to_value(program).unwrap_or_default();
    reduce(&mut value);
    hash::hex(value.to_string().as_bytes())
}

fn reduce(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(reduce),
        Value::Object(fields) => {
            // A program, also one within: its digest says all that there is to say of its definition.
            if fields.contains_key("digest") && fields.contains_key("steps") {
                fields.remove("definition");
            }
            for (name, value) in fields {
                match value {
                    Value::Object(vars) if name == "env_vars" => {
                        vars.values_mut().for_each(|value| *value = Value::Null);
                    }
                    value => reduce(value),
                }
            }
        }
        _ => {}
    }
}
