//! Starting an agent.

use std::{
    borrow::Cow,
    fs::{self, DirBuilder},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{
    process::{Child, Command},
    task::spawn_blocking,
    time::Instant,
};

use super::{
    ProcessOptions,
    group::ProcessGroup,
    leftovers,
    note::Note,
    program,
    scratch::{self, Scratch},
    stdin::{self, Input},
    support::NAME,
    workspace,
};
use crate::{
    ids::RefId,
    runtime::{
        AgentJob, Launch, RuntimeError, SHARED_VARIABLE, SharedFolder, is_plain, with_shared_at,
    },
    spec::EnvVars,
};

/// How long an argument or a variable may not be, in bytes (`MAX_ARG_STRLEN` of Linux).
const MAX_ARGUMENT: usize = 128 << 10;

/// A running agent. If it is dropped, the agent is killed and its folder removed, in this order.
#[derive(Debug)]
pub(super) struct Launched {
    pub(super) group: ProcessGroup,
    pub(super) child: Child,
    pub(super) input: Option<Input>,
    pub(super) started: Instant,
    pub(super) scratch: Scratch,
}

/// Starts the agent of `job`.
///
/// All of it happens in one visit to the blocking pool: folder, files, program, note. Starting a process
/// waits for its exec, which is no work for a thread that others wait for. If the caller goes away in
/// the meantime, what was started is dropped, and thereby killed.
pub(super) async fn launch(
    options: ProcessOptions,
    job: AgentJob,
) -> Result<Launched, RuntimeError> {
    spawn_blocking(move || {
        let mut scratch = folder_for(&options.state_dir, &job)?;
        match start(&options, &job, &scratch) {
            Ok((group, child, input, started)) => Ok(Launched {
                group,
                child,
                input,
                started,
                scratch,
            }),
            Err(error) => {
                scratch.remove_now();
                Err(error)
            }
        }
    })
    .await
    .unwrap_or_else(|error| Err(RuntimeError::Start(error.to_string())))
}

fn folder_for(state_dir: &Path, job: &AgentJob) -> Result<Scratch, RuntimeError> {
    let base = open_state_dir(state_dir).map_err(|error| RuntimeError::Storage {
        path: state_dir.display().to_string(),
        error,
    })?;
    let folder = scratch::folder_of(&base, &job.id);
    let unusable = |error| RuntimeError::Storage {
        path: folder.display().to_string(),
        error,
    };
    if job.launch == Launch::Again && folder.exists() {
        leftovers::end(&[folder.as_path()]);
        scratch::remove(&folder).map_err(unusable)?;
    }
    match Scratch::create(&base, &job.id) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Err(already_there(&job.id, &folder)),
        created => created.map_err(unusable),
    }
}

fn already_there(id: &RefId, folder: &Path) -> RuntimeError {
    RuntimeError::Start(format!(
        "{} exists, so {id} runs already or was left behind by a crash; resume its run, or start a new one",
        folder.display()
    ))
}

/// The real path, so that whoever looks for leftovers of an agent looks for the same name.
fn open_state_dir(state_dir: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(state_dir) {
        Err(e) if e.kind() == ErrorKind::NotFound => {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(state_dir)?;
            fs::canonicalize(state_dir)
        }
        found => found,
    }
}

type Started = (ProcessGroup, Child, Option<Input>, Instant);

