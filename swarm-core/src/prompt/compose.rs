//! A prompt is put together from a task and what came before it.

use super::{Context, Input, Piece, PriorError, StepResult, fence::unfenced, situation};
use crate::{
    evaluate::{Around, begin_mark, end_mark},
    hash,
    ids::StepId,
    machine::{Attempt, Failure},
};

/// How many characters of an earlier attempt a later one sees.
const ATTEMPT_CHARS: u32 = 800;

/// The prompt of an agent with this `task` in this `context`.
///
/// A stage sees `# Context from previous stage:`, a step `# Context from previous step (ID):` and
/// `# Error from previous step (ID):`, a reducer `# Inputs to synthesise:` with numbered sections, a later attempt
/// `# Prior attempts failed with these errors:`, a later iteration `# Prior attempts` ahead of its task. Who judges sees the artifact
/// [where it belongs](Around::of) in the task, or nothing else at all.
pub fn compose(task: &str, context: &[Context]) -> Vec<Piece> {
    let mut prompt = Composer(Vec::new());
    for part in context {
        if let Context::Iterations { attempts, best } = part {
            prompt.attempts(attempts, best.as_f64());
        }
    }
    match context.iter().find_map(artifact_of) {
        None => prompt.text(task),
        Some((input, true)) => prompt.artifact(task, input),
        // It is all that is read.
        Some((input, false)) => prompt.push(match input {
            Input::Ref(id) => Piece::Unfenced(id.clone()),
            Input::Text(text) => Piece::Text(unfenced(text).to_owned()),
        }),
    }
    for part in context {
        match part {
            Context::Iterations { .. } | Context::Artifact { .. } => {}
            Context::Step(result) => prompt.step(result),
            Context::Situation(situation) => situation::describe(situation, &mut prompt),
            Context::Previous(refs) if refs.is_empty() => {}
            Context::Previous(refs) => {
                prompt.text("\n\n# Context from previous stage:\n");
                match refs.as_ref() {
                    [only] => prompt.0.push(Piece::Result(only.clone())),
                    many => prompt.sections(many.iter().cloned().map(Piece::Result)),
                }
            }
            Context::Inputs(inputs) => {
                prompt.text("\n\n# Inputs to synthesise:\n\n");
                prompt.sections(inputs.iter().map(|input| match input {
                    Input::Ref(id) => Piece::Result(id.clone()),
                    Input::Text(text) => Piece::Text(text.clone()),
                }));
            }
            Context::Attempt { errors, .. } if errors.is_empty() => {}
            Context::Attempt { errors, .. } => {
                prompt.text("\n\n# Prior attempts failed with these errors:\n");
                for (i, errors) in errors.iter().enumerate() {
                    prompt.text(&format!("\n## Attempt {}\n", i + 1));
                    for error in errors {
                        match error {
                            PriorError::Recorded { id } => prompt.0.push(Piece::Error(id.clone())),
                            PriorError::Message(message) => prompt.text(message),
                            PriorError::Judged { judged_by, error } => {
                                prompt.text(&format!("{error}\n"));
                                prompt.0.push(Piece::Words(judged_by.clone()));
                            }
                        }
                        prompt.text("\n");
                    }
                }
                prompt.text("\nFix what went wrong there, and try again.");
            }
        }
    }
    prompt.0
}

/// What is to be judged, and whether it stands between marks.
const fn artifact_of(part: &Context) -> Option<(&Input, bool)> {
    match part {
        Context::Artifact { input, is_marked } => Some((input, *is_marked)),
        _ => None,
    }
}

/// A prompt that grows.
pub(super) struct Composer(pub(super) Vec<Piece>);

impl Composer {
    pub(super) fn text(&mut self, more: &str) {
        if let Some(Piece::Text(text)) = self.0.last_mut() {
            text.push_str(more);
        } else {
            self.0.push(Piece::Text(more.to_owned()));
        }
    }

