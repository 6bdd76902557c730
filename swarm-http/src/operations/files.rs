//! Files that peers share. Who shares one reads it; no path comes here.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use swarm_core::error_code::ErrorCode;
use swarm_peers::{
    Event, File, FileId, Rejection,
    file::{self, Blob, Happened},
};

use super::{Done, operation};
use crate::{App, Caller, Failure, operation::Perform};

/// Shares a file with everybody.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Its name, without folders.
    pub name: String,
    /// What kind of file it is, such as `text/plain`.
    #[serde(default = "octets")]
    pub mime: String,
    /// What is in it, in base64.
    pub content: String,
}

fn octets() -> String {
    "application/octet-stream".to_owned()
}

/// It was shared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shared {
    /// Its number.
    pub file: FileId,
    /// The SHA-256 of what is in it, in hexadecimal.
    pub hash: String,
}

operation!(
    Share,
    "files/share",
    Command,
    Anybody,
    "Share a file",
    Shared
);

impl Perform for Share {
    async fn perform(self, app: &App, by: Caller) -> Result<Shared, Failure> {
        let bytes = STANDARD.decode(&self.content).map_err(|error| {
            Failure::new(
                ErrorCode::InvalidInput,
                format!("`content` is not base64: {error}"),
            )
        })?;
        app.check_size("file", bytes.len())?;
        let size = bytes.len() as u64;
        let hash = app.with_blobs(move |blobs| blobs.put(&bytes)).await?;
        let request = file::Request::Share {
            name: self.name,
            mime: self.mime,
            blob: Blob {
                hash: hash.clone(),
                size,
            },
        };
        let shared = app.make(&by, request, |_, events| {
            events.iter().find_map(|event| match event {
                Event::File(Happened::Shared { file, .. }) => Some(*file),
                _ => None,
            })
        });
        Ok(Shared {
            file: shared.await?,
            hash,
        })
    }
}

/// Which files there are.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// At most so many; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// Files without what is in them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileList {
    /// The newest first.
    pub files: Vec<File>,
}

operation!(
    List,
    "files/list",
    Question,
    Anybody,
    "See what files are shared",
    FileList
);

impl Perform for List {
    async fn perform(self, app: &App, _: Caller) -> Result<FileList, Failure> {
        app.ask(move |state| FileList {
            files: state
                .files()
                .rev()
                .take(self.limit.unwrap_or(usize::MAX))
                .cloned()
                .collect(),
        })
        .await
    }
}

/// One file with what is in it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fetch {
    /// Which.
    pub file: FileId,
}

/// A file with what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FullFile {
    /// What is known of it.
    #[serde(flatten)]
    pub file: File,
    /// What is in it, in base64. Untrusted.
    pub content: String,
}

operation!(
    Fetch,
    "files/fetch",
    Question,
    Anybody,
    "Get a shared file",
    FullFile
);

impl Perform for Fetch {
    async fn perform(self, app: &App, _: Caller) -> Result<FullFile, Failure> {
        let id = self.file;
        let found = app.ask(move |state| state.files().find(|f| f.id == id).cloned());
        let unknown = || Failure::from(Rejection::UnknownFile { file: id });
        let file = found.await?.ok_or_else(unknown)?;
        let bytes = app.blob(file.blob.hash.clone()).await?;
        Ok(FullFile {
            file,
            content: STANDARD.encode(bytes),
        })
    }
}

/// Takes a file back. Its author may, and the owner.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Remove {
    /// Which.
    pub file: FileId,
}

operation!(
    Remove,
    "files/remove",
    Command,
    Anybody,
    "Take a shared file back",
    Done
);

impl Perform for Remove {
    async fn perform(self, app: &App, by: Caller) -> Result<Done, Failure> {
        let request = file::Request::Remove { file: self.file };
        app.done(&by, request).await
    }
}
