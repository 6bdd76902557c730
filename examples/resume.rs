//! Stops a run halfway and finishes it later, as another process could after a crash.
//!
//! ```console
//! $ cargo run -p swarm-examples --example resume [FOLDER]
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, path::Path, sync::Arc};

use swarm_core::{
    Control, NewRun, Swarm,
    drive::Stop,
    ids::RunId,
    journal::{RunEvent, RunLimits, SqliteEventLog},
    machine::End,
    plan::{self, run},
    runtime::process::{ProcessOptions, ProcessRuntime},
    spec::AgentSpec,
    time::SystemClock,
};
use swarm_examples::Home;
use swarm_refs::FsRefStore;
use tokio::sync::watch;

/// All that survives a process is in this folder.
fn swarm_in(home: &Path) -> Result<Swarm, Box<dyn Error>> {
    let runtime = ProcessRuntime::new(ProcessOptions::new(home.join("agents")));
    let builder = Swarm::builder(Arc::new(runtime))
        .store(Arc::new(FsRefStore::open(home, Arc::new(SystemClock))?))
        .log(Arc::new(SqliteEventLog::open(&home.join("swarm.db"))?));
    Ok(builder.build())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let home = Home::from_arguments()?;
    let id = RunId::random();
    let diary = home.path().join(format!("{id}.diary"));
    // Each stage notes that it ran; the second takes its time.
    let stage = |name: &str, then: &str| {
        let script = format!("echo {name} >> \"$1\"; {then}; cat");
        let diary = diary.display().to_string();
        AgentSpec::command(name, ["sh", "-c", &script, "sh", &diary]).map(run)
    };
    let work = plan::chain([stage("first", ":")?, stage("second", "sleep 1")?]);

    let (ask, asked) = watch::channel(None);
    let control = Control {
        // Hears of each event once it is durable, and here asks for a stop after the first agent has ended.
        observer: Some(Arc::new(move |event| {
            if matches!(event, RunEvent::AgentEnded(_)) {
                ask.send_replace(Some(Stop::Interrupt));
            }
        })),
        stop: Some(asked),
        ..Control::default()
    };
    let new = NewRun {
        id: id.clone(),
        plan: work,
        limits: RunLimits::default(),
    };
    let view = swarm_in(home.path())?.run(new, control).await?;
    println!("stopped: {:?}", view.state);
    assert!(view.end().is_none());

    // Nothing of the first swarm is left but its files.
    let view = swarm_in(home.path())?
        .resume(&id, Control::default())
        .await?;
    println!("ended: {:?}", view.end());
    assert!(matches!(view.end(), Some(End::Succeeded { .. })));
    let diary = std::fs::read_to_string(diary)?;
    let firsts = diary.lines().filter(|line| *line == "first").count();
    println!("the first stage ran {firsts} time");
    assert_eq!(firsts, 1);
    Ok(())
}
