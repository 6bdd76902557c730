//! The events of one run, read and written.

use std::{fmt, sync::Arc};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{EventLog, LogError, NewEvent, Recorded, RunEvent, Sequence, StreamId, Vault, vault};
use crate::{
    drive::{Happened, Recorder},
    ids::RunId,
    run_view::{RunFold, RunView},
    time::Clock,
};

const PAGE: usize = 1000;
/// What the JSON reader accepts.
const MAX_NESTING: usize = 127;

/// Sees each event of a run once it is durable. Called from async code, so it must not block.
pub type Observer = Arc<dyn Fn(&RunEvent) + Send + Sync>;

/// Writes the events of one run and reads them back. Cheap to clone.
#[derive(Clone)]
pub struct RunJournal {
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    stream: StreamId,
    run: RunId,
    vault: Option<Arc<dyn Vault>>,
    observer: Option<Observer>,
}

impl fmt::Debug for RunJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunJournal")
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}

impl RunJournal {
    /// The journal of `run` in `log`.
    pub fn new(log: Arc<dyn EventLog>, clock: Arc<dyn Clock>, run: &RunId) -> Self {
        Self {
            log,
            clock,
            stream: StreamId::run(run),
            run: run.clone(),
            vault: None,
            observer: None,
        }
    }

    /// The same, and values of variables are in `vault` and not in the log.
    #[must_use]
    pub fn with_vault(mut self, vault: Option<Arc<dyn Vault>>) -> Self {
        self.vault = vault;
        self
    }

    /// The same, and `observer` sees what this journal writes.
    #[must_use]
    pub fn observed_by(mut self, observer: Option<Observer>) -> Self {
        self.observer = observer;
        self
    }

    /// Adds `events`, all or none. When this returns they are durable.
    pub async fn append(&self, events: Vec<RunEvent>) -> Result<Sequence, LogError> {
        let at = self.clock.now();
        let failed = |problem: String| LogError::Failed {
            doing: "write to",
            path: self.stream.to_string(),
            problem,
        };
        let mut new = Vec::with_capacity(events.len());
        for event in &events {
            let (data, version) = self.written(event).await?;
            let depth = nesting(&data);
            if depth > MAX_NESTING {
                // It could be written, and then the run could never be read again.
                return Err(failed(format!(
                    "it is nested {depth} levels deep, and at most {MAX_NESTING} can be read again; make the plan flatter"
                )));
            }
            new.push(NewEvent {
                at,
                kind: event.kind(),
                version,
                data,
            });
        }
        let sequence = self.log.append(&self.stream, new).await?;
        if let Some(observer) = &self.observer {
            for event in &events {
                observer(event);
            }
        }
        Ok(sequence)
    }

    /// The event as it goes into the log, and its version. What must not be there is in the vault when this returns.
    async fn written(&self, event: &RunEvent) -> Result<(String, u32), LogError> {
        let failed = |problem: String| LogError::Failed {
            doing: "write to",
            path: self.stream.to_string(),
            problem,
        };
        if let Some(vault) = &self.vault
            && event.describes_work()
        {
            let mut value = serde_json::to_value(event).map_err(|e| failed(e.to_string()))?;
            let taken = vault::take(&mut value);
            if !taken.is_empty() {
                let data = value.to_string();
                // Other events of the run may have values, too.
                let mut values = match event {
                    RunEvent::Started { .. } => vault::Values::new(),
                    _ => self.values().await?.unwrap_or_default(),
                };
                values.extend(vault::of_event(taken, event.kind(), &data));
                let values = serde_json::to_string(&values).map_err(|e| failed(e.to_string()))?;
                let kept = vault.keep(&self.run, values).await;
                kept.map_err(|error| failed(format!("its variables cannot be kept: {error}")))?;
                return Ok((data, RunEvent::WITHOUT_VALUES));
            }
        }
        let data = serde_json::to_string(event).map_err(|e| failed(e.to_string()))?;
        Ok((data, RunEvent::PLAIN))
    }

    /// Forgets the values of variables, which only an open run needs.
    pub(crate) async fn forget_values(&self) {
        if let Some(vault) = &self.vault
            && let Err(error) = vault.forget(&self.run).await
        {
            // gc removes them later.
            tracing::warn!(run = %self.run, %error, "values of variables stay behind");
        }
    }

    /// Whether values of variables are gone that the agents of this run, which has these events, need from here on.
    pub(crate) async fn has_lost_values(
        &self,
        events: &[(Recorded, RunEvent)],
    ) -> Result<bool, LogError> {
        let newest = events.iter().rev();
        let mut work = newest.filter(|(_, event)| event.replaces_work());
        let Some((recorded, event)) = work.next().filter(|(r, _)| is_without_values(r)) else {
            return Ok(false);
        };
        let values = self.values().await?.unwrap_or_default();
        let mut own = vault::in_event(values, event.kind(), &recorded.data);
        Ok(own.next().is_none())
    }

