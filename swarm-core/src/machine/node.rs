//! One operation of a plan under way.

use super::{
    AgentEnded, Demand, End, par::Par, path::Path, race::Race, reduce::Reduce, retry::Retry,
    run::Run, seq::Seq,
};
use crate::{plan::Plan, prompt::Context};

/// What every operation does. Adding one makes the `match` in [`Node::new`] complain.
pub(super) trait Operation {
    /// Asks for everything that may be started now and was not asked for.
    fn demands(&mut self, path: &mut Path, context: &[Context], out: &mut Vec<Demand>);
    /// Asks for the end of everything under way. May be called again.
    fn cancel(&mut self, path: &mut Path, out: &mut Vec<Demand>);
    /// Takes note of what happened to the agent at `path` below this; `false` if none is awaited there.
    fn apply(&mut self, path: &[u32], event: &AgentEnded) -> bool;
    /// How it ended, once it has.
    fn end(&self) -> Option<&End>;
}

/// Any operation.
#[derive(Debug)]
pub(super) enum Node {
    Run(Run),
    Seq(Seq),
    Par(Par),
    Race(Race),
    Retry(Retry),
    Reduce(Reduce),
}

impl Node {
    pub(super) fn new(plan: Plan) -> Self {
        match plan {
            Plan::Run { agent } => Self::Run(Run::new(*agent)),
            Plan::Seq { stages } => Self::Seq(Seq::new(stages)),
            Plan::Par { branches, limit } => Self::Par(Par::new(branches, limit)),
            Plan::Map {
                template,
                inputs,
                limit,
            } => {
                let branches = inputs.iter().map(|input| template.with_input(input));
                Self::Par(Par::new(branches.collect(), limit))
            }
            Plan::Race { branches } => Self::Race(Race::new(branches)),
            Plan::Retry { body, attempts } => Self::Retry(Retry::new(*body, attempts)),
            Plan::Reduce {
                inputs,
                body,
                reducer,
            } => Self::Reduce(Reduce::new(inputs, body.map(|body| *body), *reducer)),
        }
    }

    fn operation(&self) -> &dyn Operation {
        match self {
            Self::Run(op) => op,
            Self::Seq(op) => op,
            Self::Par(op) => op,
            Self::Race(op) => op,
            Self::Retry(op) => op,
            Self::Reduce(op) => op,
        }
    }

    fn operation_mut(&mut self) -> &mut dyn Operation {
        match self {
            Self::Run(op) => op,
            Self::Seq(op) => op,
            Self::Par(op) => op,
            Self::Race(op) => op,
            Self::Retry(op) => op,
            Self::Reduce(op) => op,
        }
    }
}

impl Operation for Node {
    fn demands(&mut self, path: &mut Path, context: &[Context], out: &mut Vec<Demand>) {
        self.operation_mut().demands(path, context, out);
    }

    fn cancel(&mut self, path: &mut Path, out: &mut Vec<Demand>) {
        self.operation_mut().cancel(path, out);
    }

    fn apply(&mut self, path: &[u32], event: &AgentEnded) -> bool {
        self.operation_mut().apply(path, event)
    }

    fn end(&self) -> Option<&End> {
        self.operation().end()
    }
}
