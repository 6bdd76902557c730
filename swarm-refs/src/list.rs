//! Goes through what there is, newest first.

use std::{cmp::Reverse, sync::Arc, vec};

use futures_util::stream::{self, Stream};
use swarm_core::{
    ids::{RefId, RunId},
    refs::{Level, Ref, RefError},
};

use crate::{fs_store::blocking, layout, record::Record, store::Store};

/// How many records are read at a time.
const BATCH: usize = 64;

/// Which results are wanted; everything if nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those of this run.
    pub run: Option<RunId>,
    /// Only those of exactly this level. What was never classified is public.
    pub level: Option<Level>,
    /// Only successes, or only failures.
    pub succeeded: Option<bool>,
}

impl Filter {
    fn admits(&self, found: &Ref) -> bool {
        let classification = found.stamps.classification.as_ref();
        let level = classification.map_or(Level::Public, |c| c.level);
        self.level.is_none_or(|wanted| wanted == level)
            && self
                .succeeded
                .is_none_or(|wanted| wanted == found.is_success())
    }
}

/// Where the listing is.
struct Place {
    store: Arc<Store>,
    filter: Filter,
    runs: Option<vec::IntoIter<RunId>>,
    records: vec::IntoIter<RefId>,
    ready: vec::IntoIter<Result<Ref, RefError>>,
}

pub(crate) fn list(
    store: Arc<Store>,
    filter: Filter,
) -> impl Stream<Item = Result<Ref, RefError>> + Send + 'static {
    let start = Place {
        store,
        filter,
        runs: None,
        records: Vec::new().into_iter(),
        ready: Vec::new().into_iter(),
    };
    stream::unfold(Some(start), |place| async move {
        let mut place = place?;
        if let Some(next) = place.ready.next() {
            return Some((next, Some(place)));
        }
        let filled = blocking(move || {
            place.fill()?;
            Ok(place)
        });
        match filled.await {
            Ok(mut place) => place.ready.next().map(|next| (next, Some(place))),
            Err(error) => Some((Err(error), None)),
        }
    })
}

impl Place {
    /// Reads on until something is ready or everything was read.
    fn fill(&mut self) -> Result<(), RefError> {
        if self.runs.is_none() {
            self.runs = Some(self.runs_by_age()?.into_iter());
        }
        loop {
            let batch: Vec<RefId> = self.records.by_ref().take(BATCH).collect();
            if !batch.is_empty() {
                let read: Vec<_> = batch.iter().filter_map(|id| self.read(id)).collect();
                if !read.is_empty() {
                    self.ready = read.into_iter();
                    return Ok(());
                }
            } else if let Some(run) = self.runs.as_mut().and_then(Iterator::next) {
                self.records = self.records_by_age(&run)?.into_iter();
            } else {
                return Ok(());
            }
        }
    }

    fn read(&self, id: &RefId) -> Option<Result<Ref, RefError>> {
        let record = match self.store.folder(id) {
            Ok(Some(folder)) => Record::load(&folder, id),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        match record {
            Ok(Some(record)) => self
                .filter
                .admits(&record.found)
                .then_some(Ok(record.found)),
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        }
    }

    fn runs_by_age(&self) -> Result<Vec<RunId>, RefError> {
        let runs = self.store.runs()?;
        let mut dated = Vec::new();
        for run in self.store.run_ids()? {
            if self.filter.run.as_ref().is_none_or(|wanted| *wanted == run) {
                dated.push((Reverse(runs.modified(run.as_str())?), run));
            }
        }
        dated.sort();
        Ok(dated.into_iter().map(|(_, run)| run).collect())
    }

    fn records_by_age(&self, run: &RunId) -> Result<Vec<RefId>, RefError> {
        let mut dated = Vec::new();
        for id in self.store.record_ids(run)? {
            let folder = self.store.folder(&id);
            let finished = match &folder {
                Ok(Some(folder)) => folder.modified(layout::RESULT)?,
                _ => None,
            };
            // What cannot be opened is listed as damaged; what is not finished is not listed.
            if finished.is_some() || folder.is_err() {
                dated.push((Reverse(finished), id));
            }
        }
        dated.sort();
        Ok(dated.into_iter().map(|(_, id)| id).collect())
    }
}
