//! Maps a program over files and reads the results when they are wanted.
//!
//! ```console
//! $ cargo run -p swarm-examples --example quickstart [FOLDER]
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, sync::Arc};

use swarm_core::{
    Swarm,
    journal::SqliteEventLog,
    machine::End,
    plan,
    runtime::process::{ProcessOptions, ProcessRuntime},
    spec::AgentSpec,
    time::SystemClock,
};
use swarm_examples::Home;
use swarm_refs::FsRefStore;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let home = Home::from_arguments()?;
    let mut inputs = Vec::new();
    for (name, text) in [
        ("one.txt", "red\n"),
        ("two.txt", "red\ngreen\n"),
        ("three.txt", "red\ngreen\nblue\n"),
    ] {
        let file = home.path().join(name);
        std::fs::write(&file, text)?;
        inputs.push(file.display().to_string());
    }

    // Agents run as processes, results are kept in files, and what happens is logged in SQLite.
    let runtime = ProcessRuntime::new(ProcessOptions::new(home.path().join("agents")));
    let store = FsRefStore::open(home.path(), Arc::new(SystemClock))?;
    let log = SqliteEventLog::open(&home.path().join("swarm.db"))?;
    let swarm = Swarm::builder(Arc::new(runtime))
        .store(Arc::new(store))
        .log(Arc::new(log))
        .build();

    // One agent for each file; `{input}` stands for its path in the prompt and in the command.
    let count = AgentSpec::command("Count the lines of {input}.", ["wc", "-l", "{input}"])?;
    let work = plan::map(&count, inputs.iter().map(String::as_str));
    let view = swarm.execute(work).await?;

    let Some(End::Succeeded { refs }) = view.end() else {
        return Err(format!("not every agent succeeded: {:?}", view.end()).into());
    };
    let mut lines = Vec::new();
    for id in refs {
        // The reference is small; the text stays on disk until somebody asks.
        let found = swarm.store().get(id).await?;
        let text = swarm.store().text(id).await?.read()?;
        let text = String::from_utf8_lossy(&text);
        println!(
            "{id}  {} bytes, {}s: {text}",
            found.size, found.duration_seconds
        );
        lines.push(text.trim_start().chars().next());
    }
    assert_eq!(lines, [Some('1'), Some('2'), Some('3')]);
    Ok(())
}
