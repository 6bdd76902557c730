//! How often steps may be entered by jumps: a change makes that less, if anything.

use std::collections::HashMap;

use swarm_core::plan::{Plan, Program, Step};

use super::{envelope::MAX_TOLD, parts::parts_of};

/// The steps that are there already and could be entered by more jumps than before, the first few of them.
///
/// A step that no jump may enter is come to in order: past every check and question that is ahead of it.
pub(super) fn raised(present: &Program, changed: &Program) -> Vec<String> {
    let mut had = HashMap::new();
    each_step(present, "", &mut |name, step| {
        let most: &mut u32 = had.entry(name).or_default();
        *most = (*most).max(step.max_retries);
    });
    let mut raised = Vec::new();
    each_step(changed, "", &mut |name, step| {
        if let Some(&before) = had.get(&name)
            && step.max_retries > before
            && raised.len() < MAX_TOLD
        {
            raised.push(format!(
                "the step `{name}` could be entered by a jump {} times and not {before}",
                step.max_retries
            ));
        }
    });
    raised
}

/// Every step and every step of the pipelines within it, by its names from the outermost in.
fn each_step(program: &Program, around: &str, see: &mut dyn FnMut(String, &Step)) {
    for step in &program.steps {
        let name = format!("{around}{}", step.id);
        each_within(&step.work, &format!("{name}/"), see);
        see(name, step);
    }
}

fn each_within(plan: &Plan, around: &str, see: &mut dyn FnMut(String, &Step)) {
    if let Plan::Pipeline { program } = plan {
        return each_step(program, around, see);
    }
    for part in parts_of(plan).into_iter().flatten() {
        each_within(part, around, see);
    }
}
