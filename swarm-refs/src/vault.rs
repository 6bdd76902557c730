//! Values of variables of runs that are open, in a file of each.

use std::{io, sync::Arc};

use futures_util::future::{BoxFuture, FutureExt as _};
use swarm_core::{ids::RunId, journal::Vault, refs::RefError};
use tokio::task::spawn_blocking;

use crate::{atomic, fs_store::FsRefStore, layout, store::Store};

impl Vault for FsRefStore {
    fn keep<'a>(&'a self, run: &'a RunId, values: String) -> BoxFuture<'a, io::Result<()>> {
        blocking(self.store(), run, move |store, run| {
            let runs = store.runs()?;
            let folder = runs.make(run.as_str())?;
            atomic::replace_bytes(&folder, layout::VALUES, values.as_bytes())?;
            runs.sync()
        })
    }

    fn recall<'a>(&'a self, run: &'a RunId) -> BoxFuture<'a, io::Result<Option<String>>> {
        blocking(self.store(), run, |store, run| {
            let Some(folder) = store.runs()?.subfolder(run.as_str())? else {
                return Ok(None);
            };
            let Some(file) = folder.read(layout::VALUES)? else {
                return Ok(None);
            };
            let values = io::read_to_string(file);
            let place = || folder.path().join(layout::VALUES);
            values
                .map(Some)
                .map_err(|error| RefError::io("read", place(), error))
        })
    }

    fn forget<'a>(&'a self, run: &'a RunId) -> BoxFuture<'a, io::Result<()>> {
        blocking(self.store(), run, |store, run| {
            if let Some(folder) = store.runs()?.subfolder(run.as_str())?
                && folder.remove(layout::VALUES)?
            {
                folder.sync()?;
            }
            Ok(())
        })
    }
}

fn blocking<T: Send + 'static>(
    store: &Arc<Store>,
    run: &RunId,
    work: impl FnOnce(&Store, &RunId) -> Result<T, RefError> + Send + 'static,
) -> BoxFuture<'static, io::Result<T>> {
    let (store, run) = (Arc::clone(store), run.clone());
    async move {
        let done = spawn_blocking(move || work(&store, &run)).await?;
        done.map_err(|error| match error {
            RefError::Io { source, .. } => source,
            error => io::Error::other(error),
        })
    }
    .boxed()
}
