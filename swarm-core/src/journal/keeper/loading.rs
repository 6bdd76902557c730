//! What is known, read from the log.

use super::{Journaled, LogError, Sequence, SnapshotLog, StreamId};

/// Events that are read at once.
const PAGE: usize = 4096;

/// The state, and where in the log it is.
pub(super) struct Loaded<D: Journaled> {
    pub(super) state: D::State,
    /// The last event that is in it.
    pub(super) last: Sequence,
    /// The last event that is in the snapshot.
    pub(super) snapshot: Sequence,
}

impl<D: Journaled> Loaded<D> {
    pub(super) async fn read(log: &dyn SnapshotLog, stream: &StreamId) -> Result<Self, LogError> {
        let mut loaded = match log.snapshot(stream).await? {
            None => Self {
                state: D::State::default(),
                last: Sequence(0),
                snapshot: Sequence(0),
            },
            Some(kept) => Self {
                state: known(kept.version, D::STATE_VERSION)
                    .and_then(|()| D::read_state(kept.version, &kept.data))
                    .map_err(|problem| unreadable(stream, kept.at, problem))?,
                last: kept.at,
                snapshot: kept.at,
            },
        };
        loop {
            let page = log.read(stream, loaded.last, PAGE).await?;
            for recorded in &page {
                let event = known(recorded.version, D::EVENT_VERSION)
                    .and_then(|()| D::read_event(recorded.version, &recorded.data))
                    .map_err(|problem| unreadable(stream, recorded.sequence, problem))?;
                D::evolve(&mut loaded.state, &event, recorded.at);
                loaded.last = recorded.sequence;
            }
            if page.len() < PAGE {
                return Ok(loaded);
            }
        }
    }
}

fn known(version: u32, newest: u32) -> Result<(), String> {
    if version > newest {
        return Err(format!(
            "it has format {version}, and this version of swarm reads up to {newest}"
        ));
    }
    Ok(())
}

fn unreadable(stream: &StreamId, sequence: Sequence, problem: String) -> LogError {
    LogError::Unreadable {
        sequence,
        stream: stream.to_string(),
        problem,
    }
}
