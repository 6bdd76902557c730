//! The names of steps, and where each of them leads.

use std::collections::HashMap;

use swarm_core::{error_code::ErrorCode, ids::StepId, plan::RetryIf, suggest::nearest};

use super::Notes;
use crate::{
    definition::{OnFail, Step},
    place::Place,
};

/// The longest name of a step. The names of its agents begin with it.
const MAX_ID: usize = 60;
/// What is beside the folders of steps.
const RESERVED: [&str; 1] = ["shared"];

/// The names of all steps.
pub(super) struct Ids {
    texts: Vec<String>,
    ids: Vec<Option<StepId>>,
    by_text: HashMap<String, u32>,
    max_retries: Vec<u32>,
}

/// Where a jump leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Step(u32),
    /// To a step that there is not, which was said. It might have been any.
    Unknown,
}

/// Where it goes from a step.
#[derive(Clone, Debug)]
pub(super) struct Exits {
    pub(super) skips: bool,
    pub(super) max_retries: u32,
    pub(super) after_failure: AfterFailure,
    pub(super) asks: bool,
    pub(super) words: Vec<Target>,
    pub(super) next: Option<Target>,
}

/// Where it goes when a step has failed.
#[derive(Clone, Copy, Debug)]
pub(super) enum AfterFailure {
    Ends,
    Goes(Target),
    Asks,
}

impl Ids {
    pub(super) fn of(steps: &[Step], place: &Place<'_>, notes: &mut Notes<'_>) -> Self {
        let mut ids = Self {
            texts: Vec::with_capacity(steps.len()),
            ids: Vec::with_capacity(steps.len()),
            by_text: HashMap::with_capacity(steps.len()),
            max_retries: steps.iter().map(|step| step.max_retries).collect(),
        };
        for (i, step) in steps.iter().enumerate() {
            let place = place.index(i);
            let given = step.id.as_deref();
            let text = given.map_or_else(|| format!("step-{i}"), str::to_owned);
            let place = if given.is_some() {
                place.key("id")
            } else {
                place
            };
            let id = match problem(&text) {
                Some(problem) => {
                    let short: String = text.chars().take(MAX_ID).collect();
                    let message = format!("a step cannot be called {short:?}: {problem}");
                    notes.mistakes.add(&place, ErrorCode::InvalidName, message);
                    None
                }
                None => StepId::new(&text).ok(),
            };
            let number = u32::try_from(i).unwrap_or(u32::MAX);
            if let Some(first) = ids.by_text.get(&text) {
                let message = format!("`{text}` is the id of steps[{first}] already");
                notes
                    .mistakes
                    .add(&place, ErrorCode::DuplicateStep, message);
            } else {
                ids.by_text.insert(text.clone(), number);
            }
            ids.ids.push(id);
            ids.texts.push(text);
        }
        ids
    }

    pub(super) fn id(&self, step: usize) -> Option<StepId> {
        self.ids.get(step).cloned().flatten()
    }

    pub(super) fn text(&self, step: usize) -> &str {
        self.texts.get(step).map_or("", String::as_str)
    }

    /// Where it goes from `step`.
    pub(super) fn exits(&self, step: &Step, place: &Place<'_>, notes: &mut Notes<'_>) -> Exits {
        let retry_if = place.key("retry_if");
        Exits {
            skips: step.only_after_error,
            max_retries: step.max_retries,
            after_failure: match &step.on_fail {
                None => AfterFailure::Ends,
                Some(OnFail::Ask(_)) => AfterFailure::Asks,
                Some(OnFail::Step(step)) => {
                    AfterFailure::Goes(self.target(step, &place.key("on_fail"), notes))
                }
            },
            asks: step.on_success.is_some(),
            words: step
                .retry_if
                .iter()
                .map(|word| self.target(&word.step, &retry_if.key(&word.keyword), notes))
                .collect(),
            next: step
                .next
                .as_ref()
                .map(|next| self.target(next, &place.key("next"), notes)),
        }
    }

    fn target(&self, text: &str, place: &Place<'_>, notes: &mut Notes<'_>) -> Target {
        let Some(&step) = self.by_text.get(text) else {
            // Each is compared to all steps.
            let near = notes
                .suggests()
                .then(|| nearest(text, self.texts.iter().map(String::as_str)))
                .flatten();
            let short: String = text.chars().take(MAX_ID).collect();
            let message = format!("there is no step `{short}`");
            notes
                .mistakes
                .suggest(place, ErrorCode::UnknownStep, message, near);
            return Target::Unknown;
        };
        let index = usize::try_from(step).unwrap_or(usize::MAX);
        if self.max_retries.get(index) == Some(&0) {
            let message =
                format!("no jump may lead to the step `{text}`, since its `max_retries` is 0");
            notes.mistakes.add(place, ErrorCode::InvalidInput, message);
        }
        Target::Step(step)
    }
}

impl Target {
    const fn step(self) -> u32 {
        match self {
            Self::Step(step) => step,
            // It was said, and no program comes of it.
            Self::Unknown => 0,
        }
    }
}

impl Exits {
    pub(super) const fn fails_to(&self) -> Option<u32> {
        match self.after_failure {
            AfterFailure::Goes(target) => Some(target.step()),
            AfterFailure::Ends | AfterFailure::Asks => None,
        }
    }

    pub(super) fn next(&self) -> Option<u32> {
        self.next.map(Target::step)
    }

    pub(super) fn words(&self, written: &Step) -> Vec<RetryIf> {
        let words = written.retry_if.iter().zip(&self.words);
        words
            .map(|(word, target)| RetryIf {
                keyword: word.keyword.clone(),
                step: target.step(),
            })
            .collect()
    }
}

/// What speaks against a name. It becomes a folder, and the beginning of the names of agents, which go on behind a dot.
fn problem(id: &str) -> Option<String> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if id.len() > MAX_ID {
        Some(format!("it is longer than {MAX_ID} characters"))
    } else if !id.bytes().all(is_plain) {
        Some("it may hold letters, digits, `-` and `_` only".to_owned())
    } else if !id.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        Some("it must begin with a letter or a digit".to_owned())
    } else if id.bytes().all(|b| b.is_ascii_digit()) {
        Some("it must not be a number".to_owned())
    } else if RESERVED.iter().any(|name| name.eq_ignore_ascii_case(id)) {
        Some("this is the folder that all steps share".to_owned())
    } else {
        None
    }
}
