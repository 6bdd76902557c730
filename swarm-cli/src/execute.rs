//! Running a plan, and answering for it.

use std::sync::Arc;

use swarm_core::{
    Control, NewRun, Plan, Restart, RunView, Swarm, SwarmError,
    error_code::{Coded as _, ErrorCode},
    ids::RunId,
    journal::RunLimits,
    plan::Program,
    report::Report,
    time::{Clock as _, SystemClock, Timestamp},
};

use crate::{
    args::{Overrides, PlaybackArgs, RunArgs},
    commands::Context,
    config,
    control::Stops,
    error::CliError,
    exit_code::Exit,
    output::{Output, progress::Progress, report::print_report},
    playback, remote,
    runtime::{self, Chosen},
    session::Session,
    trust, warm,
};

/// Runs `plan` to its end and prints what came of it.
pub(crate) async fn execute(
    context: &Context,
    args: &RunArgs,
    plan: Plan,
) -> Result<Exit, CliError> {
    let plan = match args.max_concurrency {
        Some(limit) => plan.with_limit(limit),
        None => plan,
    };
    let limits = RunLimits {
        budget: args.budget,
        deadline: deadline(args),
    };
    let new = NewRun {
        id: RunId::random(),
        plan,
        limits,
    };
    start(context, args, new).await
}

/// The same for a run whose limits are known.
pub(crate) async fn start(
    context: &Context,
    args: &RunArgs,
    new: NewRun,
) -> Result<Exit, CliError> {
    let session = open(context, args)?;
    trust::check_images(&session.config, &new.plan)?;
    if !is_local(&session, args) {
        return remote::start(context, args, &session, new).await;
    }
    let (chosen, recording) = playback::choose(
        &session,
        context.out,
        args,
        (&new.id, playback::Driven::New),
    )
    .await?;
    keep_warm(&session, context.out, args, &chosen, (&new.id, &new.plan));
    let driver = Driver {
        session: &session,
        out: context.out,
        chosen: &chosen,
        recording: recording.as_ref(),
    };
    let ended = driver.start(new).await;
    chosen.close().await;
    if let Some(recording) = recording {
        recording.close(context.out, ended.as_ref());
    }
    let view = ended?;
    answer(&session, context.out, &view, args.text).await
}

/// Goes on with a run that another process left behind, or with a pipeline that is over, in the runtime that it began in.
pub(crate) async fn resume(
    context: &Context,
    args: &RunArgs,
    run: &RunId,
    restart: Restart,
) -> Result<Exit, CliError> {
    let session = open(context, args)?;
    let view = known(&session, run).await?;
    playback::check_resume(&view, &args.playback)?;
    let mut session = session;
    if args.runtime.is_none() {
        session.config.settings.runtime = runtime_of(&view);
    }
    let work = match &restart.program {
        Some(program) => Plan::Pipeline {
            program: Arc::new(program.clone()),
        },
        None => view.work(),
    };
    trust::check_images(&session.config, &work)?;
    let limits = RunLimits {
        budget: args.budget.or(view.limits.budget),
        deadline: deadline(args).or(view.limits.deadline),
    };
    // What is recorded or told again is driven here.
    let is_apart = playback::is_replay(&view) || playback::is_recorded(&session, run).await?;
    if !is_local(&session, args) && !is_apart {
        let asked = (limits != view.limits).then_some(limits);
        let limits = restart.limits.or(asked);
        let restart = is_restart(&view, &restart).then_some(restart);
        return remote::resume(context, args, &session, (&view, &work), restart, limits).await;
    }
    let lock = session.lock(run)?.ok_or_else(|| is_live(run))?;
    // Locked first: the sweep leaves alone what belongs to a live run, and from here on this one is.
    let (chosen, recording) = playback::choose(
        &session,
        context.out,
        args,
        (run, playback::Driven::Resumed(&view)),
    )
    .await?;
    keep_warm(&session, context.out, args, &chosen, (run, &work));
    let driver = Driver {
        session: &session,
        out: context.out,
        chosen: &chosen,
        recording: recording.as_ref(),
    };
    let ended = async {
        driver.remember_recording(run).await?;
        if is_restart(&view, &restart) {
            let asked = (limits != view.limits).then_some(limits);
            let limits = restart.limits.or(asked);
            let restart = Restart { limits, ..restart };
            return driver.restart(run, &view, restart).await;
        }
        if limits != view.limits {
            driver.swarm()?.change_limits(run, limits).await?;
        }
        driver.go_on(run, &view).await
    }
    .await;
    chosen.close().await;
    if let Some(recording) = recording {
        recording.close(context.out, ended.as_ref());
    }
    drop(lock);
    let view = ended?;
    answer(&session, context.out, &view, args.text).await
}

