//! Whether a changed program can do more than the present one.

use std::collections::BTreeSet;

use swarm_core::{
    plan::{Plan, Program},
    refs::Classification,
};

use super::{
    gates::Gates,
    power::{Power, Powers, is_guarded, is_within},
};

/// What speaks against a change.
pub(super) fn objections(present: &Program, changed: &Program) -> Vec<String> {
    let mut objections = limits(present, changed);
    let gates = Gates::of(present);
    objections.extend(gates.objections(changed));
    let had: Vec<(BTreeSet<&str>, Powers<'_>)> = present
        .steps
        .iter()
        .enumerate()
        .map(|(i, step)| {
            let powers = Powers::of(&step.work, &present.limits);
            (gates.before(present, i), powers)
        })
        .collect();
    for (i, step) in changed.steps.iter().enumerate() {
        let is_unchanged = |work: &Plan| {
            let same = present.steps.iter().position(|old| old.work == *work);
            same.is_some_and(|at| {
                had.get(at)
                    .is_some_and(|(before, _)| before.is_subset(&gates.before(changed, i)))
            })
        };
        // The most of a pipeline mostly stays as it is.
        if changed.limits == present.limits && is_unchanged(&step.work) {
            continue;
        }
        let before = gates.before(changed, i);
        let may = || had.iter().filter(|(gates, _)| gates.is_subset(&before));
        let new = Powers::of(&step.work, &changed.limits);
        for power in &new.agents {
            let known = may().flat_map(|(_, powers)| &powers.agents);
            if let Some(beyond) = least_beyond(power, known) {
                objections.push(format!(
                    "an agent of the step `{}` {beyond}, and none that may stand there does",
                    step.id
                ));
            }
        }
        if new.is_unknown {
            objections.push(format!("nobody knows what the step `{}` can do", step.id));
        }
        let refs: BTreeSet<_> = may().flat_map(|(_, powers)| &powers.refs).collect();
        for id in new
            .refs
            .iter()
            .filter(|id| !refs.contains(id) && !present.given.contains(id))
        {
            objections.push(format!("the step `{}` reads {id}, and none does", step.id));
        }
        let governors = || had.iter().flat_map(|(_, powers)| &powers.governors);
        if new
            .governors
            .iter()
            .any(|new| governors().all(|old| old != new))
        {
            objections.push(format!("the step `{}` has another governor", step.id));
        }
    }
    objections
}

/// What an agent can do that the most similar of `known` cannot; nothing if there is one that can do all of it.
fn least_beyond<'k>(
    power: &Power<'_>,
    known: impl Iterator<Item = &'k Power<'k>>,
) -> Option<String> {
    let mut least: Option<Vec<String>> = None;
    for old in known {
        let beyond = power.beyond(old);
        if beyond.is_empty() {
            return None;
        }
        if least
            .as_ref()
            .is_none_or(|least| beyond.len() < least.len())
        {
            least = Some(beyond);
        }
    }
    Some(least.map_or_else(|| "runs".to_owned(), |beyond| beyond.join(" and ")))
}

/// The limits of the whole, and who governs it.
fn limits(present: &Program, changed: &Program) -> Vec<String> {
    let mut objections = Vec::new();
    let (old, new) = (&present.limits, &changed.limits);
    if !is_within(new.budget.as_ref(), old.budget.as_ref()) {
        objections.push("the budget would be raised or removed".to_owned());
    }
    if !is_within(new.wall_time.as_ref(), old.wall_time.as_ref()) {
        objections.push("the deadline would be put off or removed".to_owned());
    }
    let guarded =
        |classification: &Option<Classification>| classification.clone().unwrap_or_default();
    if !is_guarded(&guarded(&new.classification), &guarded(&old.classification)) {
        objections.push("the classification would be lowered".to_owned());
    }
    for (name, governor) in &changed.governors {
        if present.governors.get(name) != Some(governor) {
            objections.push(format!("the governor `{name}` would be new or changed"));
        }
    }
    objections
}