    fn sections(&mut self, sections: impl Iterator<Item = Piece>) {
        for (i, section) in sections.enumerate() {
            if i > 0 {
                self.text("\n\n---\n\n");
            }
            self.text(&format!("## Input {}\n", i + 1));
            match section {
                Piece::Text(text) => self.text(&text),
                other => self.0.push(other),
            }
        }
    }

    /// The attempts before this one, and what to mend.
    fn attempts(&mut self, attempts: &[Attempt], best: f64) {
        self.text(&format!(
            "# Prior attempts\nThis was tried before. The best score so far is {best:.2}; do better.\n"
        ));
        for attempt in attempts {
            let (i, score) = (attempt.iteration, attempt.score.as_f64());
            self.text(&format!("\n## Attempt {i} \u{2014} score {score:.2}\n"));
            if let Some(id) = &attempt.result {
                self.text("Output:\n");
                self.0.push(Piece::Excerpt {
                    id: id.clone(),
                    chars: ATTEMPT_CHARS,
                });
                self.text("\n");
            }
            match (&attempt.by, &attempt.error) {
                (Some(by), _) => {
                    self.text("Issues to fix:\n");
                    self.0.push(Piece::Words(by.clone()));
                }
                (None, Some(error)) => self.text(&format!("Issues to fix:\n- {error}")),
                (None, None) => {}
            }
            self.text("\n");
        }
        let number = attempts.len() + 1;
        self.text(&format!("\n# Your task (iteration {number})\n"));
    }

    fn step(&mut self, result: &StepResult) {
        let given = || result.refs.first().map(|id| id.agent.as_str());
        let step = result.step.as_ref().map(StepId::as_str).or_else(given);
        let step = step.unwrap_or("none");
        if !result.refs.is_empty() {
            self.text(&format!("\n\n# Context from previous step ({step}):\n"));
            match result.refs.as_ref() {
                [only] => self.0.push(Piece::Result(only.clone())),
                many => self.sections(many.iter().cloned().map(Piece::Result)),
            }
        }
        if !result.failures.is_empty() {
            // What a failed agent did say is of use to who is to mend it.
            for failure in result.failures.iter() {
                if let Some(id) = &failure.result {
                    self.text(&format!("\n\n# Context from previous step ({step}):\n"));
                    self.0.push(Piece::Result(id.clone()));
                }
            }
            self.text(&format!("\n\n# Error from previous step ({step}):\n"));
            self.failures(&result.failures);
        }
    }

    /// What went wrong, one after the other.
    pub(super) fn failures(&mut self, failures: &[Failure]) {
        for (i, failure) in failures.iter().enumerate() {
            if i > 0 {
                self.text("\n");
            }
            match (&failure.judged_by, &failure.result) {
                (Some(by), _) => {
                    self.text(&format!("{}\n", failure.error));
                    self.0.push(Piece::Words(by.clone()));
                }
                (None, Some(id)) => self.0.push(Piece::Error(id.clone())),
                (None, None) => self.text(&failure.error),
            }
        }
    }

    /// What is to be judged, where it belongs in the task. Its own hash marks where it begins and ends: no text can hold that.
    fn artifact(&mut self, task: &str, input: &Input) {
        let (artifact, mark) = match input {
            Input::Ref(id) => (Piece::Result(id.clone()), Piece::ContentHash(id.clone())),
            Input::Text(text) => (Piece::Text(text.clone()), Piece::Text(content_hash(text))),
        };
        let Around { before, after } = Around::of(task);
        self.text(&format!("{before}{} ", begin_mark()));
        self.push(mark.clone());
        self.text("\n");
        self.push(artifact);
        self.text(&format!("\n{} ", end_mark()));
        self.push(mark);
        self.text(&format!("\n{after}"));
    }

    fn push(&mut self, piece: Piece) {
        match piece {
            Piece::Text(text) => self.text(&text),
            other => self.0.push(other),
        }
    }
}

/// The first 16 hex digits of the hash of a text, as a result has it in its provenance.
fn content_hash(text: &str) -> String {
    hash::hex(text.as_bytes()).chars().take(16).collect()
}
