//! What is too large to be looked at any closer: counted in what was written, before anybody reads what it means.

use swarm_core::{error_code::ErrorCode, plan::MAX_AT_ONCE};

use crate::{
    diagnostics::Mistakes,
    place::Place,
    source::{Node, Written},
};

/// How many works a pipeline may have in all, with those of pipelines within it. A step is one, and so is every work in it.
pub(crate) const MAX_WORKS: usize = 20_000;
/// How many inputs, seeds or refs one list may have: no more agents than that may be there at the same time.
pub(crate) const MAX_INPUTS: usize = MAX_AT_ONCE;

/// Lists whose items are works.
const WORKS: [&str; 5] = ["steps", "chain", "par", "race", "tasks"];
/// Lists whose items are not.
const INPUTS: [&str; 3] = ["inputs", "seeds", "refs"];
/// What is in these is somebody else's.
const FOREIGN: [&str; 3] = ["output_schema", "env_vars", "input_files"];

/// Says what there is too much of; whether there is nothing of that kind. Takes time for each object, not for each text.
pub(crate) fn check(root: &Node, mistakes: &mut Mistakes) -> bool {
    let before = mistakes.len();
    let works = count(root, &Place::ROOT, mistakes);
    if works > MAX_WORKS {
        let message = format!(
            "it has {works} steps and works in them, and at most {MAX_WORKS} can be; make it several pipelines, or a `map`"
        );
        mistakes.add(&Place::ROOT.key("steps"), ErrorCode::InvalidInput, message);
    }
    mistakes.len() == before
}

/// How many works there are in a value, at least; says which lists in it are too long.
fn count(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> usize {
    match &node.value {
        Written::List(items) => {
            let each = items.iter().enumerate();
            each.map(|(i, item)| count(item, &place.index(i), mistakes))
                .sum()
        }
        Written::Object(fields) => {
            let mut works = 0;
            for (name, inner) in fields {
                let name = name.as_str();
                let place = place.key(name);
                if let Written::List(items) = &inner.value {
                    if INPUTS.contains(&name) {
                        too_many(items.len(), &place, mistakes);
                        continue;
                    }
                    if WORKS.contains(&name) {
                        works += items.len();
                    }
                }
                if !FOREIGN.contains(&name) {
                    works += count(inner, &place, mistakes);
                }
            }
            works
        }
        _ => 0,
    }
}

fn too_many(items: usize, place: &Place<'_>, mistakes: &mut Mistakes) {
    if items > MAX_INPUTS {
        let message = format!(
            "the list has {items} items, and at most {MAX_INPUTS} can be; make it several steps"
        );
        mistakes.add(place, ErrorCode::InvalidInput, message);
    }
}
