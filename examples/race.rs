//! Two ways to do the same: the first that succeeds wins, the other is stopped and gone.
//!
//! ```console
//! $ cargo run -p swarm-examples --example race [FOLDER]
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, sync::Arc};

use swarm_core::{
    Swarm,
    machine::End,
    outcome::ExitReason,
    plan::{self, run},
    runtime::process::{ProcessOptions, ProcessRuntime},
    spec::AgentSpec,
};
use swarm_examples::Home;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let home = Home::from_arguments()?;
    let runtime = ProcessRuntime::new(ProcessOptions::new(home.path().join("agents")));
    let swarm = Swarm::builder(Arc::new(runtime)).build();

    let task = "banana\napple\ncherry\n";
    // The first gives up, the second does the work, the third would take all day.
    let gives_up = AgentSpec::command(task, ["sh", "-c", "echo no idea >&2; exit 1"])?;
    let sorts = AgentSpec::command(task, ["sort"])?;
    let dawdles = AgentSpec::command(task, ["sh", "-c", "echo hm; sleep 86400"])?;
    let view = swarm
        .execute(plan::race([run(gives_up), run(sorts), run(dawdles)]))
        .await?;

    for agent in view.agents.values() {
        if let Some(outcome) = &agent.outcome {
            let said = match &outcome.result {
                Some(id) => swarm.store().get(id).await?.error.unwrap_or_default(),
                None => String::new(),
            };
            println!("{}: {} {said}", agent.agent, outcome.exit);
        }
    }
    let Some(End::Succeeded { refs }) = view.end() else {
        return Err(format!("nobody won: {:?}", view.end()).into());
    };
    let [winner] = refs.as_slice() else {
        return Err("a race of single agents has one result".into());
    };
    assert_eq!(winner.agent.as_str(), "agent-1");
    let text = swarm.store().text(winner).await?.read()?;
    println!("{winner} won:\n{}", String::from_utf8_lossy(&text));
    assert_eq!(text, b"apple\nbanana\ncherry\n");

    // The race is over when the losers are gone, not when the winner is known.
    let loser = view
        .agents
        .values()
        .find(|agent| agent.agent.as_str() == "agent-2");
    let loser = loser.and_then(|agent| agent.outcome.as_ref());
    assert_eq!(
        loser.map(|outcome| &outcome.exit),
        Some(&ExitReason::Cancelled)
    );
    Ok(())
}
