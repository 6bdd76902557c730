//! Says what an agent did, also one that never finished.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write},
    path::PathBuf,
};

use serde::{Serialize, de::DeserializeOwned};
use swarm_core::{
    agents::Conversation, artifacts::ArtifactClaim, ids::RefId, refs::RefError,
    runtime::EgressDecision, usage::Usage,
};

use crate::{
    atomic,
    folder::Folder,
    layout,
    record::{Record, damaged},
    store::Store,
};

/// How much of the text is shown, in characters.
const SHOWN: usize = 2000;
/// How much of the stream is looked through.
const SEARCHED: u64 = 64 * 1024 * 1024;
/// Longer lines are passed over.
const LONGEST_LINE: u64 = 4 * 1024 * 1024;
/// How many tool calls are named.
const CALLS: usize = 10_000;
/// How many files are listed.
const FILES: usize = 1000;

/// What was found out about an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// Whose record it is.
    #[serde(rename = "ref")]
    pub id: RefId,
    /// The report, `inspect.md` in the folder of the record.
    pub file: PathBuf,
    /// The tools it called, in order; at most 10,000.
    pub tool_calls: Vec<String>,
    /// Whether it has printed anything.
    pub has_partial_output: bool,
    /// What it tried to reach, if its sandbox lists hosts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub egress: Vec<EgressDecision>,
    /// What it claims to have written. It may have forged that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claimed_artifacts: Vec<ArtifactClaim>,
}

pub(crate) fn inspect(store: &Store, id: &RefId) -> Result<Inspection, RefError> {
    let folder = store.folder(id)?;
    let folder = folder.ok_or_else(|| RefError::NotFound(id.clone()))?;
    let mut record = Record::load(&folder, id)?;
    if record.is_some() {
        folder.lock_shared()?;
        record = Record::load(&folder, id)?;
    }
    loop {
        let inspection = write(&folder, id, record.as_ref())?;
        // An agent that was running has no lock to give; it may have ended and been encrypted while we wrote.
        let now = Record::load(&folder, id)?;
        let sealed = |record: &Option<Record>| record.as_ref().is_some_and(Record::is_encrypted);
        if sealed(&record) || !sealed(&now) {
            return Ok(inspection);
        }
        record = now;
    }
}

fn write(folder: &Folder, id: &RefId, record: Option<&Record>) -> Result<Inspection, RefError> {
    let stream = folder
        .read(layout::STREAM)
        .map_err(|error| damaged(id, error))?;
    let stream = stream.filter(|_| !record.is_some_and(Record::is_encrypted));
    let size = match &stream {
        Some(stream) => stream.metadata().map(|metadata| metadata.len()),
        None => Ok(0),
    };
    let size =
        size.map_err(|error| RefError::io("read", folder.path().join(layout::STREAM), error))?;
    let interrupted = match record {
        Some(_) => None,
        None => Record::load_interrupted(folder, id)?,
    };
    let known = record.or(interrupted.as_ref());
    let beginning = beginning(folder, known)?;
    let egress: Vec<EgressDecision> = lines(folder, id, layout::EGRESS)?;
    let claims: Vec<ArtifactClaim> = lines(folder, id, layout::ARTIFACTS)?;
    let place = folder.path().join(layout::INSPECTION);
    let mut found = Stream::default();
    atomic::replace(folder, layout::INSPECTION, |file| {
        let mut report = BufWriter::new(file);
        let written = || -> io::Result<()> {
            writeln!(report, "# Inspection: {id}\n\n## Result")?;
            if record.is_none() && known.is_some() {
                writeln!(
                    report,
                    "- none: the agent was interrupted; this is how far it got"
                )?;
            }
            write_result(&mut report, known)?;
            if let Some(text) = &beginning {
                let fence = fence(text);
                writeln!(
                    report,
                    "\n### Output Text (first {SHOWN} chars)\n{fence}\n{text}\n{fence}"
                )?;
            }
            if let Some(stream) = stream {
                found = search(stream)?;
                writeln!(report, "\n## Stream Log ({size} bytes)")?;
                found.write(&mut report, size)?;
            }
            write_egress(&mut report, &egress)?;
            write_claims(&mut report, &claims)?;
            Ok(())
        };
        written().map_err(|error| RefError::io("write", &place, error))?;
        write_files(&mut report, folder)?;
        report
            .flush()
            .map_err(|error| RefError::io("write", &place, error))
    })?;
    Ok(Inspection {
        id: id.clone(),
        file: place,
        tool_calls: found.calls,
        has_partial_output: record.map_or(size > 0, |record| record.found.size > 0),
        egress,
        claimed_artifacts: claims,
    })
}