fn start(
    options: &ProcessOptions,
    job: &AgentJob,
    scratch: &Scratch,
) -> Result<Started, RuntimeError> {
    let folder = workspace::prepare(&job.sandbox, scratch.workspace())?;
    let mut argv = job
        .invocation
        .argv_in(&scratch.home().display().to_string());
    if let Some(shared) = &job.shared {
        name_shared(shared, &mut argv)?;
    }
    let Some((program, args)) = argv.split_first() else {
        return Err(RuntimeError::Start("no program is named".to_owned()));
    };
    let vars = &job.sandbox.env_vars;
    let path = path_of(vars).unwrap_or(&options.path);
    let file = program::find(program, path, &folder)?;
    let (stdin, bytes) = stdin::open(&job.stdin)?;
    for (name, content) in &job.invocation.home {
        put(&scratch.home().join(name), content).map_err(|error| RuntimeError::Storage {
            path: scratch.home().join(name).display().to_string(),
            error,
        })?;
    }

    let mut command = Command::new(&file);
    command
        .arg0(program)
        .args(args)
        .current_dir(&folder)
        .env_clear()
        .env("PATH", &options.path)
        .env("HOME", scratch.home())
        .env("TMPDIR", scratch.home())
        .env("LANG", "C.UTF-8")
        .envs(
            job.shared
                .iter()
                .map(|shared| (SHARED_VARIABLE, &shared.path)),
        )
        .envs(&job.invocation.env)
        .envs(vars.iter())
        .process_group(0)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let started = Instant::now();
    let mut child = command
        .spawn()
        .map_err(|error| refusal(program, &file, &command, &error))?;
    let group = ProcessGroup::led_by(&child);
    let input = child
        .stdin
        .take()
        .zip(bytes)
        .map(|(pipe, bytes)| Input { pipe, bytes });
    if let Some(note) = group.number().and_then(Note::of) {
        // Without a note it might not be found after a crash of ours: better not to run it at all.
        note.write(scratch.folder())
            .map_err(|error| RuntimeError::Storage {
                path: scratch.folder().display().to_string(),
                error,
            })?;
    }
    tracing::debug!(agent = %job.id, pid = child.id(), "started a process");
    Ok((group, child, input, started))
}

/// Puts the shared folder into the arguments, where they mean it.
fn name_shared(shared: &SharedFolder, argv: &mut [String]) -> Result<(), RuntimeError> {
    let unsupported = |hint| RuntimeError::Unsupported {
        runtime: NAME,
        field: format!("the shared folder {}", shared.path.display()),
        hint,
    };
    let path = shared
        .path
        .to_str()
        .ok_or_else(|| unsupported("its path is not UTF-8; use another folder for SWARM_HOME"))?;
    for argument in argv {
        if let Cow::Owned(named) = with_shared_at(argument, path) {
            if !is_plain(path) {
                return Err(unsupported(
                    "a shell would read its path as several words; write \"$SWARM_SHARED\" in the command instead of /shared, or \
                     use another folder for SWARM_HOME",
                ));
            }
            *argument = named;
        }
    }
    Ok(())
}

/// Writes a file of the agent's home, for nobody else to read.
fn put(file: &Path, content: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        let mut private = DirBuilder::new();
        private.recursive(true).mode(0o700).create(folder)?;
    }
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    file.write_all(content.as_bytes())
}

pub(super) fn path_of(vars: &EnvVars) -> Option<&str> {
    vars.iter()
        .find_map(|(name, value)| (name == "PATH").then_some(value))
}

fn refusal(program: &str, file: &Path, command: &Command, error: &io::Error) -> RuntimeError {
    let missing = |problem: String| RuntimeError::ProgramMissing {
        program: program.to_owned(),
        problem,
    };
    let file = file.display();
    match rustix::io::Errno::from_io_error(error) {
        // The file was there a moment ago, so it is what its first line asks for that is not.
        Some(rustix::io::Errno::NOENT) => {
            missing(format!("{file} needs an interpreter that does not exist"))
        }
        Some(rustix::io::Errno::NOEXEC) => missing(format!(
            "{file} is neither a program of this machine nor a script with a `#!` line"
        )),
        Some(rustix::io::Errno::ACCESS) => missing(format!("{file} may not be executed")),
        Some(rustix::io::Errno::TOOBIG) => {
            let (all, longest) = lengths(command);
            RuntimeError::Start(format!(
                "the arguments and environment of {program:?} have {all} bytes, and the longest {longest}: the system takes less \
                 than {MAX_ARGUMENT} in one, and in all what `getconf ARG_MAX` says; pass long text on stdin or as a file"
            ))
        }
        _ => RuntimeError::Start(format!("{file}: {error}")),
    }
}

/// How many bytes the arguments and the environment have together, and the longest of them.
fn lengths(command: &Command) -> (usize, usize) {
    let command = command.as_std();
    let vars = command.get_envs().map(|(name, value)| {
        let value = value.map_or(0, |value| value.len() + "=".len());
        name.len() + value
    });
    let lengths = command.get_args().map(std::ffi::OsStr::len).chain(vars);
    lengths.fold((0, 0), |(all, longest), length| {
        (all + length, longest.max(length))
    })
}
