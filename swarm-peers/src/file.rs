//! Files that peers share. Who shares one has read it itself; here is only what it is called and the hash of what is in it.

use serde::{Deserialize, Serialize};
use swarm_core::time::Timestamp;

use crate::{About, Event, FileId, PeerId, Rejection, Scope, decide::Deciding, state::State};

/// A file as it was when it was shared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct File {
    /// Its number.
    pub id: FileId,
    /// Who shared it.
    pub author: PeerId,
    /// Its name, without folders.
    pub name: String,
    /// What kind of file it is, such as `text/plain`.
    pub mime: String,
    /// What is in it.
    pub blob: Blob,
    /// When it was shared.
    pub created: Timestamp,
    /// When it was brought in from another system, if it was. It is kept from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Timestamp>,
}

/// Bytes that are kept aside, under their hash.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Blob {
    /// The SHA-256 of the bytes, in hexadecimal.
    pub hash: String,
    /// How many bytes.
    pub size: u64,
}

/// What peers may ask for concerning files.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// To share one.
    Share {
        /// Its name, without folders.
        name: String,
        /// What kind of file it is.
        mime: String,
        /// What is in it. It is kept already.
        blob: Blob,
    },
    /// To take one back. Its author may, and the person.
    Remove {
        /// Which.
        file: FileId,
    },
}

/// What happened to a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Happened {
    /// It was shared.
    Shared {
        /// Its number.
        file: FileId,
        /// By whom.
        author: PeerId,
        /// Its name.
        name: String,
        /// What kind it is.
        mime: String,
        /// What is in it.
        blob: Blob,
    },
    /// It is kept no longer.
    Removed {
        /// Which.
        file: FileId,
    },
}

pub(crate) fn decide(deciding: &mut Deciding<'_>, request: &Request) -> Result<(), Rejection> {
    let me = deciding.me()?.id.clone();
    match request {
        Request::Share { name, mime, blob } => {
            deciding.may_send()?;
            deciding.check_words("file name", name)?;
            deciding.check_text("kind of file", mime)?;
            is_file_name(name)?;
            deciding.check_blob("file", blob)?;
            deciding.check_room("files", deciding.state.things.files.len())?;
            let file = deciding.state.things.last_file.next();
            deciding.push(Event::File(Happened::Shared {
                file,
                author: me.clone(),
                name: name.clone(),
                mime: mime.clone(),
                blob: blob.clone(),
            }));
            let size = blob.size;
            let text = format!("New file {file} from {me}: {name} ({size} bytes)");
            deciding.tell_all(Scope::Machine, About::File { file }, text)
        }
        Request::Remove { file } => {
            let found = deciding.state.things.files.get(file);
            let found = found.ok_or(Rejection::UnknownFile { file: *file })?;
            deciding.is_mine(format!("file {file}"), &found.author)?;
            deciding.push(Event::File(Happened::Removed { file: *file }));
            Ok(())
        }
    }
}

/// Whether `name` leads to no other folder.
pub(crate) fn is_file_name(name: &str) -> Result<(), Rejection> {
    if name.contains(['/', '\\', '\0', '\n']) || name == "." || name == ".." {
        return Err(Rejection::BadFileName {
            name: name.chars().take(80).collect(),
        });
    }
    Ok(())
}

pub(crate) fn evolve(state: &mut State, happened: &Happened, at: Timestamp) {
    match happened {
        Happened::Shared {
            file,
            author,
            name,
            mime,
            blob,
        } => {
            state.things.last_file = state.things.last_file.max(*file);
            let new = File {
                id: *file,
                author: author.clone(),
                name: name.clone(),
                mime: mime.clone(),
                blob: blob.clone(),
                created: at,
                imported: None,
            };
            state.things.files.insert(*file, new);
            state.note_sent(author, at);
            if let Some(author) = state.peer_mut(author) {
                author.tally.files_shared += 1;
            }
        }
        Happened::Removed { file } => {
            state.things.files.remove(file);
        }
    }
}
