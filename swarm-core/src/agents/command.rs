//! Any program: prompt on stdin, text on stdout, the exit status decides.

use super::{AgentKind, Invocation, Transcript, checks};
use crate::{
    money::Usd,
    spec::{Agent, AgentSpec, SpecError},
};

pub(super) struct Command;

fn argv(spec: &AgentSpec) -> &[String] {
    match &spec.agent {
        Agent::Command(argv) => argv,
        Agent::Named(_) => &[],
    }
}

impl AgentKind for Command {
    fn name(&self) -> &'static str {
        "command"
    }

    fn check(&self, spec: &AgentSpec) -> Result<(), SpecError> {
        let argv = argv(spec);
        if argv.first().is_none_or(String::is_empty) {
            Err(SpecError::shape("agent.command", "it names no program"))
        } else if argv.iter().any(|arg| arg.contains('\0')) {
            Err(SpecError::shape(
                "agent.command",
                "an argument holds a NUL byte",
            ))
        } else {
            checks::check_no_mcps(spec, self.name())
        }
    }

    fn invocation(&self, spec: &AgentSpec) -> Invocation {
        Invocation::new(argv(spec))
    }

    fn transcript(&self) -> Option<Box<dyn Transcript>> {
        None
    }

    /// A program is free unless its author says that it is not.
    fn worst_case(&self, spec: &AgentSpec) -> Usd {
        spec.sandbox.max_budget.unwrap_or(Usd::ZERO)
    }

    fn cost(&self, spec: &AgentSpec) -> Option<Usd> {
        spec.sandbox.max_budget.is_none().then_some(Usd::ZERO)
    }

    fn model(&self, _: &AgentSpec) -> Option<String> {
        None
    }
}
