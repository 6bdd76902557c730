//! Runs that are recorded, and runs that are told again.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use swarm_core::{
    RunView, error_code::ErrorCode, ids::RunId, run_view::RunState, runtime::AgentRuntime,
};
use swarm_refs::{RecordingRuntime, ReplayRuntime};

use crate::{
    args::{PlaybackArgs, RunArgs},
    config::RuntimeChoice,
    error::CliError,
    output::{Output, first_line, printable, report::how_to_resume},
    runtime::{self, Chosen},
    session::Session,
};

/// A run that is to be driven, and how it stands if it is not new.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Driven<'a> {
    New,
    Resumed(&'a RunView),
}

/// The runtime of a run, which may be a recording of an earlier one, or be recorded itself. One that was recorded from its beginning is
/// recorded on, also if nobody says so: a recording with a hole in it cannot be told again.
pub(crate) async fn choose(
    session: &Session,
    out: Output,
    args: &RunArgs,
    (run, driven): (&RunId, Driven<'_>),
) -> Result<(Chosen, Option<Recording>), CliError> {
    let absolute = |path: &Path| session.config.folders.absolute(path);
    if let Some(path) = &args.playback.replay {
        let path = absolute(path);
        check_apart(session, &path)?;
        let runtime = ReplayRuntime::open(&path).await?;
        check_runtime(args.runtime, runtime.recorded_runtime(), &path)?;
        return Ok((Chosen::of(Arc::new(runtime)), None));
    }
    let said = args.playback.record.as_deref().map(absolute);
    let path = match (&said, driven) {
        (Some(path), _) => Some(path.clone()),
        (None, Driven::New) => None,
        (None, Driven::Resumed(view)) => remembered(session, out, view).await?,
    };
    let chosen = runtime::choose(session, out).await?;
    let Some(path) = path else {
        return Ok((chosen, None));
    };
    match record(session, &chosen, &path, (run, driven)).await {
        Ok(runtime) => {
            let recorded: Arc<dyn AgentRuntime> = Arc::new(runtime.clone());
            Ok((chosen.with(recorded), Some(Recording { runtime, path })))
        }
        Err(error) => {
            chosen.close().await;
            Err(match said {
                Some(_) => error,
                None => nobody_said(run, &path, error),
            })
        }
    }
}

/// The folder that a run was recorded in when it was driven last.
async fn remembered(
    session: &Session,
    out: Output,
    view: &RunView,
) -> Result<Option<PathBuf>, CliError> {
    // One that is only wound up starts no agent that could be recorded.
    if is_cancelled(view) {
        return Ok(None);
    }
    let home = &session.config.settings.home;
    let Some(path) = swarm_refs::recording_of(home, &view.run).await? else {
        return Ok(None);
    };
    if path.symlink_metadata().is_ok() {
        return Ok(Some(path));
    }
    out.warn(&format!(
        "run {} was recorded in {}, which is not there any more: it goes on without being recorded; `--record FOLDER` says where that is \
         now",
        view.run,
        path.display()
    ));
    Ok(None)
}

/// The folder is none that whoever resumes the run has named.
fn nobody_said(run: &RunId, path: &Path, error: CliError) -> CliError {
    error.at(&format!(
        "run {run} goes on being recorded in {} unless that folder is moved away",
        path.display()
    ))
}

async fn record(
    session: &Session,
    chosen: &Chosen,
    path: &Path,
    (run, driven): (&RunId, Driven<'_>),
) -> Result<RecordingRuntime, CliError> {
    check_apart(session, path)?;
    let inner = Arc::clone(&chosen.runtime);
    Ok(match driven {
        Driven::New => RecordingRuntime::create(inner, path, run).await?,
        Driven::Resumed(_) => RecordingRuntime::reopen(inner, path, run).await?,
    })
}

/// A replay runs nothing, and so in no runtime. The one that was recorded may be named, so that the same command records and replays; to
/// take another one for granted would be to answer a question that was not asked.
fn check_runtime(said: Option<RuntimeChoice>, recorded: &str, path: &Path) -> Result<(), CliError> {
    let said = match said {
        None | Some(RuntimeChoice::Auto) => return Ok(()),
        Some(RuntimeChoice::Docker) => "docker",
        Some(RuntimeChoice::Process) => "process",
    };
    if said == recorded {
        return Ok(());
    }
    Err(CliError::usage(format!(
        "--replay runs nothing, so agents cannot run in `--runtime {said}`: what is told again from {} ran in `{}`; leave \
         --runtime out, or leave --replay out to run the agents",
        path.display(),
        printable(&first_line(recorded, 40))
    )))
}

/// A run that is being recorded.
#[derive(Debug)]
pub(crate) struct Recording {
    runtime: RecordingRuntime,
    path: PathBuf,
}

impl Recording {
    /// Keeps with the run, which this process drives, where it is recorded.
    pub(crate) async fn remember(&self, session: &Session, run: &RunId) -> Result<(), CliError> {
        let home = &session.config.settings.home;
        Ok(swarm_refs::remember_recording(home, run, &self.path).await?)
    }

    /// Says what is missing in it, and how to go on with it if the run did not end.
    pub(crate) fn close(&self, out: Output, view: Result<&RunView, &CliError>) {
        if let Ok(view) = view
            && view.end().is_none()
        {
            out.notice(&format!(
                "the run is recorded as far as it got in {}; `{}` goes on with the recording, too",
                self.path.display(),
                how_to_resume(view)
            ));
        }
        if let Some(unkept) = self.runtime.unkept() {
            out.warn(&format!(
                "the recording is not complete, and what is missing cannot be replayed: {unkept}"
            ));
        }
    }
}

/// What is kept of runs is no place for recordings: gc and the sweep go through it.
fn check_apart(session: &Session, path: &Path) -> Result<(), CliError> {
    let home = &session.config.settings.home;
    let home = home.canonicalize().unwrap_or_else(|_| home.clone());
    let nearest = path.ancestors().find_map(|path| path.canonicalize().ok());
    if nearest.is_some_and(|nearest| nearest.starts_with(&home)) {
        return Err(CliError::new(
            ErrorCode::RecordingUnusable,
            format!(
                "{} is in the folder that swarm keeps its own files in, {}; name one elsewhere",
                path.display(),
                home.display()
            ),
        ));
    }
    Ok(())
}

/// Refuses to go on with a run in another way than it began.
pub(crate) fn check_resume(view: &RunView, args: &PlaybackArgs) -> Result<(), CliError> {
    let run = &view.run;
    let refused = |problem: String| Err(CliError::new(ErrorCode::InvalidInput, problem));
    match (is_replay(view), &args.replay) {
        // It is only wound up: nothing is told any more.
        (true, None) if is_cancelled(view) => Ok(()),
        (true, None) => refused(format!(
            "run {run} tells a recording again; say which, as when it began: `swarm runs resume {run} --replay FOLDER`"
        )),
        (false, Some(_)) => refused(format!(
            "run {run} began with real agents ({}), and a recording cannot go on with it; leave --replay out",
            view.runtime
        )),
        (true, Some(_)) | (false, None) => Ok(()),
    }
}

/// Refuses to record half of a run: what comes before the fork was done by another one.
pub(crate) fn check_fork(args: &PlaybackArgs) -> Result<(), CliError> {
    match args {
        PlaybackArgs {
            record: None,
            replay: None,
        } => Ok(()),
        _ => Err(CliError::usage(
            "a fork goes on with the results of another run and cannot be recorded or replayed; record the whole pipeline",
        )),
    }
}

/// Whether the run is only to be wound up.
fn is_cancelled(view: &RunView) -> bool {
    matches!(
        view.state,
        RunState::Open {
            cancel_requested: true,
            ..
        }
    )
}

/// Whether the run was recorded when it was driven last.
pub(crate) async fn is_recorded(session: &Session, run: &RunId) -> Result<bool, CliError> {
    let home = &session.config.settings.home;
    Ok(swarm_refs::recording_of(home, run).await?.is_some())
}

/// Whether the run is told from a recording.
pub(crate) fn is_replay(view: &RunView) -> bool {
    view.runtime == ReplayRuntime::NAME
}