    async fn values(&self) -> Result<Option<vault::Values>, LogError> {
        let Some(vault) = &self.vault else {
            return Ok(None);
        };
        let failed = |problem: String| LogError::Failed {
            doing: "read the variables of",
            path: self.stream.to_string(),
            problem,
        };
        let kept = vault.recall(&self.run).await;
        let kept = kept.map_err(|error| failed(error.to_string()))?;
        let values = kept.map(|kept| serde_json::from_str(&kept)).transpose();
        // What the library says may quote a value.
        values.map_err(|error| {
            failed(format!(
                "not as they were written, at line {}",
                error.line()
            ))
        })
    }

    async fn parse(&self, recorded: &Recorded) -> Result<RunEvent, LogError> {
        if is_without_values(recorded)
            && let Some(values) = self.values().await?
        {
            let mut value: Value = json(recorded, &recorded.data)?;
            let own = vault::in_event(values, &recorded.kind, &recorded.data);
            vault::put_back(&mut value, own);
            return json(recorded, &value.to_string());
        }
        json(recorded, &recorded.data)
    }

    /// Everything that has happened so far, with its place in the log.
    pub async fn read(&self) -> Result<Vec<(Recorded, RunEvent)>, LogError> {
        self.read_after(Sequence::default()).await
    }

    /// What has happened after `after`.
    pub async fn read_after(&self, after: Sequence) -> Result<Vec<(Recorded, RunEvent)>, LogError> {
        let mut events = Vec::new();
        self.each_after(after, |recorded, event| events.push((recorded, event)))
            .await?;
        Ok(events)
    }

    /// What is known about the run; `None` if there is none. Its events are read a page at a time.
    pub async fn view(&self) -> Result<Option<RunView>, LogError> {
        let mut fold: Option<RunFold> = None;
        self.each_after(Sequence::default(), |recorded, event| match &mut fold {
            Some(fold) => fold.apply(&recorded, &event),
            None => fold = RunFold::begin(&self.run, &recorded, &event),
        })
        .await?;
        Ok(fold.map(RunFold::finish))
    }

    async fn each_after(
        &self,
        mut after: Sequence,
        mut each: impl FnMut(Recorded, RunEvent),
    ) -> Result<(), LogError> {
        loop {
            let page = self.log.read(&self.stream, after, PAGE).await?;
            let full = page.len() == PAGE;
            for recorded in page {
                after = recorded.sequence;
                let event = self.parse(&recorded).await?;
                each(recorded, event);
            }
            if !full {
                return Ok(());
            }
        }
    }
}

/// How deeply objects and lists are nested in a JSON text.
fn nesting(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn is_without_values(recorded: &Recorded) -> bool {
    recorded.version == RunEvent::WITHOUT_VALUES
}

fn json<T: DeserializeOwned>(recorded: &Recorded, data: &str) -> Result<T, LogError> {
    let unreadable = |problem: String| LogError::Unreadable {
        sequence: recorded.sequence,
        stream: recorded.stream.to_string(),
        problem,
    };
    if recorded.version > RunEvent::VERSION {
        return Err(unreadable(format!("it has version {}", recorded.version)));
    }
    serde_json::from_str(data).map_err(|error| unreadable(error.to_string()))
}

impl Recorder for RunJournal {
    async fn happened(&mut self, events: &[Happened]) -> Result<(), LogError> {
        let events = events.iter().cloned().map(|happened| match happened {
            Happened::Agent(ended) => RunEvent::AgentEnded(ended),
            Happened::Effect(done) => RunEvent::EffectDone(done),
        });
        self.append(events.collect()).await.map(drop)
    }

    async fn cancel_requested(&mut self) -> Result<(), LogError> {
        self.append(vec![RunEvent::CancelRequested]).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_counts_brackets_outside_of_strings() {
        for (json, depth) in [
            ("1", 0),
            ("{}", 1),
            (r#"{"a":[1,{"b":[]}],"c":[]}"#, 4),
            (r#"["[[[", "\"[[", "\\", []]"#, 2),
        ] {
            assert_eq!(nesting(json), depth, "{json}");
        }
    }

    #[test]
    fn what_is_nested_no_deeper_than_allowed_can_be_read() {
        let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
        let read = |n| serde_json::from_str::<Value>(&nested(n));
        assert!(read(MAX_NESTING).is_ok());
        assert!(read(MAX_NESTING + 1).is_err());
    }
}
