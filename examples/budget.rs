//! Agents that cost something, and a budget that does not cover all of them.
//!
//! ```console
//! $ cargo run -p swarm-examples --example budget [FOLDER]
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, sync::Arc};

use serde_json::json;
use swarm_core::{
    Control, NewRun, Swarm,
    ids::RunId,
    journal::RunLimits,
    money::Usd,
    outcome::ExitReason,
    plan,
    runtime::process::{ProcessOptions, ProcessRuntime},
    spec::{AgentSpec, SandboxSpec},
};
use swarm_examples::Home;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let home = Home::from_arguments()?;
    let runtime = ProcessRuntime::new(ProcessOptions::new(home.path().join("agents")));
    let swarm = Swarm::builder(Arc::new(runtime)).build();

    // A program is free unless its author says what it may cost. That much is set aside before it starts.
    let sandbox = json!({ "agent": { "command": ["cat"] }, "max_budget": 0.25 });
    let agent = AgentSpec::new("{input}", SandboxSpec::from_json(sandbox, "sandbox")?)?;
    let budget: Usd = "0.60".parse()?;
    let new = NewRun {
        id: RunId::random(),
        plan: plan::map(&agent, ["a", "b", "c"]),
        limits: RunLimits {
            budget: Some(budget),
            deadline: None,
        },
    };
    let view = swarm.run(new, Control::default()).await?;

    let mut denied = 0;
    for agent in view.agents.values() {
        let Some(outcome) = &agent.outcome else {
            continue;
        };
        println!("{}: {}", agent.agent, outcome.exit);
        match &outcome.result {
            Some(id) => {
                let stamp = swarm.store().get(id).await?.stamps.budget;
                println!("  {stamp:?}");
            }
            None => println!("  {}", outcome.error.as_deref().unwrap_or_default()),
        }
        denied += usize::from(outcome.exit == ExitReason::BudgetExhausted);
    }
    println!("spent {} of {budget}", view.spent);
    assert_eq!(
        denied, 1,
        "two of three are covered, and the third never starts"
    );
    assert!(view.spent <= budget);
    Ok(())
}
