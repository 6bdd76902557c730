//! What the demo has its agents do. The programs are in every busybox and on every Unix.

use swarm_core::{
    Plan,
    ids::RefId,
    plan,
    prompt::Input,
    spec::{AgentSpec, SpecError},
};

use super::files::File;

/// Adds up the lines that are just a number; the headings of the prompt are none.
const SUM: &str = "/^ *[0-9]+ *$/ { sum += $1 } END { print sum }";
const LONGEST: &str = "length($0) > length(longest) { longest = $0 } END { print length(longest) }";
const SORTED: &str = "while IFS= read -r line; do echo ${#line}; done | sort -n | tail -n 1";

/// One agent per file, which reads the file on stdin.
pub(super) fn map(files: &[File]) -> Result<Plan, SpecError> {
    let count = AgentSpec::command("{input}", ["wc", "-w"])?;
    Ok(plan::map(
        count,
        files.iter().map(|file| file.text.as_str()),
    ))
}

/// Two ways to find the length of the longest line of all files.
pub(super) fn race(files: &[File]) -> Result<Plan, SpecError> {
    let text: String = files.iter().map(|file| file.text.as_str()).collect();
    let scan = AgentSpec::command(&text, ["awk", LONGEST])?;
    let sort = AgentSpec::command(&text, ["sh", "-c", SORTED])?;
    Ok(plan::race([scan, sort]))
}

/// One agent that adds up what the others counted.
pub(super) fn reduce(counts: Vec<RefId>) -> Result<Plan, SpecError> {
    let sum = AgentSpec::command("Add up the counts.", ["awk", SUM])?;
    Ok(plan::reduce(counts.into_iter().map(Input::Ref), sum))
}
