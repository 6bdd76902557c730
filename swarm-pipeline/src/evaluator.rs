//! Who judges.

use swarm_core::{
    error_code::{Coded as _, ErrorCode},
    evaluate::{Reading, score_prompt, validation_prompt},
    plan::Evaluator,
    spec::{Agent, AgentSpec, DEFAULT_TIMEOUT, SandboxSpec},
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
    let (prompt, sandbox, reading) = match form.trim() {
        "score" => (
            score_prompt(rest, "").before,
            judge.clone(),
            Reading::Judgement,
        ),
        "validate" => (
            validation_prompt(rest, &define(rest)?, "").before,
            judge.clone(),
            Reading::Judgement,
        ),
        "exec" => (text.to_owned(), of_command(rest, work), Reading::ExitStatus),
        other => {
            let near = swarm_core::suggest::nearest(other, ["score", "validate", "exec"]);
            return Err(Unfit {
                suggestion: near.map(|near| format!("{near}:{rest}")),
                ..unfit("it is no evaluator")
            });
        }
    };
    let agent = AgentSpec::new(prompt, sandbox).map_err(|error| Unfit {
        code: error.code(),
        message: format!("who judges cannot run: {error}"),
        suggestion: None,
    })?;
    Ok(Evaluator {
        name: text.to_owned(),
        agent: Box::new(agent),
        reading,
    })
}

/// A shell command in the sandbox of the work that it judges.
fn of_command(command: &str, work: &SandboxSpec) -> SandboxSpec {
    let argv = ["/bin/sh", "-c", command].map(str::to_owned);
    SandboxSpec {
        agent: Some(Agent::Command(argv.to_vec())),
        model: None,
        tools: Some(Vec::new()),
        mcps: None,
        system_prompt: None,
        claude_md: None,
        output_schema: None,
        effort: None,
        max_budget: None,
        input_type: None,
        output_type: None,
        timeout: Some(DEFAULT_TIMEOUT / 6),
        ..work.clone()
    }
}
