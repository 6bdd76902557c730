//! Who judges, and by what.

use std::time::Duration;

use clap::Args;

use crate::duration;

/// Who judges. What is not given is left to the sandbox, and then to the defaults.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Who judges")]
pub(crate) struct JudgeArgs {
    /// Kind of agent that judges [default: claude]
    #[arg(long, value_name = "KIND")]
    pub(crate) judge_agent: Option<String>,
    /// Its model [default: haiku, if it is claude]
    #[arg(long, value_name = "MODEL")]
    pub(crate) judge_model: Option<String>,
    /// How long it may take for each result: 90s, 10m [default: 90s, and 5m for `exec:`]
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) judge_timeout: Option<Duration>,
    /// Sandbox of whoever judges, also of `exec:` commands: a name, or JSON
    #[arg(long, value_name = "NAME|JSON")]
    pub(crate) judge_sandbox: Option<String>,
}

/// By what something is judged. One of the two.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct CriterionArgs {
    /// score:CRITERION, validate:TYPE, or `exec:SHELL COMMAND`, which finds what it judges in the file {artifact}
    #[arg(long, value_name = "EVALUATOR")]
    evaluator: Option<String>,
    /// The same as `--evaluator validate:TYPE`: the name of a type, or one in several words
    #[arg(long = "type", value_name = "TYPE")]
    declared: Option<String>,
}

impl CriterionArgs {
    /// As an evaluator is written.
    pub(crate) fn written(&self) -> String {
        match (&self.evaluator, &self.declared) {
            (Some(evaluator), _) => evaluator.clone(),
            (None, declared) => validate(declared.as_deref().unwrap_or_default()),
        }
    }
}

/// The evaluator for a type.
pub(crate) fn validate(declared: &str) -> String {
    format!("validate:{declared}")
}
