//! Who judges.

use swarm_core::{
    error_code::{Coded as _, ErrorCode},
    plan::Evaluator,
    spec::SandboxSpec,
};

pub(crate) const FORMS: &str = "`score:CRITERION`, `validate:TYPE` or `exec:COMMAND`";

/// What is wrong with an evaluator.
#[derive(Clone, Debug)]
pub(crate) struct Unfit {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    pub(crate) suggestion: Option<String>,
}

/// The evaluator that `text` asks for. It runs with what `judge` says, and a command in the sandbox `work`.
pub(crate) fn evaluator(
    text: &str,
    judge: &SandboxSpec,
    work: &SandboxSpec,
    define: impl FnOnce(&str) -> Result<String, Unfit>,
) -> Result<Evaluator, Unfit> {
    let unfit = |message: &str| Unfit {
        code: ErrorCode::InvalidInput,
        message: format!("{message}; write {FORMS}"),
        suggestion: None,
    };
    let Some((form, rest)) = text.split_once(':') else {
        return Err(unfit("it is no evaluator"));
    };
    let rest = rest.trim();
    if rest.is_empty() {
        return Err(unfit("nothing follows the colon"));
    }
    let cannot_run = |code, error: &dyn std::fmt::Display| Unfit {
        code,
        message: format!("who judges cannot run: {error}"),
        suggestion: None,
    };
    match form.trim() {
        "score" => {
            Evaluator::by_criterion(rest, judge).map_err(|error| cannot_run(error.code(), &error))
        }
        "validate" => Evaluator::by_type(rest, &define(rest)?, judge)
            .map_err(|error| cannot_run(error.code(), &error)),
        "exec" => Evaluator::by_command(rest, work.clone())
            .map_err(|error| cannot_run(error.code(), &error)),
        other => {
            let near = swarm_core::suggest::nearest(other, ["score", "validate", "exec"]);
            Err(Unfit {
                suggestion: near.map(|near| format!("{near}:{rest}")),
                ..unfit("it is no evaluator")
            })
        }
    }
}