/// What is in a file of JSON lines. Lines that make no sense tell nothing.
fn lines<T: DeserializeOwned>(folder: &Folder, id: &RefId, name: &str) -> Result<Vec<T>, RefError> {
    let Some(file) = folder.read(name).map_err(|error| damaged(id, error))? else {
        return Ok(Vec::new());
    };
    let lines = BufReader::new(file.take(SEARCHED)).split(b'\n');
    let lines = lines.map_while(Result::ok);
    Ok(lines
        .filter_map(|line| serde_json::from_slice(&line).ok())
        .collect())
}

fn write_egress(report: &mut impl Write, decisions: &[EgressDecision]) -> io::Result<()> {
    if decisions.is_empty() {
        return Ok(());
    }
    writeln!(report, "\n## Network")?;
    for decision in decisions {
        let EgressDecision {
            first,
            host,
            port,
            allowed,
            reason,
            count,
            ..
        } = decision;
        let verdict = if *allowed { "allowed" } else { "denied" };
        writeln!(
            report,
            "- {first} {verdict} {host}:{port} {count}x ({reason})"
        )?;
    }
    Ok(())
}

fn write_claims(report: &mut impl Write, claims: &[ArtifactClaim]) -> io::Result<()> {
    if claims.is_empty() {
        return Ok(());
    }
    writeln!(
        report,
        "\n## Artifacts ({} claimed by the agent, unverified)",
        claims.len()
    )?;
    for ArtifactClaim { at, tool, path } in claims {
        match path {
            Some(path) => writeln!(report, "- {at} {tool:?} {path:?}")?,
            None => writeln!(report, "- {at} {tool:?}")?,
        }
    }
    Ok(())
}

/// What a model was asked, as far as the program of the agent tells.
fn write_conversation(report: &mut impl Write, told: &Conversation) -> io::Result<()> {
    for (name, value) in [("model", &told.model), ("session", &told.session_id)] {
        if let Some(value) = value {
            writeln!(report, "- {name}: {value:?}")?;
        }
    }
    if let Some(turns) = told.turns {
        writeln!(report, "- turns: {turns}")?;
    }
    let Usage {
        input,
        output,
        cache_read,
        cache_write,
    } = told.usage;
    writeln!(
        report,
        "- tokens: {input} in, {output} out, {cache_read} read from the cache, {cache_write} written to it"
    )?;
    for (name, values) in [
        ("tools that were called and not allowed", &told.denied_tools),
        ("MCP servers that did not start", &told.failed_mcps),
    ] {
        if !values.is_empty() {
            writeln!(report, "- {name}: {values:?}")?;
        }
    }
    Ok(())
}

fn write_result(report: &mut impl Write, record: Option<&Record>) -> io::Result<()> {
    let Some(record) = record else {
        return writeln!(report, "- none: the agent is running, or was interrupted");
    };
    let found = &record.found;
    writeln!(report, "- exit_code: {} ({})", found.exit_code, found.exit)?;
    writeln!(
        report,
        "- error: {}",
        found.error.as_deref().unwrap_or("none")
    )?;
    writeln!(report, "- duration: {}s", found.duration_seconds)?;
    match found.cost_usd {
        Some(cost) => writeln!(report, "- cost: {cost}")?,
        None => writeln!(report, "- cost: unknown")?,
    }
    if let Some(told) = &found.stamps.conversation {
        write_conversation(report, told)?;
    }
    writeln!(report, "- text length: {} bytes", found.size)?;
    if let Some(image) = &found.stamps.image {
        writeln!(report, "- image: {} {}", image.digest, image.name)?;
    }
    if let Some(source) = &record.source_path {
        writeln!(report, "- brought in from: {source:?}")?;
    }
    if record.is_encrypted() {
        writeln!(report, "- encrypted")?;
    }
    Ok(())
}

