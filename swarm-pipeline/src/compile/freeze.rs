//! The definition as the program keeps it.
//!
//! It is shown to governors, who change it, and it is made into a program again then. So it holds what its names stand for, and no
//! value of an environment variable: models are asked with it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use swarm_core::{
    plan::{Plan, Program},
    spec::{EnvVars, SandboxSpec},
};

use crate::definition::Definition;

/// The values of variables of a program, by the name of the variable. They are numbered in their order.
pub(crate) struct Kept(BTreeMap<String, BTreeSet<String>>);

const BEGINS: &str = "<kept ";

impl Kept {
    pub(crate) fn of(program: &Program) -> Self {
        let mut kept: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let steps = program.steps.iter().map(|step| &step.work);
        for agent in steps.flat_map(Plan::agents) {
            for (name, value) in agent.sandbox.env_vars.iter() {
                let values = kept.entry(name.to_owned()).or_default();
                values.insert(value.to_owned());
            }
        }
        Self(kept)
    }

    /// What stands for a value. Nothing can be made of it without the program.
    fn hidden(&self, name: &str, value: &str) -> String {
        let values = self.0.get(name);
        let number = values.and_then(|values| values.iter().position(|known| known == value));
        // A variable that no agent has is none that one could get.
        let number = number.map_or(0, |number| number + 1);
        format!("{BEGINS}{number}>")
    }

    fn hide(&self, spec: &mut SandboxSpec) {
        if let Some(vars) = &mut spec.env_vars {
            let hidden: EnvVars = vars
                .iter()
                .map(|(name, value)| (name.to_owned(), self.hidden(name, value)))
                .collect();
            *vars = hidden;
        }
    }

    /// Puts values in place of what stands for them. What stands for none is left out.
    pub(crate) fn restore(&self, spec: &mut SandboxSpec) {
        if let Some(vars) = &mut spec.env_vars {
            let restored: EnvVars = vars
                .iter()
                .filter_map(|(name, value)| Some((name.to_owned(), self.value(name, value)?)))
                .collect();
            *vars = restored;
        }
    }

    fn value(&self, name: &str, written: &str) -> Option<String> {
        let number = written
            .strip_prefix(BEGINS)
            .and_then(|rest| rest.strip_suffix('>'))
            .and_then(|number| number.parse::<usize>().ok());
        match number {
            None => Some(written.to_owned()),
            Some(number) => {
                let values = self.0.get(name)?;
                values.iter().nth(number.checked_sub(1)?).cloned()
            }
        }
    }
}

/// The definition as the program keeps it.
pub(super) fn written(mut definition: Definition, program: &Program) -> Value {
    let kept = Kept::of(program);
    definition.each_sandbox(&mut |spec| kept.hide(spec));
    definition.to_value()
}
