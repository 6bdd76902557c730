//! The ref store that keeps its results in files.

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures_util::{
    future::{BoxFuture, FutureExt as _},
    stream::Stream,
};
use swarm_core::{
    content::Content,
    ids::{RefId, RunId},
    prompt::Piece,
    refs::{
        Check, Classification, Judged, RecordHeader, Recording, Recovered, Ref, RefError, RefStore,
    },
    time::Clock,
};

use crate::{
    classify, encrypt,
    encrypt::{Part, Sealed},
    gc,
    gc::Collected,
    guard, inspect,
    inspect::Inspection,
    judge,
    layout::Layout,
    list,
    list::Filter,
    open_record::OpenRecord,
    recording::FsRecording,
    shared,
    store::Store,
    unwrap,
    unwrap::Unwrapped,
    wrap,
    wrap::Wrapped,
};

/// Keeps results in files; see [`Layout`] for where. A clone is another handle to the same store.
///
/// Any number of stores, in any number of processes, may use the same home folder at the same time. The folder must
/// be on a file system that knows `flock` and `fsync`, as all local ones do.
#[derive(Clone, Debug)]
pub struct FsRefStore {
    store: Arc<Store>,
}

impl FsRefStore {
    /// Opens the store in the folder `home`, which is made, 0700, if it does not exist. Blocks.
    ///
    /// # Errors
    ///
    /// [`RefError::Io`] if a folder cannot be made or opened; [`RefError::UnsafeHome`] if `home` belongs to another
    /// user, or others may write to it.
    pub fn open(home: &Path, clock: Arc<dyn Clock>) -> Result<Self, RefError> {
        let store = Arc::new(Store::open(home, clock)?);
        Ok(Self { store })
    }

    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Where everything is. The home folder in it is absolute and free of links.
    pub fn layout(&self) -> &Layout {
        &self.store.layout
    }

    /// Goes through the finished results: the run in which something happened last comes first, and within a run the
    /// result that was finished last.
    ///
    /// A record that is damaged comes as an error, and the listing goes on after it.
    pub fn list(&self, filter: Filter) -> impl Stream<Item = Result<Ref, RefError>> + Send + use<> {
        list::list(Arc::clone(&self.store), filter)
    }

    /// Writes the whole text of a result to `output.md` in its folder.
    ///
    /// # Errors
    ///
    /// [`RefError::NotFound`], and [`RefError::Encrypted`] if it is encrypted.
    pub async fn unwrap(&self, id: &RefId) -> Result<Unwrapped, RefError> {
        let id = id.clone();
        self.blocking(move |store| unwrap::unwrap(store, &id)).await
    }

    /// Writes what an agent did to `inspect.md` in its folder, also if it is running or was interrupted.
    ///
    /// # Errors
    ///
    /// [`RefError::NotFound`] if there is not even an unfinished record.
    pub async fn inspect(&self, id: &RefId) -> Result<Inspection, RefError> {
        let id = id.clone();
        self.blocking(move |store| inspect::inspect(store, &id))
            .await
    }

    /// Brings a file or a folder in from outside. The text of a folder is a list of what is in it; its files are copied
    /// along, its links are listed but not followed.
    ///
    /// # Errors
    ///
    /// [`RefError::Invalid`] if there is nothing at `path`, if it is or holds a device, a socket or a pipe, or if it
    /// holds the store itself. Then nothing was brought in.
    pub async fn wrap(&self, path: &Path) -> Result<Wrapped, RefError> {
        let path = path.to_owned();
        self.blocking(move |store| wrap::wrap(store, &path)).await
    }

    /// Sets how sensitive a result is: as requested, but never less than its parents impose. What was made from it is
    /// raised along with it.
    ///
    /// # Errors
    ///
    /// [`RefError::NotFound`].
    pub async fn classify(&self, id: &RefId, requested: Classification) -> Result<Ref, RefError> {
        let id = id.clone();
        self.blocking(move |store| classify::classify(store, &id, requested))
            .await
    }