/// The first characters of the text, or of what there is of it.
fn beginning(folder: &Folder, record: Option<&Record>) -> Result<Option<String>, RefError> {
    let mut bytes = Vec::new();
    // No character takes more than four bytes.
    let most = 4 * SHOWN as u64;
    let place = || folder.path().join(layout::STREAM);
    let read = match record {
        Some(record) if record.is_encrypted() => return Ok(None),
        Some(record) => record.open_text(folder)?.take(most).read_to_end(&mut bytes),
        None => match folder.read(layout::STREAM)? {
            Some(stream) => stream.take(most).read_to_end(&mut bytes),
            None => return Ok(None),
        },
    };
    read.map_err(|error| RefError::io("read", place(), error))?;
    let text = String::from_utf8_lossy(&bytes);
    Ok((!text.is_empty()).then(|| text.chars().take(SHOWN).collect()))
}

/// More backticks than the text has in a row.
fn fence(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max();
    "`".repeat(longest.unwrap_or(0).max(2) + 1)
}

fn write_files(report: &mut impl Write, folder: &Folder) -> Result<(), RefError> {
    let mut names = folder.names()?;
    // This report is one of them until it is done.
    names.retain(|name| !name.as_encoded_bytes().ends_with(layout::ASIDE.as_bytes()));
    let mut written = writeln!(report, "\n## Files in {}", folder.path().display());
    for name in names.iter().take(FILES) {
        let file = folder.read(name).ok().flatten();
        let size = file.and_then(|file| Some(file.metadata().ok()?.len()));
        let name = name.display();
        written = written.and_then(|()| match size {
            Some(size) => writeln!(report, "- {name} ({size} bytes)"),
            None => writeln!(report, "- {name}"),
        });
    }
    if names.len() > FILES {
        written = written.and_then(|()| writeln!(report, "- and more"));
    }
    written.map_err(|error| RefError::io("write", folder.path().join(layout::INSPECTION), error))
}

/// What a stream of JSON lines tells. Output that is none tells nothing.
#[derive(Debug, Default)]
struct Stream {
    calls: Vec<String>,
    more_calls: bool,
    thoughts: Vec<String>,
    thinking: u64,
    texts: u64,
}

fn search(stream: File) -> io::Result<Stream> {
    let mut found = Stream::default();
    let mut stream = BufReader::new(stream.take(SEARCHED));
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut stream)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)?
            == 0
        {
            return Ok(found);
        }
        if line.len() as u64 == LONGEST_LINE && !line.ends_with(b"\n") {
            stream.skip_until(b'\n')?;
        } else if line.starts_with(b"{")
            && let Ok(event) = serde_json::from_slice::<serde_json::Value>(&line)
        {
            found.add(&event);
        }
    }
}

impl Stream {
    fn add(&mut self, event: &serde_json::Value) {
        let blocks = event.pointer("/message/content").and_then(|c| c.as_array());
        for block in blocks.into_iter().flatten() {
            let text = |key: &str| block.get(key).and_then(|value| value.as_str());
            match text("type") {
                Some("tool_use") if self.calls.len() < CALLS => {
                    self.calls
                        .push(text("name").unwrap_or("unknown").to_owned());
                }
                Some("tool_use") => self.more_calls = true,
                Some("thinking") => {
                    self.thinking += 1;
                    if self.thoughts.len() < 5 {
                        let thought = text("thinking").unwrap_or_default();
                        let thought = thought.replace(['\n', '\r'], " ");
                        self.thoughts.push(thought.chars().take(150).collect());
                    }
                }
                Some("text") => self.texts += 1,
                _ => {}
            }
        }
    }

    fn write(&self, report: &mut impl Write, size: u64) -> io::Result<()> {
        if size > SEARCHED {
            writeln!(
                report,
                "- only the first {SEARCHED} bytes were looked through"
            )?;
        }
        let calls = if self.calls.is_empty() {
            "none".to_owned()
        } else {
            self.calls.join(", ")
        };
        let more = if self.more_calls { ", and more" } else { "" };
        writeln!(report, "- Tool calls: {calls}{more}")?;
        writeln!(report, "- Thinking steps: {}", self.thinking)?;
        for thought in &self.thoughts {
            writeln!(report, "  - {thought}")?;
        }
        writeln!(report, "- Text chunks: {}", self.texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_is_longer_than_any_in_the_text() {
        assert_eq!(fence("plain"), "```");
        assert_eq!(fence("a ```` b ``"), "`````");
    }
}
