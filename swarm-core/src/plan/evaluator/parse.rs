//! Evaluators as they are written: `score:<criterion>`, `validate:<type>`, `exec:<shell command>`.

use std::time::Duration;

use thiserror::Error;

use super::{Evaluator, exec};
use crate::{
    error_code::{Coded, ErrorCode},
    evaluate::{Reading, score_prompt, validation_prompt},
    spec::{Agent, AgentSpec, SandboxSpec, SpecError},
    types::{TypeError, TypeRegistry},
};

/// How long judging may take if nobody says otherwise.
const TIMEOUT: Duration = Duration::from_secs(90);
/// The model that judges if nobody says otherwise.
const MODEL: &str = "haiku";
/// The longest name of an evaluator, in characters.
const MAX_NAME: usize = 120;

/// Who judges where a text says by what, and where the types are.
#[derive(Clone, Debug)]
pub struct Judges<'t> {
    types: &'t TypeRegistry,
    agent: SandboxSpec,
    program: SandboxSpec,
}

/// Why a text is no evaluator. Nothing was started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EvaluatorError {
    /// It has none of the forms.
    #[error(
        "{text:?} is not an evaluator; write score:<criterion>, validate:<type>, or exec:<shell command>"
    )]
    Form {
        /// How it begins.
        text: String,
    },
    /// It says how to judge, but not by what.
    #[error("`{form}:` needs {needed} behind it")]
    Empty {
        /// The form.
        form: &'static str,
        /// What is missing.
        needed: &'static str,
    },
    /// A command with a place for an input.
    #[error(
        "`{{input}}` would become part of a shell command; write \"$INPUT\" there, which has it as it is"
    )]
    InputInCommand,
    /// The type cannot be used.
    #[error(transparent)]
    Type(#[from] TypeError),
    /// Who is to judge cannot be run.
    #[error("the evaluator cannot be run: {0}")]
    Agent(#[from] SpecError),
}

impl Coded for EvaluatorError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Form { .. } | Self::Empty { .. } | Self::InputInCommand => {
                ErrorCode::InvalidInput
            }
            Self::Type(error) => error.code(),
            Self::Agent(error) => error.code(),
        }
    }
}

impl<'t> Judges<'t> {
    /// Agents of the kind claude with the model haiku, at most 90 seconds each, without tools, mounts and MCP servers.
    pub fn new(types: &'t TypeRegistry) -> Self {
        Self {
            types,
            agent: SandboxSpec::default(),
            program: SandboxSpec::default(),
        }
    }

    /// The same, but what `sandbox` says holds for the agents that judge. Any program can: it finds the question, and what it is to
    /// judge, on stdin, and prints its judgement.
    #[must_use]
    pub fn by(mut self, sandbox: SandboxSpec) -> Self {
        self.agent = sandbox;
        self
    }

    /// The same, but `exec:` commands run in this sandbox. Without one they have the default sandbox and at most five minutes.
    #[must_use]
    pub fn programs_in(mut self, sandbox: SandboxSpec) -> Self {
        self.program = sandbox;
        self
    }

    /// The evaluator that `text` asks for. Types are written out, so that it means the same however late it is asked. Blocks.
    ///
    /// ```
    /// use swarm_core::{evaluate::Reading, plan::Judges, types::TypeRegistry};
    ///
    /// let types = TypeRegistry::default();
    /// let judges = Judges::new(&types);
    /// let evaluator = judges.evaluator("score:clarity")?;
    /// assert_eq!(evaluator.agent.sandbox.model.as_deref(), Some("haiku"));
    /// // An inline type is any text of several words.
    /// let evaluator = judges.evaluator("validate:A list of at least three findings.")?;
    /// assert_eq!(evaluator.reading, Reading::Judgement);
    /// // The artifact is in a file, on stdin, and never in a shell of ours.
    /// let evaluator = judges.evaluator("exec:test -s {artifact}")?;
    /// assert_eq!(evaluator.reading, Reading::ExitStatus);
    /// assert!(judges.evaluator("clarity").is_err());
    /// # Ok::<(), swarm_core::plan::EvaluatorError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If it has none of the three forms, if there is no such type, or if who is to judge cannot be run.
    pub fn evaluator(&self, text: &str) -> Result<Evaluator, EvaluatorError> {
        let text = text.trim();
        let parts = text.split_once(':').map(|(form, what)| (form, what.trim()));
        match parts {
            Some(("score", "")) => Err(empty("score", "a criterion")),
            Some(("validate", "")) => Err(empty("validate", "the name of a type, or a type")),
            Some(("exec", "")) => Err(empty("exec", "a shell command")),
            Some(("score", criterion)) => Ok(Evaluator::by_criterion(criterion, &self.agent)?),
            Some(("validate", declared)) => {
                let (name, definition) = self.declared(declared)?;
                let mut evaluator = Evaluator::by_type(
                    name.unwrap_or("as described here"),
                    &definition,
                    &self.agent,
                )?;
                if name.is_none() {
                    evaluator.name = name_of(text);
                }
                Ok(evaluator)
            }
            Some(("exec", command)) => Evaluator::by_command(command, self.program.clone()),
            _ => Err(EvaluatorError::Form {
                text: text.chars().take(60).collect(),
            }),
        }
    }

