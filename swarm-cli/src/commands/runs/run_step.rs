//! A run, and perhaps one of its steps.

use std::str::FromStr;

use swarm_core::ids::{InvalidName, RunId, StepId};

/// As `RUN` or `RUN/STEP`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunStep {
    pub(crate) run: RunId,
    pub(crate) step: Option<String>,
}

impl FromStr for RunStep {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let (run, step) = match text.split_once('/') {
            None => (text, None),
            Some((run, step)) => (run, Some(step)),
        };
        Ok(Self {
            run: run.parse()?,
            step: step.map(StepId::new).transpose()?.map(String::from),
        })
    }
}
