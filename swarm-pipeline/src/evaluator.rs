//! Who judges.

use swarm_core::{
    error_code::{Coded as _, ErrorCode},
    plan::{Evaluator, EvaluatorError, Judges},
    spec::SandboxSpec,
    suggest::nearest,
    types::{TypeError, TypeRegistry},
};

/// What is wrong with something that was looked up.
#[derive(Clone, Debug)]
pub(crate) struct Unfit {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    pub(crate) suggestion: Option<String>,
}

/// The evaluator that `text` asks for. It runs with what `judge` says, and a command in the sandbox `work`.
pub(crate) fn evaluator(
    text: &str,
    types: &TypeRegistry,
    judge: SandboxSpec,
    work: SandboxSpec,
) -> Result<Evaluator, Unfit> {
    let judges = Judges::new(types).by(judge).programs_in(work);
    judges.evaluator(text).map_err(|error| {
        let code = error.code();
        let (message, suggestion) = match error {
            EvaluatorError::Type(error) => without_suggestion(error),
            EvaluatorError::Form { .. } => {
                let (form, rest) = text.split_once(':').unwrap_or((text, ""));
                let form = nearest(form.trim(), ["score", "validate", "exec"]);
                let meant = form.map(|form| format!("{form}:{}", rest.trim()));
                (error.to_string(), meant.filter(|_| !rest.is_empty()))
            }
            other => (other.to_string(), None),
        };
        Unfit {
            code,
            message,
            suggestion,
        }
    })
}

/// What is wrong with a type, and what was probably meant.
pub(crate) fn without_suggestion(error: TypeError) -> (String, Option<String>) {
    match error {
        TypeError::Unknown {
            name,
            searched,
            suggestion,
        } => {
            let message = format!(
                "there is no type `{name}`, and a text that says what is wanted has more than one word; looked in: {searched}"
            );
            (message, suggestion)
        }
        other => (other.to_string(), None),
    }
}