    /// The evaluator for a type, by its name or as a text of several words. Blocks.
    ///
    /// # Errors
    ///
    /// Those of [`evaluator`](Self::evaluator).
    pub fn validator(&self, declared: &str) -> Result<Evaluator, EvaluatorError> {
        self.evaluator(&format!("validate:{declared}"))
    }

    /// The name and the text of a type. One word is a name, and must be known; several are a type themselves.
    fn declared<'d>(&self, declared: &'d str) -> Result<(Option<&'d str>, String), TypeError> {
        if declared.contains(char::is_whitespace) {
            return Ok((None, self.types.expanded(declared)?));
        }
        let bare = declared
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let name = bare.unwrap_or(declared);
        Ok((Some(name), self.types.definition(name)?))
    }
}

impl Evaluator {
    /// An agent scores by a criterion. What `sandbox` leaves open is as [`Judges::new`] says.
    ///
    /// # Errors
    ///
    /// If such an agent cannot be run.
    pub fn by_criterion(criterion: &str, sandbox: &SandboxSpec) -> Result<Self, SpecError> {
        let agent = agent(score_prompt(criterion), sandbox)?;
        Ok(Self::new(name_of(&format!("score:{criterion}")), agent))
    }

    /// An agent compares with a type, which is [written out](TypeRegistry::definition). What `sandbox` leaves open is as [`Judges::new`] says.
    ///
    /// # Errors
    ///
    /// If such an agent cannot be run.
    pub fn by_type(name: &str, definition: &str, sandbox: &SandboxSpec) -> Result<Self, SpecError> {
        let agent = agent(validation_prompt(name, definition), sandbox)?;
        Ok(Self::new(name_of(&format!("validate:{name}")), agent))
    }

    /// A shell command in `sandbox` decides: it finds the artifact, without the code fence around it, in the file `{artifact}`, in
    /// `"$ARTIFACT"` and on stdin; an input that the plan was made for is in `"$INPUT"`. At most five minutes, if `sandbox` leaves that open.
    ///
    /// # Errors
    ///
    /// If it cannot be run there, or has a place for an input.
    pub fn by_command(command: &str, sandbox: SandboxSpec) -> Result<Self, EvaluatorError> {
        Ok(Self {
            name: name_of(&format!("exec:{command}")),
            agent: Box::new(exec::agent(command, sandbox)?),
            reading: Reading::ExitStatus,
        })
    }
}

fn agent(prompt: String, wanted: &SandboxSpec) -> Result<AgentSpec, SpecError> {
    let nothing = SandboxSpec {
        agent: Some(Agent::Named("claude".to_owned())),
        tools: Some(Vec::new()),
        timeout: Some(TIMEOUT),
        ..SandboxSpec::default()
    };
    let mut sandbox = nothing.overridden_by(wanted.clone());
    if sandbox.agent == Some(Agent::Named("claude".to_owned())) {
        sandbox.model.get_or_insert_with(|| MODEL.to_owned());
    }
    match AgentSpec::new(prompt.clone(), sandbox.clone()) {
        // There are kinds that nobody can take the tools away from.
        Err(SpecError::Shape { place, .. }) if place == "tools" && wanted.tools.is_none() => {
            sandbox.tools = None;
            AgentSpec::new(prompt, sandbox)
        }
        made => made,
    }
}

fn empty(form: &'static str, needed: &'static str) -> EvaluatorError {
    EvaluatorError::Empty { form, needed }
}

