//! How a prompt is put together: the task, and what came before it.

use std::{collections::HashSet, sync::Arc};

use crate::{ids::RefId, spec::AgentSpec};

/// Something that an agent is told besides its task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Context {
    /// Results of the stage before it.
    Previous(Arc<[RefId]>),
    /// Results that it is to bring together.
    Inputs(Arc<[Input]>),
    /// This is one of several attempts.
    Attempt {
        /// From 1.
        number: u32,
        /// How many there may be in all.
        of: u32,
        /// What went wrong in each of those before.
        errors: Arc<[Vec<PriorError>]>,
    },
}

/// Why something failed, as a later attempt is told.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum PriorError {
    /// The agent left a record, which has the error; it is read when it is needed.
    Recorded {
        /// The record.
        #[serde(rename = "ref")]
        id: RefId,
    },
    /// This message.
    Message(String),
}

/// One input of a reduction.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// A result, read when it is needed.
    Ref(RefId),
    /// A text as it is.
    Text(String),
}

/// A part of a prompt: text, or something of a result that is read only when the prompt is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// This text.
    Text(String),
    /// The text of this result.
    Result(RefId),
    /// The error of this result.
    Error(RefId),
}

/// The task of an agent, behind what it is given and what it has to produce, if that was said.
pub fn task(spec: &AgentSpec) -> String {
    let declared = [
        ("# Input Type\nYour input is: ", &spec.sandbox.input_type),
        (
            "# Output Type\nYou must produce: ",
            &spec.sandbox.output_type,
        ),
    ];
    let mut task = String::new();
    for (heading, text) in declared {
        if let Some(text) = text
            .as_deref()
            .map(str::trim)
            .filter(|text| !text.is_empty())
        {
            task += heading;
            task += text;
            task += "\n\n";
        }
    }
    task + &spec.prompt
}

/// The prompt of an agent with this `task` in this `context`.
///
/// A stage sees `# Context from previous stage:`, a reducer `# Inputs to synthesise:` with numbered
/// sections, a later attempt `# Prior attempts failed with these errors:`.
pub fn compose(task: &str, context: &[Context]) -> Vec<Piece> {
    let mut prompt = Composer(vec![Piece::Text(task.to_owned())]);
    for part in context {
        match part {
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

/// The results that a prompt quotes, each once, in order.
pub fn parents(pieces: &[Piece]) -> Vec<RefId> {
    let mut seen = HashSet::new();
    let quoted = pieces.iter().filter_map(|piece| match piece {
        Piece::Result(id) | Piece::Error(id) => Some(id),
        Piece::Text(_) => None,
    });
    quoted.filter(|id| seen.insert(*id)).cloned().collect()
}

struct Composer(Vec<Piece>);

impl Composer {
    fn text(&mut self, more: &str) {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(agent: &str) -> RefId {
        format!("r/{agent}").parse().unwrap()
    }

    /// The prompt as text, with `<run/agent>` where a result is quoted.
    fn shown(task: &str, context: &[Context]) -> String {
        compose(task, context)
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Result(id) => format!("<{id}>"),
                Piece::Error(id) => format!("<error of {id}>"),
            })
            .collect()
    }

    #[test]
    fn what_an_agent_is_given_and_has_to_produce_comes_before_its_task() {
        let mut spec = AgentSpec::command("Do it.", ["cat"]).unwrap();
        assert_eq!(task(&spec), "Do it.");
        spec.sandbox.output_type = Some(" A list.\n".to_owned());
        assert_eq!(
            task(&spec),
            "# Output Type\nYou must produce: A list.\n\nDo it."
        );
        spec.sandbox.input_type = Some("A patch.".to_owned());
        assert_eq!(
            task(&spec),
            "# Input Type\nYour input is: A patch.\n\n# Output Type\nYou must produce: A list.\n\nDo it."
        );
        spec.sandbox.output_type = Some(String::new());
        assert_eq!(
            task(&spec),
            "# Input Type\nYour input is: A patch.\n\nDo it."
        );
    }

    #[test]
    fn a_stage_sees_the_result_of_the_stage_before() {
        assert_eq!(
            shown("Fix it.", &[Context::Previous([id("stage-0")].into())]),
            "Fix it.\n\n# Context from previous stage:\n<r/stage-0>"
        );
    }

    #[test]
    fn a_stage_after_several_agents_sees_numbered_sections() {
        assert_eq!(
            shown("Go.", &[Context::Previous([id("a"), id("b")].into())]),
            "Go.\n\n# Context from previous stage:\n## Input 1\n<r/a>\n\n---\n\n## Input 2\n<r/b>"
        );
    }

    #[test]
    fn a_reducer_sees_numbered_inputs() {
        let inputs = [Input::Ref(id("agent-0")), Input::Text("two".to_owned())];
        assert_eq!(
            shown("Sum up.", &[Context::Inputs(inputs.into())]),
            "Sum up.\n\n# Inputs to synthesise:\n\n## Input 1\n<r/agent-0>\n\n---\n\n## Input 2\ntwo"
        );
    }

    #[test]
    fn a_later_attempt_sees_the_errors_of_those_before() {
        let attempt = |errors: &[Vec<PriorError>]| Context::Attempt {
            number: 1,
            of: 3,
            errors: errors.into(),
        };
        assert_eq!(shown("Try.", &[attempt(&[])]), "Try.");
        let message = |text: &str| PriorError::Message(text.to_owned());
        let recorded = PriorError::Recorded { id: id("a") };
        let errors = [vec![message("boom"), recorded], vec![message("bang")]];
        assert_eq!(
            shown("Try.", &[attempt(&errors)]),
            "Try.\n\n# Prior attempts failed with these errors:\n\n## Attempt 1\nboom\n<error of r/a>\n\n\
             ## Attempt 2\nbang\n\nFix what went wrong there, and try again."
        );
    }

    #[test]
    fn a_result_quoted_twice_is_one_parent() {
        let pieces = compose(
            "x",
            &[Context::Previous([id("a"), id("b"), id("a")].into())],
        );
        assert_eq!(parents(&pieces), [id("a"), id("b")]);
    }
}
