//! Runs that the daemon drives: asked for here, and watched.

mod watching;

use std::fs;

use serde::Serialize;
use swarm_core::{
    NewRun, Plan, Restart, RunView, SwarmError, agents::kind_of, error_code::ErrorCode, ids::RunId,
    journal::RunLimits, spec::AgentSpec, supplies::Supplies,
};
use swarm_http::{
    DaemonHome,
    engines::EngineSettings,
    operations::runs::{FromStep, Limits, Resume, Start},
    runs::{RunSettings, TypesIn},
};
use tokio::task::spawn_blocking;
use watching::{Left, Watching};

use crate::{
    args::RunArgs,
    commands::Context,
    daemon::{Daemon, Speaker},
    error::CliError,
    execute::{answer, known},
    exit_code::Exit,
    host_machine::HostMachine,
    output::{Output, progress::Progress},
    runtime::path_of_user,
    session::Session,
};

/// Has the daemon begin a run, and waits for its end unless it is left to itself.
pub(crate) async fn start(
    context: &Context,
    args: &RunArgs,
    session: &Session,
    new: NewRun,
) -> Result<Exit, CliError> {
    let agents = new.plan.agent_count();
    let start = Start {
        run: new.id.clone(),
        supplies: Some(supplies(session, &new.plan).await?),
        plan: new.plan,
        limits: new.limits.into(),
        settings: settings(session, args)?,
    };
    let mut daemon = Daemon::reach(context, &Speaker::default()).await?;
    daemon.call(&start).await?;
    drop(start);
    if args.place.detach {
        return leave(context.out, &new.id);
    }
    let progress = Progress::new(context.out, &new.id, agents).when_it_begins({
        let (out, run) = (context.out, new.id.clone());
        move |runtime| out.run_begins(&run, agents, runtime)
    });
    watch(context, session, daemon, &new.id, progress, args.text).await
}

/// Has the daemon go on with a run, from a step if `restart` says so.
pub(crate) async fn resume(
    context: &Context,
    args: &RunArgs,
    session: &Session,
    (view, work): (&RunView, &Plan),
    restart: Option<Restart>,
    limits: Option<RunLimits>,
) -> Result<Exit, CliError> {
    let from_here = restart.is_none() && limits.is_none();
    let resume = Resume {
        run: view.run.clone(),
        restart: restart.map(|restart| FromStep {
            step: restart.step,
            program: restart.program,
        }),
        limits: limits.map(Limits::from),
        settings: settings(session, args)?,
        supplies: Some(supplies(session, work).await?),
    };
    let mut daemon = Daemon::reach(context, &Speaker::default()).await?;
    match daemon.call(&resume).await {
        Ok(_) => {}
        // The daemon, which this may have started, goes on with it by itself.
        Err(error) if from_here && error.code() == ErrorCode::RunIsLive => {}
        Err(error) => return Err(error),
    }
    if args.place.detach {
        return leave(context.out, &view.run);
    }
    let progress = Progress::new(context.out, &view.run, view.plan.agent_count());
    watch(context, session, daemon, &view.run, progress, args.text).await
}

/// Follows a run from here on, whoever drives it.
pub(crate) async fn follow(
    context: &Context,
    session: &Session,
    view: &RunView,
    text: bool,
) -> Result<Exit, CliError> {
    let daemon = Daemon::reach(context, &Speaker::default()).await?;
    let progress = Progress::new(context.out, &view.run, view.plan.agent_count());
    watch(context, session, daemon, &view.run, progress, text).await
}

fn leave(out: Output, run: &RunId) -> Result<Exit, CliError> {
    #[derive(Serialize)]
    struct Left<'a> {
        run_id: &'a RunId,
    }
    out.answer(&Left { run_id: run }, || {
        format!("run {run} is under way; `swarm runs watch {run}` follows it")
    })?;
    Ok(Exit::Ok)
}

/// What holds for a run that is asked for here.
fn settings(session: &Session, args: &RunArgs) -> Result<RunSettings, CliError> {
    let config = &session.config;
    let settings = &config.settings;
    let docker_host = Some(settings.docker_host.clone());
    let images = settings.agents.iter();
    let limits = settings.pool_limits();
    let file = Some(&settings.prices).filter(|file| !file.as_os_str().is_empty());
    let prices = file.map(|file| {
        fs::read_to_string(file).map_err(|error| CliError::file("read the prices in", file, &error))
    });
    let types = config.type_folders()?.into_iter().map(|types| TypesIn {
        path: types.path,
        is_foreign: types.is_foreign,
    });
    Ok(RunSettings {
        engine: EngineSettings {
            runtime: settings.runtime.into(),
            docker_host: docker_host.filter(|host| !host.is_empty()),
            image: settings.image.clone(),
            images: images
                .map(|(kind, agents)| (kind.clone(), agents.image.clone()))
                .collect(),
            path: path_of_user(),
        },
        slots: limits.slots,
        pools: limits.pools,
        queue_timeout: u64::try_from(limits.queue_timeout.as_millis()).unwrap_or(u64::MAX),
        max_output: settings.max_output.bytes(),
        prices: prices.transpose()?,
        types: types.collect(),
        folder: config.folders.current.clone(),
        warm: args.warm,
    })
}

/// What the agents of `plan` need of this user: the daemon has neither its environment nor its folder.
async fn supplies(session: &Session, plan: &Plan) -> Result<Supplies, CliError> {
    let agents: Vec<AgentSpec> = plan.agents().into_iter().cloned().collect();
    if !Supplies::are_needed(&agents) {
        return Ok(Supplies::default());
    }
    let prices = session.prices()?;
    for agent in &agents {
        // A model that there is not is a better reason than an account that there is not.
        if let Ok(kind) = kind_of(&agent.agent) {
            let known = kind.check_model(agent, &prices);
            known.map_err(SwarmError::from)?;
        }
    }
    let gathered = spawn_blocking(move || Supplies::gather(&agents, Some(&HostMachine))).await;
    let gathered =
        gathered.map_err(|error| CliError::new(ErrorCode::Internal, error.to_string()))?;
    Ok(gathered.map_err(SwarmError::from)?)
}

/// Shows how the run goes on until it stops, and what came of it.
async fn watch(
    context: &Context,
    session: &Session,
    daemon: Daemon,
    run: &RunId,
    progress: Progress,
    text: bool,
) -> Result<Exit, CliError> {
    let watching = Watching {
        context,
        run,
        progress: &progress,
        home: DaemonHome::new(&session.config.settings.home),
    };
    let ended = watching.to_its_end(daemon.client()).await;
    progress.finish();
    match ended {
        Ok(Left::Stopped) => {}
        Ok(Left::Running) => {
            context.out.notice(&format!(
                "run {run} goes on; `swarm runs watch {run}` follows it, `swarm runs kill {run}` stops it"
            ));
            return Ok(Exit::Interrupted);
        }
        Err(error) if error.code() == ErrorCode::DaemonUnreachable => {
            context.out.notice(error.message());
            return Ok(Exit::Interrupted);
        }
        Err(error) if session.has_begun(run).await => {
            return Err(CliError::new(
                error.code(),
                format!(
                    "{}; the run was stopped, what had finished is kept, and `swarm runs resume {run}` \
                     goes on once that is mended",
                    error.message()
                ),
            ));
        }
        Err(error) => return Err(error),
    }
    let view = known(session, run).await?;
    answer(session, context.out, &view, text).await
}