    /// Who has read this result to judge it, and may have quoted it: their records, as far as they can be read and are not encrypted. Looks
    /// into every run.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn judges_of(&self, id: &RefId) -> Result<Vec<RefId>, RefError> {
        let id = id.clone();
        self.blocking(move |store| judge::judges_of(store, &id))
            .await
    }

    /// Encrypts a result with a key of its own. When this returns, its text is in no file of any run any more, neither
    /// in its own record nor in the prompts that quote it.
    ///
    /// After a crash, or an error halfway, calling it again goes on where it stopped.
    ///
    /// # Errors
    ///
    /// [`RefError::Encrypted`] if it is encrypted, [`RefError::Invalid`] if it has no text, [`RefError::Busy`] if an agent
    /// that quotes it is running.
    pub async fn encrypt(&self, id: &RefId) -> Result<Sealed, RefError> {
        let id = id.clone();
        self.blocking(move |store| encrypt::encrypt(store, &id))
            .await
    }

    /// Writes the text of an encrypted result to `to`, which is the only place where it appears; returns its size in
    /// bytes. Blocks.
    ///
    /// # Errors
    ///
    /// [`RefError::NotEncrypted`], [`RefError::WrongKey`], [`RefError::KeyNotFound`], and [`RefError::Corrupt`] if
    /// it was tampered with: what was written until then is a true beginning of the text and must not be taken for all.
    pub fn decrypt(&self, id: &RefId, key_id: &str, to: &mut dyn Write) -> Result<u64, RefError> {
        self.decrypt_part(id, key_id, Part::Text, to)
    }

    /// The same for anything that was sealed along with a text.
    ///
    /// # Errors
    ///
    /// As for [`Self::decrypt`]; [`RefError::NotEncrypted`] also if the record has no such part.
    pub fn decrypt_part(
        &self,
        id: &RefId,
        key_id: &str,
        part: Part,
        to: &mut dyn Write,
    ) -> Result<u64, RefError> {
        encrypt::decrypt(&self.store, id, key_id, part, to)
    }

    /// Removes runs in which nothing has happened for `older_than`, things of that age that were brought in, what
    /// crashes left behind, and keys that open nothing that is left.
    ///
    /// Runs that `is_live` knows or that some process drives are left alone.
    ///
    /// # Errors
    ///
    /// [`RefError::Io`] if something cannot be removed; calling it again goes on.
    pub async fn gc(
        &self,
        older_than: Duration,
        is_live: impl Fn(&RunId) -> bool + Send + 'static,
    ) -> Result<Collected, RefError> {
        self.blocking(move |store| gc::gc(store, older_than, &is_live))
            .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Store>) -> Result<T, RefError> + Send + 'static,
    ) -> Result<T, RefError> {
        let store = Arc::clone(&self.store);
        blocking(move || work(&store)).await
    }
}

impl RefStore for FsRefStore {
    fn begin(
        &self,
        header: RecordHeader,
        prompt: Vec<Piece>,
    ) -> BoxFuture<'_, Result<Box<dyn Recording>, RefError>> {
        self.blocking(move |store| {
            let (record, prompt) = OpenRecord::begin(Arc::clone(store), header, &prompt)?;
            let recording: Box<dyn Recording> = Box::new(FsRecording::new(record, prompt));
            Ok(recording)
        })
        .boxed()
    }

    fn recover(&self, header: RecordHeader) -> BoxFuture<'_, Result<Option<Recovered>, RefError>> {
        self.blocking(move |store| {
            let recovered = OpenRecord::recover(Arc::clone(store), header)?;
            Ok(recovered.map(|found| Recovered {
                recording: Box::new(FsRecording::new(found.record, Content::empty())),
                stdout: found.stdout,
                interrupted: found.interrupted,
            }))
        })
        .boxed()
    }

    fn get<'a>(&'a self, id: &'a RefId) -> BoxFuture<'a, Result<Ref, RefError>> {
        let id = id.clone();
        self.blocking(move |store| Ok(store.load(&id)?.1.found))
            .boxed()
    }

    fn stamp<'a>(&'a self, id: &'a RefId, judged: Judged) -> BoxFuture<'a, Result<(), RefError>> {
        let id = id.clone();
        self.blocking(move |store| judge::stamp(store, &id, judged))
            .boxed()
    }

    fn guard<'a>(
        &'a self,
        id: &'a RefId,
        check: &'a Check,
    ) -> BoxFuture<'a, Result<Ref, RefError>> {
        let (id, check) = (id.clone(), check.clone());
        self.blocking(move |store| guard::guard(store, &id, &check))
            .boxed()
    }

    fn share<'a>(
        &'a self,
        run: &'a RunId,
        name: &'a str,
        content: Content,
    ) -> BoxFuture<'a, Result<(), RefError>> {
        let (run, name) = (run.clone(), name.to_owned());
        self.blocking(move |store| shared::put(store, &run, &name, &content))
            .boxed()
    }

    fn shared_folder<'a>(&'a self, run: &'a RunId) -> BoxFuture<'a, Result<PathBuf, RefError>> {
        let run = run.clone();
        self.blocking(move |store| shared::make(store, &run))
            .boxed()
    }

    fn text<'a>(&'a self, id: &'a RefId) -> BoxFuture<'a, Result<Content, RefError>> {
        let id = id.clone();
        self.blocking(move |store| {
            let (folder, record) = store.load(&id)?;
            // Also checks that the file is there, plain and of the right size.
            record.open_text(&folder)?;
            let file = record.text_file_name();
            Ok(match record.text {
                Some(text) => Content::from(text.into_bytes()),
                None => Content::File(folder.path().join(file)),
            })
        })
        .boxed()
    }
}

/// Runs `work` where it may block. It is done to the end even if nobody waits for it any more.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RefError> + Send + 'static,
) -> Result<T, RefError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(RefError::Invalid(
                "the program is shutting down; nothing was done".to_owned(),
            )),
        },
    }
}
