//! From arguments to agents that can be run.

mod judging;

use std::{collections::BTreeMap, io::Read as _, num::NonZeroU32, path::Path, sync::Arc};

pub(crate) use judging::{Judging, evaluator};
use serde_json::Value;
use swarm_core::{
    catalog::Catalog,
    plan::StrategyAgent,
    spec::{
        Agent, AgentSpec, EnvVars, HostPattern, NetworkSpec, SandboxRef, SandboxSpec, Sandboxes,
        SpecError, Task,
    },
    types::TypeRegistry,
};

use crate::{
    args::AgentArgs,
    config::{Config, Folders, Shelves},
    error::CliError,
    localize::{Localized, check_mounts, localize},
    trust::Foreign,
};

/// The largest text that is taken from a file or stdin. It becomes part of the plan, and is in memory more than once.
const MAX_TEXT: u64 = 64 << 20;

/// Turns tasks into agents: sandboxes looked up, arguments applied, paths made absolute.
#[derive(Debug)]
pub(crate) struct AgentInput<'a> {
    folders: &'a Folders,
    shelves: Shelves,
    catalog: Catalog,
    types: TypeRegistry,
    sandbox: Option<SandboxRef>,
    overrides: SandboxSpec,
}

impl<'a> AgentInput<'a> {
    pub(crate) fn new(args: &AgentArgs, config: &'a Config) -> Result<Self, CliError> {
        let folders = &config.folders;
        let sandbox = args
            .sandbox
            .as_ref()
            .map(|text| SandboxRef::from_json(Value::String(text.clone()), "--sandbox"))
            .transpose()?;
        let shelves = config.shelves()?;
        let catalog = shelves.catalog();
        Ok(Self {
            sandbox,
            overrides: overrides(args, folders)?,
            folders,
            shelves,
            catalog,
            types: config.types()?,
        })
    }

    /// The agent with this prompt.
    pub(crate) fn agent(&self, prompt: &str) -> Result<AgentSpec, CliError> {
        self.resolve(Task::new(prompt))
    }

    /// The agent of a strategy. What that says wins; what is usual there holds where nobody says anything.
    pub(crate) fn strategy_agent(
        &self,
        prompt: &str,
        own: StrategyAgent,
    ) -> Result<AgentSpec, CliError> {
        let mut task = Task::new(prompt);
        task.overrides = own.said;
        let is_claude = self.overrides.agent == Some(Agent::Named("claude".to_owned()));
        if self.sandbox.is_none() {
            let usual = SandboxSpec {
                model: is_claude.then(|| "haiku".to_owned()),
                ..own.usual
            };
            task.overrides = usual
                .overridden_by(self.overrides.clone())
                .overridden_by(task.overrides);
        }
        self.resolve(task)
    }

    /// One agent per prompt, or per task of a JSON list.
    pub(crate) fn agents(
        &self,
        prompts: &[String],
        tasks: Option<&String>,
        what: &str,
    ) -> Result<Vec<AgentSpec>, CliError> {
        match tasks {
            Some(source) => {
                let text = self.text(source)?;
                let tasks = Task::list_from_json(&text, what)?;
                let tasks = tasks.into_iter().enumerate();
                tasks
                    .map(|(i, task)| {
                        self.resolve(task)
                            .map_err(|error| error.at(&format!("{what}[{i}]")))
                    })
                    .collect()
            }
            None if prompts.is_empty() => Err(CliError::usage(format!(
                "there is nothing to do: give one prompt per agent, or --{what} FILE"
            ))),
            None => prompts.iter().map(|prompt| self.agent(prompt)).collect(),
        }
    }

    /// What a task says wins over the arguments, and they win over the sandbox.
    fn resolve(&self, mut task: Task) -> Result<AgentSpec, CliError> {
        task.sandbox = task.sandbox.or_else(|| self.sandbox.clone());
        task.overrides = self.overrides.clone().overridden_by(task.overrides);
        if task.prompt.is_empty() {
            return Err(CliError::usage(
                "the prompt is empty; say what the agent is to do",
            ));
        }
        localize(&mut task, self.folders);
        let sandboxes = Localized {
            sandboxes: &self.catalog,
            folders: self.folders,
        };
        let foreign = self.foreign(&task, &sandboxes)?;
        let said = task.overrides.clone();
        let mut spec = task.resolve(&sandboxes)?;
        if let Some(foreign) = foreign {
            foreign.check(&said, &spec)?;
        }
        check_mounts(&spec.sandbox)?;
        self.types.write_out(&mut spec.sandbox)?;
        Ok(spec)
    }

    /// The sandbox of a task, if it comes with a project that is not trusted.
    fn foreign(
        &self,
        task: &Task,
        sandboxes: &dyn Sandboxes,
    ) -> Result<Option<Foreign<'_>>, CliError> {
        let Some(SandboxRef::Named(name)) = &task.sandbox else {
            return Ok(None);
        };
        let file = self.catalog.locate(name)?;
        let Some(project) = self.shelves.distrusted(&file) else {
            return Ok(None);
        };
        let says = sandboxes.sandbox(name)?;
        Ok(Some(Foreign {
            project,
            file,
            says,
        }))
    }

    /// JSON as it is, the file of that name, or stdin for `-`.
    pub(crate) fn text(&self, source: &str) -> Result<String, CliError> {
        if source.trim_start().starts_with(['[', '{']) {
            return Ok(source.to_owned());
        }
        read(source, self.folders)
    }
}

