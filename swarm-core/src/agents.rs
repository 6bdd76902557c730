//! Kinds of agents: how each is started and what it may cost.

mod command;

use crate::{
    money::Usd,
    spec::{Agent, AgentSpec, SpecError},
    suggest::nearest,
};

/// A program with its arguments and what it needs around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// Program and arguments; never empty.
    pub argv: Vec<String>,
}

/// One kind of agent. To add one, implement this in a file of its own and list it in [`kind_of`].
pub trait AgentKind: Send + Sync {
    /// The name of the kind.
    fn name(&self) -> &'static str;

    /// Refuses what this kind cannot do, before anything runs.
    fn check(&self, spec: &AgentSpec) -> Result<(), SpecError>;

    /// What to start.
    fn invocation(&self, spec: &AgentSpec) -> Invocation;

    /// The most that one run can cost. This much must be left in the budget before it starts.
    fn worst_case(&self, spec: &AgentSpec) -> Usd;

    /// What a run did cost; `None` if nobody can say, and then the worst case counts.
    fn cost(&self, spec: &AgentSpec) -> Option<Usd>;

    /// The model that is asked, if this kind asks one.
    fn model(&self, spec: &AgentSpec) -> Option<String>;
}

/// The kind of `agent`.
pub fn kind_of(agent: &Agent) -> Result<&'static dyn AgentKind, SpecError> {
    match agent {
        Agent::Command(_) => Ok(&command::Command),
        Agent::Named(name) if name == "command" => Err(SpecError::shape(
            "agent \"command\"",
            "say which program: `--agent command -- PROGRAM ARGS` or {\"command\": [\"wc\", \"-l\"]}",
        )),
        Agent::Named(name) => Err(SpecError::UnknownAgent {
            name: name.clone(),
            known: "command".to_owned(),
            suggestion: nearest(name, ["command"]).map(str::to_owned),
        }),
    }
}
