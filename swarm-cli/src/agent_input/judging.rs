//! From arguments to whoever judges.

use serde_json::Value;
use swarm_core::{
    evaluate::Reading,
    plan::{Evaluator, Judges},
    spec::{Agent, SandboxRef, SandboxSpec, Sandboxes as _},
    types::TypeRegistry,
};

use crate::{
    args::JudgeArgs,
    config::{Config, Shelves},
    error::CliError,
    localize::{Localized, absolute, check_mounts},
    trust::Foreign,
};

/// The evaluator that `written` asks for.
pub(crate) fn evaluator(
    written: &str,
    args: &JudgeArgs,
    config: &Config,
) -> Result<Evaluator, CliError> {
    let judging = Judging::new(args, config)?;
    let evaluator = judging.judges().evaluator(written)?;
    if evaluator.reading == Reading::ExitStatus {
        refuse_agent(args)?;
    }
    judging.check(&evaluator)?;
    Ok(evaluator)
}

/// A command judges by itself: who asks for an agent with it would wait for one in vain.
fn refuse_agent(args: &JudgeArgs) -> Result<(), CliError> {
    let useless = [
        ("--judge-agent", args.judge_agent.is_some()),
        ("--judge-model", args.judge_model.is_some()),
    ];
    match useless.into_iter().find(|(_, is_given)| *is_given) {
        Some((flag, _)) => Err(CliError::usage(format!(
            "{flag} says which agent judges, and with `exec:` a command does; leave it out, or give `score:` or `validate:`"
        ))),
        None => Ok(()),
    }
}

/// Who judges, as the arguments and the sandbox say.
#[derive(Debug)]
pub(crate) struct Judging {
    types: TypeRegistry,
    shelves: Shelves,
    /// What the user said, and nothing else.
    said: SandboxSpec,
    sandbox: SandboxSpec,
    /// The name of the sandbox, if it has one.
    named: Option<String>,
}

impl Judging {
    pub(crate) fn new(args: &JudgeArgs, config: &Config) -> Result<Self, CliError> {
        if args.judge_agent.as_deref() == Some("command") {
            return Err(CliError::usage(
                "--judge-agent command does not say which program judges; give it with --judge-sandbox '{\"agent\": {\"command\": \
                 [\"PROGRAM\"]}}'",
            ));
        }
        let shelves = config.shelves()?;
        let catalog = shelves.catalog();
        let given = args
            .judge_sandbox
            .as_ref()
            .map(|text| SandboxRef::from_json(Value::String(text.clone()), "--judge-sandbox"));
        let mut named = None;
        let base = match given.transpose()? {
            None => SandboxSpec::default(),
            Some(SandboxRef::Inline(mut spec)) => {
                absolute(&mut spec, &config.folders);
                *spec
            }
            Some(SandboxRef::Named(name)) => {
                let sandboxes = Localized {
                    sandboxes: &catalog,
                    folders: &config.folders,
                };
                let spec = sandboxes.sandbox(&name)?;
                named = Some(name);
                spec
            }
        };
        let said = SandboxSpec {
            agent: args.judge_agent.clone().map(Agent::Named),
            model: args.judge_model.clone(),
            timeout: args.judge_timeout,
            ..SandboxSpec::default()
        };
        Ok(Self {
            types: config.types()?,
            sandbox: base.overridden_by(said.clone()),
            shelves,
            said,
            named,
        })
    }

    pub(crate) fn judges(&self) -> Judges<'_> {
        Judges::new(&self.types)
            .by(self.sandbox.clone())
            .programs_in(self.sandbox.clone())
    }

    /// Refuses what a project that is not trusted may not decide, and mounts of what is not there.
    pub(crate) fn check(&self, evaluator: &Evaluator) -> Result<(), CliError> {
        if let Some(name) = &self.named {
            let file = self.shelves.catalog().locate(name)?;
            if let Some(project) = self.shelves.distrusted(&file) {
                let foreign = Foreign {
                    project,
                    file,
                    says: self.sandbox.clone(),
                };
                foreign.check(&self.said, &evaluator.agent)?;
            }
        }
        check_mounts(&evaluator.agent.sandbox)
    }
}
