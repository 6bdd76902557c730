//! Changes that governors want.

mod envelope;
mod gates;
mod jumps;
mod parts;
mod power;
mod sandbox;

use serde_json::Value;
use swarm_core::{
    evaluate::merge_patch,
    plan::{Patcher, Program},
    spec::{NoSandboxes, SandboxSpec},
    types::TypeRegistry,
};

use crate::{
    compile::{compile, freeze::Kept},
    source::Source,
    surroundings::Surroundings,
};

/// The longest definition that a change may lead to, in bytes of JSON.
const MAX_DEFINITION: usize = 4 << 20;

/// Changes pipelines that are under way, as governors want it, and refuses what would widen them.
///
/// A governor reads what agents wrote, so what it wants may be what somebody else wants. Whatever it changes: each agent of the
/// changed pipeline can reach and spend no more than some agent of the present one. That holds for mounts, network, tools, MCP
/// servers, variables, image, program, files and folder, model, GPU, memory, processors, time and money, and for results of other
/// runs that are read. A program counts no less than it did. Limits and classification can only become tighter, governors stay as they are,
/// no step may be entered by jumps more often than before, and what stands behind a guard or behind a person's approval stays behind it.
#[derive(Clone, Debug)]
pub struct PipelinePatcher {
    types: TypeRegistry,
}

impl PipelinePatcher {
    /// One that finds types in `types`. Everything else that a definition names is in the program.
    pub const fn new(types: TypeRegistry) -> Self {
        Self { types }
    }
}

impl Patcher for PipelinePatcher {
    fn patch(&self, program: &Program, patch: &Value) -> Result<Program, String> {
        let mut definition = (*program.definition).clone();
        merge_patch(&mut definition, patch.clone()).map_err(|error| error.to_string())?;
        let length = definition.to_string().len();
        if length > MAX_DEFINITION {
            return Err(format!(
                "the changed definition has {length} bytes, and at most {MAX_DEFINITION} are taken"
            ));
        }
        let kept = Kept::of(program);
        let restore = |spec: &mut SandboxSpec| kept.restore(spec);
        let around = Surroundings::new(&NoSandboxes, &self.types)
            .with_agent(None)
            .with_paths(&restore);
        let compiled = compile(&Source::value(&definition), &around);
        let mut changed = compiled.map_err(|error| error.to_string())?.program;
        changed.given.clone_from(&program.given);
        // The definition still has `{input}` where the steps that run have what it stands for.
        if let Some(input) = &program.input {
            changed.fill(input);
        }
        let objections = envelope::objections(program, &changed);
        if objections.is_empty() {
            Ok(changed)
        } else {
            Err(objections.join("; "))
        }
    }
}
