//! What a program is, in 64 digits.

use std::io::{self, BufWriter};

use serde::Serialize;
use serde_json::Value;
use swarm_core::{
    hash::Hasher,
    plan::{Plan, Program},
    spec::AgentSpec,
};

/// SHA-256 of everything that a program does. What is only said of it does not count, nor do values of environment variables,
/// which could be guessed from it.
pub(crate) fn digest(program: &Program) -> String {
    let mut hasher = Bytes(Hasher::new());
    let about = (
        &program.name,
        program.entry,
        &program.given,
        &program.limits,
    );
    add(&mut hasher, &about);
    for step in &program.steps {
        let has_more = |agent: &&AgentSpec| agent.sandbox.env_vars.names().next().is_some();
        // Most steps hold nothing that has to be left out.
        if !has_program(&step.work) && !step.work.agents().iter().any(has_more) {
            add(&mut hasher, step);
        } else {
            add_reduced(&mut hasher, step);
        }
    }
    for governor in &program.governors {
        add_reduced(&mut hasher, &governor);
    }
    hasher.0.finish()
}

/// A hash that can be written to.
struct Bytes(Hasher);

impl io::Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.add(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn add(hasher: &mut Bytes, part: &impl Serialize) {
    // JSON comes in parts of a few bytes.
    let mut buffered = BufWriter::new(&mut *hasher);
    // Neither a hash nor a program can fail to be written.
    drop(serde_json::to_writer(&mut buffered, part));
    drop(buffered);
    hasher.0.add(b"\n");
}

fn add_reduced(hasher: &mut Bytes, part: &impl Serialize) {
    let mut value = serde_json::to_value(part).unwrap_or_default();
    reduce(&mut value);
    add(hasher, &value);
}

/// Whether there may be a pipeline in it.
fn has_program(plan: &Plan) -> bool {
    match plan {
        Plan::Run { .. } | Plan::Guard { .. } | Plan::Approve { .. } => false,
        Plan::Map { template: body, .. }
        | Plan::Retry { body, .. }
        | Plan::Limit { body, .. }
        | Plan::Iterate { body, .. } => has_program(body),
        Plan::Seq { stages: plans }
        | Plan::Par {
            branches: plans, ..
        }
        | Plan::Race { branches: plans } => plans.iter().any(has_program),
        _ => true,
    }
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