/// Runs the pipeline of an earlier run from one of its steps, as `change` makes it, in the runtime that it ran in.
pub(crate) async fn fork(
    context: &Context,
    args: &RunArgs,
    (run, step): (&RunId, &str),
    change: impl Fn(Program) -> Result<Program, CliError>,
) -> Result<Exit, CliError> {
    let mut session = open(context, args)?;
    let view = known(&session, run).await?;
    // What cannot be done is said before an engine is asked for anything.
    if let Some(program) = &view.program {
        change(Program::clone(program))?;
    }
    if args.runtime.is_none() {
        session.config.settings.runtime = runtime_of(&view);
    }
    playback::check_fork(&args.playback)?;
    if !is_local(&session, args) {
        let swarm = session.swarm(runtime::of_processes(&session.config.settings))?;
        let (new, program) = swarm.fork(run, step).await?;
        let new = forked(args, new, change(program)?);
        trust::check_images(&session.config, &new.plan)?;
        return remote::start(context, args, &session, new).await;
    }
    let chosen = runtime::choose(&session, context.out).await?;
    let driver = Driver {
        session: &session,
        out: context.out,
        chosen: &chosen,
        recording: None,
    };
    let ended = async {
        let (new, program) = driver.swarm()?.fork(run, step).await?;
        let new = forked(args, new, change(program)?);
        trust::check_images(&session.config, &new.plan)?;
        keep_warm(&session, context.out, args, &chosen, (&new.id, &new.plan));
        driver.start(new).await
    }
    .await;
    chosen.close().await;
    answer(&session, context.out, &ended?, args.text).await
}

/// The fork with the changed program.
fn forked(args: &RunArgs, new: NewRun, program: Program) -> NewRun {
    NewRun {
        plan: Plan::Pipeline {
            program: program.into(),
        },
        limits: RunLimits {
            budget: args.budget.or(new.limits.budget),
            deadline: deadline(args),
        },
        ..new
    }
}

/// Whether this process drives the run. What is recorded or told again is: the folder is that of who asks.
const fn is_local(session: &Session, args: &RunArgs) -> bool {
    let PlaybackArgs { record, replay } = &args.playback;
    args.place.local || session.config.settings.local || record.is_some() || replay.is_some()
}

/// Starts containers ahead, if that was asked for.
fn keep_warm(
    session: &Session,
    out: Output,
    args: &RunArgs,
    chosen: &Chosen,
    (run, plan): (&RunId, &Plan),
) {
    if let Some(ahead) = args.warm {
        let max_output = session.config.settings.max_output;
        warm::keep(chosen, &chosen.bar.tell(out), run, plan, ahead, max_output);
    }
}

fn runtime_of(view: &RunView) -> config::RuntimeChoice {
    match view.runtime.as_str() {
        "docker" => config::RuntimeChoice::Docker,
        _ => config::RuntimeChoice::Process,
    }
}

fn deadline(args: &RunArgs) -> Option<Timestamp> {
    args.deadline
        .map(|deadline| SystemClock.now().plus(deadline))
}

/// Whether the run goes on from a step, and not where it was left.
fn is_restart(view: &RunView, restart: &Restart) -> bool {
    let edited = restart.program.as_ref().is_some_and(|program| {
        let present = view.program.as_ref();
        present.is_none_or(|present| present.digest != program.digest)
    });
    restart.step.is_some() || edited || (view.end().is_some() && view.program.is_some())
}

/// What the log knows about `run`.
pub(crate) async fn known(session: &Session, run: &RunId) -> Result<RunView, CliError> {
    let journal =
        swarm_core::journal::RunJournal::new(Arc::clone(&session.log), Arc::new(SystemClock), run);
    let view = journal.view().await?;
    view.ok_or_else(|| SwarmError::RunNotFound(run.clone()).into())
}

pub(crate) fn is_live(run: &RunId) -> CliError {
    CliError::new(
        ErrorCode::RunIsLive,
        format!("run {run} is being driven by another process; `swarm runs kill {run}` stops it"),
    )
}