/// The text of a file, or of stdin for `-`.
pub(crate) fn read(source: &str, folders: &Folders) -> Result<String, CliError> {
    let advice = "give the agent a mount, or wrap the file and reduce its ref";
    read_at_most(MAX_TEXT, source, folders, advice)
}

/// The same, if it has no more than `most` bytes; else `advice` says what to do. Of a larger file nothing is read, and of stdin no more
/// than that.
pub(crate) fn read_at_most(
    most: u64,
    source: &str,
    folders: &Folders,
    advice: &str,
) -> Result<String, CliError> {
    let path = Path::new(source);
    let mut bytes = Vec::new();
    let too_large = || {
        let mib = most >> 20;
        CliError::usage(format!("{source} is larger than {mib} MiB; {advice}"))
    };
    let failed = |error: std::io::Error| CliError::file("read", path, &error);
    if source == "-" {
        let stdin = std::io::stdin().lock();
        stdin.take(most + 1).read_to_end(&mut bytes)
    } else {
        let file = std::fs::File::open(folders.absolute(path)).map_err(failed)?;
        if file.metadata().map_err(failed)?.len() > most {
            return Err(too_large());
        }
        // It may be a pipe, or grow.
        file.take(most + 1).read_to_end(&mut bytes)
    }
    .map_err(failed)?;
    if bytes.len() as u64 > most {
        return Err(too_large());
    }
    String::from_utf8(bytes)
        .map_err(|_| CliError::usage(format!("{source} is not UTF-8 text; {advice}")))
}

/// What was said on the command line, and nothing else.
pub(crate) fn overrides(args: &AgentArgs, folders: &Folders) -> Result<SandboxSpec, CliError> {
    let args = args.clone();
    Ok(SandboxSpec {
        agent: agent(args.agent, args.command)?,
        model: args.model,
        tools: args.tools.as_deref().map(names),
        mcps: args.mcps.as_deref().map(names),
        system_prompt: args.system_prompt,
        claude_md: args.claude_md,
        output_schema: args
            .output_schema
            .map(|text| schema(&text, folders))
            .transpose()?,
        effort: args.effort,
        max_budget: args.max_budget,
        input_type: args.input_type,
        output_type: args.output_type,
        mounts: args.mount,
        workdir: args.workdir,
        input_files: args
            .input_file
            .map(|files| input_files(&files, folders))
            .transpose()?,
        network: network(args.no_network, args.allow_host),
        network_mode: args.network,
        memory: args.memory,
        cpus: args.cpus,
        pids: args.pids.map(NonZeroU32::get),
        gpu: args.gpu.then_some(true),
        resources: args.resource,
        timeout: args.timeout,
        env_vars: args.env.map(|vars| env_vars(&vars)).transpose()?,
        image: args.image,
        cache: args.cache.then_some(true),
    })
}

/// `--tools ""` means none. What is missing between two commas stays, and is refused.
fn names(given: &[String]) -> Vec<String> {
    match given {
        [only] if only.trim().is_empty() => Vec::new(),
        given => given.iter().map(|name| name.trim().to_owned()).collect(),
    }
}

fn agent(kind: Option<String>, command: Vec<String>) -> Result<Option<Agent>, CliError> {
    match kind.as_deref() {
        None if command.is_empty() => Ok(None),
        None | Some("command") if !command.is_empty() => Ok(Some(Agent::Command(command))),
        Some(kind) if !command.is_empty() => Err(CliError::usage(format!(
            "agent kind `{kind}` takes no program; leave out what follows `--`, or use --agent command"
        ))),
        _ => Ok(kind.map(Agent::Named)),
    }
}

fn network(none: bool, allow: Option<Vec<HostPattern>>) -> Option<NetworkSpec> {
    match allow {
        Some(hosts) => Some(NetworkSpec::Allow {
            allow: hosts.into_iter().collect(),
        }),
        None => none.then_some(NetworkSpec::Switch(false)),
    }
}

fn schema(text: &str, folders: &Folders) -> Result<Value, CliError> {
    let (what, text) = match text.strip_prefix('@') {
        Some(file) => (file.to_owned(), read(file, folders)?),
        None => ("--output-schema".to_owned(), text.to_owned()),
    };
    Ok(serde_json::from_str(&text).map_err(|source| SpecError::Json { what, source })?)
}

fn input_files(
    files: &[String],
    folders: &Folders,
) -> Result<BTreeMap<String, Arc<str>>, CliError> {
    files
        .iter()
        .map(|file| match file.split_once('=') {
            Some((inside, source)) if !inside.is_empty() && !source.is_empty() => {
                Ok((inside.to_owned(), read(source, folders)?.into()))
            }
            _ => Err(CliError::usage(format!(
                "--input-file {file:?}: write PATH_INSIDE=FILE"
            ))),
        })
        .collect()
}

fn env_vars(vars: &[String]) -> Result<EnvVars, CliError> {
    vars.iter()
        .map(|var| match var.split_once('=') {
            Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
            None => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "the user asked for this variable"
                )]
                let value = std::env::var(var);
                value.map(|value| (var.clone(), value)).map_err(|_| {
                    CliError::usage(format!("--env {var}: it is not set in your environment"))
                })
            }
        })
        .collect()
}
