//! Keeps results of agents on disk: lazily readable, hashed, classified, sealable.
//!
//! [`FsRefStore`] is the [`RefStore`] whose results survive the process and the machine. Each agent has a
//! folder of its own (see [`Layout`]); a result exists from the moment its `result.json` has been renamed into
//! place, and whatever a crash leaves behind before that is not a result and is in nobody's way.
//!
//! ```
//! use std::sync::Arc;
//! use swarm_core::{prompt::Piece, refs::*, time::SystemClock};
//! use swarm_refs::FsRefStore;
//!
//! # tokio::runtime::Builder::new_multi_thread().build()?.block_on(async {
//! # let home = tempfile::tempdir()?;
//! let store = FsRefStore::open(home.path(), Arc::new(SystemClock))?;
//! # std::fs::write(home.path().join("notes.txt"), "three\nshort\nlines\n")?;
//! let wrapped = store.wrap(&home.path().join("notes.txt")).await?;
//! let unwrapped = store.unwrap(&wrapped.id).await?;
//! assert_eq!(unwrapped.size, 18);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Theory of operation
//!
//! * **Writing.** What appears under its final name is complete: it was written aside in the same folder, synced,
//!   renamed, and the folder was synced. Only `prompt.txt`, `stream.jsonl` and `stderr.log` grow in place; they are
//!   nothing until `result.json` says so.
//! * **Locks.** Whoever changes a record holds the lock of its folder: a running agent for its whole life, the
//!   others for a moment. A lock dies with its process, so there is nothing to clean up. Nobody who holds the lock of
//!   a record waits for that of a parent, except for an agent that is about to start; and nobody waits for an
//!   agent that has not finished.
//! * **Links.** Below the home folder no symbolic link is ever followed: folders are held open and everything in them
//!   is reached through them, so that neither an agent nor anybody else can lead the store astray.

mod atomic;
mod blobs;
mod cache;
mod classify;
#[cfg(test)]
mod crash;
mod cut;
mod encrypt;
mod folder;
mod fs_store;
mod gc;
mod guard;
pub mod home;
mod inspect;
mod judge;
mod keyring;
mod layout;
mod list;
mod open_record;
mod playback;
mod prompt_file;
mod record;
mod recording;
mod run_lock;
mod seal;
mod shared;
mod store;
mod tree;
mod unwrap;
mod vault;
mod wrap;

pub use blobs::Blobs;
pub use encrypt::{Part, Sealed};
pub use fs_store::FsRefStore;
pub use gc::Collected;
pub use inspect::Inspection;
pub use layout::Layout;
pub use list::Filter;
pub use playback::{RecordingRuntime, ReplayRuntime, recording_of, remember_recording};
pub use run_lock::RunLock;
pub use swarm_core::refs::{Audience, Check};
pub use swarm_core::refs::{
    BudgetStamp, Classification, DeadlineStamp, EncryptionStamp, Level, Provenance, RecordEnd,
    RecordHeader, Recording, Ref, RefError, RefStore, RetryStamp, Stamps,
};
pub use unwrap::Unwrapped;
pub use wrap::Wrapped;
