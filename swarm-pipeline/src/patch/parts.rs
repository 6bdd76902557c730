//! What a plan is made of.

use swarm_core::plan::Plan;

/// The plans right within a plan; none if that is not known here.
pub(super) fn parts_of(plan: &Plan) -> Option<Vec<&Plan>> {
    Some(match plan {
        Plan::Run { .. } | Plan::Guard { .. } | Plan::Approve { .. } => Vec::new(),
        Plan::Seq { stages: plans }
        | Plan::Par {
            branches: plans, ..
        }
        | Plan::Race { branches: plans } => plans.iter().collect(),
        Plan::Map { template: body, .. }
        | Plan::Retry { body, .. }
        | Plan::Limit { body, .. }
        | Plan::Iterate { body, .. }
        | Plan::FanOut { template: body, .. } => vec![body],
        Plan::Reduce { body, reducer, .. } => {
            body.iter().chain([reducer]).map(|plan| &**plan).collect()
        }
        Plan::Judge { body, .. } => body.iter().map(|plan| &**plan).collect(),
        Plan::Hunt { strategies, .. } => strategies.iter().map(|way| &*way.template).collect(),
        Plan::Pipeline { program } => program.steps.iter().map(|step| &step.work).collect(),
        _ => return None,
    })
}
