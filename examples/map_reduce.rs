//! Looks at many inputs side by side, then brings together what came of them.
//!
//! ```console
//! $ cargo run -p swarm-examples --example map_reduce [FOLDER]
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, num::NonZeroUsize, sync::Arc};

use swarm_core::{
    Swarm,
    machine::End,
    plan,
    runtime::process::{ProcessOptions, ProcessRuntime},
    spec::AgentSpec,
};
use swarm_examples::Home;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let home = Home::from_arguments()?;
    let runtime = ProcessRuntime::new(ProcessOptions::new(home.path().join("agents")));
    // Whatever is not given is kept in memory.
    let swarm = Swarm::builder(Arc::new(runtime)).build();

    let texts = [
        "to be or not to be",
        "that is the question",
        "whether tis nobler in the mind to suffer",
    ];
    // Each agent finds its prompt on stdin.
    let count = AgentSpec::command("{input}", ["wc", "-w"])?;
    // The reducer's prompt is its task, then `# Inputs to synthesise:` and a section for each result.
    let add = AgentSpec::command(
        "Add the numbers.",
        ["awk", "/^ *[0-9]+$/ { sum += $1 } END { print sum }"],
    )?;
    let at_once = NonZeroUsize::new(2).ok_or("two is not zero")?;
    let work = plan::map_reduce(&count, texts, add).with_limit(at_once);

    let view = swarm.execute(work).await?;
    for agent in view.agents.values() {
        let outcome = agent.outcome.as_ref().map(|outcome| &outcome.exit);
        println!("{}: {outcome:?}", agent.agent);
    }
    let Some(End::Succeeded { refs }) = view.end() else {
        return Err(format!("nothing was reduced: {:?}", view.end()).into());
    };
    let [sum] = refs.as_slice() else {
        return Err("a reduction has one result".into());
    };

    let text = swarm.store().text(sum).await?.read()?;
    let text = String::from_utf8(text)?;
    println!("{} words in all", text.trim());
    assert_eq!(text.trim(), "18");

    // The result knows what it was made from.
    let provenance = swarm.store().get(sum).await?.stamps.provenance;
    let parents = provenance.map(|made| made.parent_refs).unwrap_or_default();
    println!("made from {parents:?}");
    assert_eq!(parents.len(), texts.len());
    Ok(())
}