/// A whole type makes no good name.
fn name_of(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut name: String = line.chars().take(MAX_NAME).collect();
    if name.len() < text.len() {
        name.push('\u{2026}');
    }
    name
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::types::TypeFolder;

    fn registry() -> (tempfile::TempDir, TypeRegistry) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("note.md"), "A note with [title].").unwrap();
        fs::write(folder.path().join("title.md"), "One line.").unwrap();
        let types = TypeRegistry::new(vec![TypeFolder {
            path: folder.path().to_owned(),
            is_foreign: false,
        }]);
        (folder, types)
    }

    #[test]
    fn who_judges_has_no_tools_and_little_time() {
        let types = TypeRegistry::default();
        let agent = Judges::new(&types)
            .evaluator(" score: x: y ")
            .unwrap()
            .agent;
        assert!(agent.prompt.contains("# Criterion\n\nx: y\n\n"));
        assert_eq!(agent.agent, Agent::Named("claude".to_owned()));
        assert!(agent.sandbox.tools.is_empty() && agent.sandbox.mounts.is_empty());
        assert!(agent.sandbox.mcps.is_empty());
        assert_eq!(agent.sandbox.timeout, TIMEOUT);
    }

    #[test]
    fn anything_can_judge() {
        let types = TypeRegistry::default();
        let program = SandboxSpec {
            agent: Some(Agent::Command(vec!["judge".to_owned()])),
            timeout: Some(Duration::from_secs(3)),
            ..SandboxSpec::default()
        };
        let agent = Judges::new(&types)
            .by(program)
            .evaluator("score:x")
            .unwrap()
            .agent;
        assert_eq!(agent.sandbox.model, None);
        assert_eq!(agent.sandbox.timeout, Duration::from_secs(3));
        let codex = SandboxSpec {
            agent: Some(Agent::Named("codex".to_owned())),
            ..SandboxSpec::default()
        };
        let judges = Judges::new(&types).by(codex.clone());
        assert!(
            !judges
                .evaluator("score:x")
                .unwrap()
                .agent
                .sandbox
                .tools
                .is_empty()
        );
        // What somebody wants is not taken back.
        let bare = SandboxSpec {
            tools: Some(Vec::new()),
            ..codex
        };
        assert!(Judges::new(&types).by(bare).evaluator("score:x").is_err());
    }

    #[test]
    fn a_type_is_written_out_when_the_evaluator_is_made() {
        let (_folder, types) = registry();
        let judges = Judges::new(&types);
        for declared in ["note", "[note]"] {
            let evaluator = judges.validator(declared).unwrap();
            assert_eq!(evaluator.name, "validate:note");
            let prompt = &evaluator.agent.prompt;
            assert!(prompt.contains("# Declared type: note\n"), "{prompt}");
            assert!(prompt.contains("**title**: One line."), "{prompt}");
        }
        let inline = judges.validator("A poem,\nand a [title].").unwrap();
        assert_eq!(inline.name, "validate:A poem,\u{2026}");
        assert!(
            inline
                .agent
                .prompt
                .contains("A poem,\nand a **title**: One line.")
        );
    }

    #[test]
    fn one_word_that_is_no_type_is_an_error_with_a_suggestion() {
        let (_folder, types) = registry();
        let judges = Judges::new(&types);
        let error = judges.evaluator("validate:nota").unwrap_err();
        assert_eq!(error.code(), ErrorCode::UnknownType);
        assert!(
            error.to_string().contains("did you mean `note`?"),
            "{error}"
        );
        for text in ["validate:../note", "validate:[]"] {
            let error = judges.evaluator(text).unwrap_err();
            assert_eq!(error.code(), ErrorCode::UnknownType, "{text}");
        }
    }

    #[test]
    fn other_texts_are_errors_that_list_the_forms() {
        let types = TypeRegistry::default();
        for text in ["", "quality", "Score:x", "eval:x", "score", "http://a"] {
            let error = Judges::new(&types).evaluator(text).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidInput);
            let error = error.to_string();
            for form in [
                "score:<criterion>",
                "validate:<type>",
                "exec:<shell command>",
            ] {
                assert!(error.contains(form), "{text}: {error}");
            }
        }
        for (text, error) in [
            ("score:", "`score:` needs a criterion behind it"),
            (
                "validate: \n",
                "`validate:` needs the name of a type, or a type behind it",
            ),
            ("exec: ", "`exec:` needs a shell command behind it"),
        ] {
            let found = Judges::new(&types).evaluator(text).unwrap_err();
            assert_eq!(found.to_string(), error);
        }
    }
}