fn open(context: &Context, args: &RunArgs) -> Result<Session, CliError> {
    let overrides = Overrides {
        runtime: args.runtime,
        ..context.overrides()
    };
    let mut config = config::load(&overrides)?;
    if let Some(limit) = args.max_concurrency {
        // Whatever the plan is made of: the slots are what all of its agents wait for.
        let slots = &mut config.settings.max_concurrent;
        *slots = (*slots).min(limit);
    }
    Session::open(config)
}

/// Drives runs to their end, one at a time.
pub(crate) struct Driver<'a> {
    pub(crate) session: &'a Session,
    pub(crate) out: Output,
    pub(crate) chosen: &'a Chosen,
    /// What is recorded of it.
    pub(crate) recording: Option<&'a playback::Recording>,
}

impl Driver<'_> {
    /// Runs something new.
    pub(crate) async fn start(&self, new: NewRun) -> Result<RunView, CliError> {
        let run = new.id.clone();
        // Held until the run has ended; it tells others, and the next start of swarm, that the run is alive.
        let lock = self.session.lock(&run)?.ok_or_else(|| is_live(&run))?;
        if let Err(error) = self.remember_recording(&run).await {
            drop(lock.discard());
            return Err(error);
        }
        let swarm = self.swarm()?;
        let (out, agents) = (self.out, new.plan.agent_count());
        let id = run.clone();
        let progress = Progress::new(out, &run, agents)
            .when_it_begins(move |runtime| out.run_begins(&id, agents, runtime));
        let ended = self
            .drive(&swarm, &run, progress, |control| swarm.run(new, control))
            .await;
        if ended.is_err() && !self.session.has_begun(&run).await {
            // What was refused leaves nothing. If that fails, gc removes it.
            drop(lock.discard());
        }
        ended
    }

    /// Before it begins: from then on whoever goes on with it has to know.
    async fn remember_recording(&self, run: &RunId) -> Result<(), CliError> {
        match self.recording {
            Some(recording) => recording.remember(self.session, run).await,
            None => Ok(()),
        }
    }

    async fn go_on(&self, run: &RunId, view: &RunView) -> Result<RunView, CliError> {
        let swarm = self.swarm()?;
        let progress = Progress::new(self.out, run, view.plan.agent_count());
        progress.already(view.counts());
        self.drive(&swarm, run, progress, |control| swarm.resume(run, control))
            .await
    }

    async fn restart(
        &self,
        run: &RunId,
        view: &RunView,
        restart: Restart,
    ) -> Result<RunView, CliError> {
        // Before anybody listens: what it was asked before is over.
        self.swarm()?.reopen(run, restart, None).await?;
        self.go_on(run, view).await
    }

    fn swarm(&self) -> Result<Swarm, CliError> {
        self.session.swarm(Arc::clone(&self.chosen.runtime))
    }

    async fn drive<F: Future<Output = Result<RunView, SwarmError>>>(
        &self,
        swarm: &Swarm,
        run: &RunId,
        progress: Progress,
        drive: impl FnOnce(Control) -> F,
    ) -> Result<RunView, CliError> {
        self.chosen.bar.set(&progress);
        let mut stops = Stops::listen(swarm.journal(run), self.out, &progress)?;
        let control = Control {
            observer: Some(progress.observer()),
            onlooker: progress.onlooker(),
            notice: Some(progress.notice()),
            stop: Some(stops.stop.clone()),
            supplies: None,
        };
        let ended = tokio::select! {
            ended = drive(control) => ended,
            // Dropping the run kills its agents; the log says that it did not end.
            Some(()) = stops.hurry.recv() => swarm.view(run).await,
        };
        stops.close().await;
        progress.finish();
        ended.map_err(|error| match error {
            // It was under way; the disk is full, or the log was damaged by somebody.
            SwarmError::Log(_) | SwarmError::Drive(_) => CliError::new(
                error.code(),
                format!(
                    "{error}; the run was stopped, what had finished is kept, and `swarm runs resume {run}` \
                     goes on once that is mended"
                ),
            ),
            other => other.into(),
        })
    }
}

/// Prints what came of a run, and says how to go on if it is not over.
pub(crate) async fn answer(
    session: &Session,
    out: Output,
    view: &RunView,
    text: bool,
) -> Result<Exit, CliError> {
    let report = Report::new(view, session.store.as_ref()).await?;
    print_report(out, session.store.as_ref(), view, &report, text).await?;
    Ok(Exit::of_run(view))
}
