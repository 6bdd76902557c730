//! A plan with other agents in it.

use std::sync::Arc;

use super::{Plan, Seeds};
use crate::spec::{AgentSpec, SpecError};

impl Plan {
    /// The same with `change` made to every agent that works, not to those that judge or govern.
    ///
    /// # Errors
    ///
    /// If one of them cannot be run as it is then.
    pub fn changing_agents(
        &self,
        change: &mut impl FnMut(&mut AgentSpec),
    ) -> Result<Self, SpecError> {
        let mut changed = self.clone();
        changed.change(change)?;
        Ok(changed)
    }

    fn change(&mut self, change: &mut impl FnMut(&mut AgentSpec)) -> Result<(), SpecError> {
        let mut agent = |agent: &mut AgentSpec| {
            let mut spec = agent.clone();
            change(&mut spec);
            *agent = AgentSpec::checked(spec)?;
            Ok(())
        };
        match self {
            Self::Run { agent: spec } => agent(spec),
            Self::Seq { stages: plans }
            | Self::Par {
                branches: plans, ..
            }
            | Self::Race { branches: plans } => {
                plans.iter_mut().try_for_each(|plan| plan.change(change))
            }
            Self::Retry { body, .. }
            | Self::Limit { body, .. }
            | Self::Iterate { body, .. }
            | Self::Map { template: body, .. } => body.change(change),
            Self::Reduce { body, reducer, .. } => {
                body.iter_mut().try_for_each(|body| body.change(change))?;
                reducer.change(change)
            }
            Self::Judge { body, .. } => body.iter_mut().try_for_each(|body| body.change(change)),
            Self::FanOut {
                source, template, ..
            } => {
                agent(source)?;
                template.change(change)
            }
            Self::Hunt { strategies, .. } => strategies.iter_mut().try_for_each(|strategy| {
                if let Seeds::Fetched(source) = &mut strategy.seeds {
                    let mut spec = (**source).clone();
                    change(&mut spec);
                    **source = AgentSpec::checked(spec)?;
                }
                strategy.template.change(change)
            }),
            Self::Guard { .. } | Self::Approve { .. } => Ok(()),
            Self::Pipeline { program } => {
                let mut steps = Arc::make_mut(program).steps.iter_mut();
                steps.try_for_each(|step| step.work.change(change))
            }
        }
    }
}
