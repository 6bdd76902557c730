//! Encrypts a result so that its plaintext is nowhere in any run's folder, and reads it again.
//!
//! # The order of writes
//!
//! A crash at any point must leave the record either readable or on a way to being sealed, so:
//!
//! 1. The key is made durable. A crash leaves a key that opens nothing, which gc removes.
//! 2. Everything that is kept is sealed beside the plaintext: text, error, words, stderr, files. A crash leaves a readable
//!    record and sealed files that the next attempt replaces, or gc removes.
//! 3. `result.json` is replaced: encrypted, by this key, and `sealing`. From here on nobody reads the text without the key.
//! 4. The plaintexts are removed, here and in every prompt that quotes this result; those prompts are sealed first.
//! 5. `result.json` is replaced without `sealing`. A crash between 3 and 5 leaves `sealing`, and encrypting again
//!    goes on at 4.
//!
//! The lock of the record is held throughout, so that nobody reads the text to write it elsewhere in the meantime; and
//! the key folder is held, too, so that gc does not take the key for an unused one.
//!
//! Plaintext is removed, not overwritten: what the disk keeps of removed files is for whoever encrypts the disk. The
//! hash of the text stays in its provenance, which confirms a guess to somebody who can make one.

use std::io::{self, BufReader, BufWriter, Write};

use serde::Serialize;
use swarm_core::{
    ids::RefId,
    refs::{EncryptionStamp, RefError},
};

use crate::{
    atomic,
    folder::{Folder, Kind},
    keyring::{Key, KeyId, Keyring},
    layout,
    record::{Record, TextFile, corrupt, damaged},
    seal::{SealWriter, Unsealable, read_header, unseal},
    store::Store,
    tree,
};

/// A result that was encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sealed {
    /// The result.
    #[serde(rename = "ref")]
    pub id: RefId,
    /// The id of the key that opens it.
    pub key_id: String,
}

/// What may be sealed of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The text of the result.
    Text,
    /// What was said about its failure.
    Error,
    /// What was read out of its text, or out of what it printed: what there is to mend, the reason of a decision; one per line.
    Words,
    /// What its agent printed to stdout, if that is not the text itself.
    Stream,
    /// What its agent printed to stderr.
    Stderr,
    /// What its agent tried to reach, if its sandbox lists hosts.
    Egress,
    /// What its agent claims to have written.
    Artifacts,
    /// The contents of a folder that was brought in, as a tar archive.
    Files,
    /// The prompt, which is sealed with the first result that it quotes.
    Prompt,
}

impl Part {
    /// Every part.
    pub(crate) const ALL: [Self; 9] = [
        Self::Text,
        Self::Error,
        Self::Words,
        Self::Stream,
        Self::Stderr,
        Self::Egress,
        Self::Artifacts,
        Self::Files,
        Self::Prompt,
    ];

    /// To what a sealed file belongs, so that no other is taken for it.
    fn of(self, id: &RefId) -> String {
        format!("{id} {}", layout::sealed(self))
    }
}

/// What stands in place of an error that was sealed.
const SEALED_ERROR: &str = "the message is encrypted with the result";

/// What stands in place of words that were sealed.
const SEALED_WORDS: &str = "what it says is encrypted with the result";

pub(crate) fn encrypt(store: &Store, id: &RefId) -> Result<Sealed, RefError> {
    let (folder, _) = store.load(id)?;
    folder.lock()?;
    // Only what holds under the lock counts.
    let record = Record::load(&folder, id)?.ok_or_else(|| RefError::NotFound(id.clone()))?;
    let keyring = Keyring::open(store)?;
    let (mut record, key) = match &record.found.stamps.encrypted {
        Some(_) if !record.sealing => return Err(RefError::Encrypted { id: id.clone() }),
        Some(stamp) => {
            let key = KeyId::parse(&stamp.key_id).map(|id| keyring.load(&id));
            let key = match key.transpose()?.flatten() {
                Some(key) => key,
                // The key was lost after a crash, and with it the text. The prompts that quote it need not be.
                None => keyring.create()?,
            };
            (record, key)
        }
        None => start(store, &folder, record, &keyring)?,
    };
    remove_plaintext(&folder)?;
    for quoting in store.quoting(id)? {
        seal_prompt(store, &quoting, &key)?;
    }
    record.sealing = false;
    record.save(&folder)?;
    let stamp = record.found.stamps.encrypted;
    Ok(Sealed {
        id: id.clone(),
        key_id: stamp.map_or_else(String::new, |stamp| stamp.key_id),
    })
}

/// Steps 1 to 3.
fn start(
    store: &Store,
    folder: &Folder,
    mut record: Record,
    keyring: &Keyring,
) -> Result<(Record, Key), RefError> {
    let id = record.found.id.clone();
    let is_empty = record.found.size == 0
        && record.found.error.is_none()
        && !folder.holds(layout::STREAM)?
        && !folder.holds(layout::STDERR)?
        && !folder.holds(layout::EGRESS)?
        && !folder.holds(layout::ARTIFACTS)?
        && !folder.holds(layout::FILES)?;
    if is_empty {
        return Err(RefError::Invalid(format!(
            "ref {id} has nothing to encrypt: its agent said nothing"
        )));
    }
    for quoting in store.quoting(&id)? {
        refuse_while_running(store, &id, &quoting)?;
    }
    let key = keyring.create()?;
    let text = record.open_text(folder)?;
    seal(folder, &id, Part::Text, &key, |to| {
        io::copy(&mut { text }, to).map(drop)
    })?;
    if let Some(error) = &record.found.error {
        seal(folder, &id, Part::Error, &key, |to| {
            to.write_all(error.as_bytes())
        })?;
        record.found.error = Some(SEALED_ERROR.to_owned());
    }
    if let Some(finding) = &mut record.found.stamps.finding
        && !finding.words.is_empty()
    {
        let words = finding.words.join("\n");
        seal(folder, &id, Part::Words, &key, |to| {
            to.write_all(words.as_bytes())
        })?;
        finding.words = vec![SEALED_WORDS.to_owned()];
    }
    for (name, part) in [
        (layout::STREAM, Part::Stream),
        (layout::STDERR, Part::Stderr),
        // A name can carry what the text says.
        (layout::EGRESS, Part::Egress),
        (layout::ARTIFACTS, Part::Artifacts),
    ] {
        if part == Part::Stream && !record.has_transcript {
            continue;
        }
        if let Some(mut printed) = folder.read(name)? {
            seal(folder, &id, part, &key, |to| {
                io::copy(&mut printed, to).map(drop)
            })?;
        }
    }
    if let Some(files) = folder.subfolder(layout::FILES)? {
        seal(folder, &id, Part::Files, &key, |to| {
            tree::archive(&files, to)
        })?;
    }
    record.text = None;
    record.text_file = Some(TextFile::Sealed);
    record.sealing = true;
    record.found.stamps.encrypted = Some(EncryptionStamp {
        key_id: key.id.as_str().to_owned(),
        algorithm: "fernet".to_owned(),
    });
    record.save(folder)?;
    Ok((record, key))
}

/// An agent that runs has its prompt open; it cannot be taken away from it.
fn refuse_while_running(store: &Store, id: &RefId, quoting: &RefId) -> Result<(), RefError> {
    if let Some(folder) = store.folder(quoting)?
        && !folder.try_lock()?
        && !folder.holds(layout::RESULT)?
    {
        return Err(RefError::Busy {
            id: id.clone(),
            by: format!("the agent of ref {quoting}, which is running, quotes it"),
        });
    }
    Ok(())
}

/// Step 4, for the record itself.
fn remove_plaintext(folder: &Folder) -> Result<(), RefError> {
    for name in [
        layout::STREAM,
        layout::ANSWER,
        layout::STDERR,
        layout::EGRESS,
        layout::ARTIFACTS,
        layout::INTERRUPTED,
        layout::OUTPUT,
        layout::INSPECTION,
        layout::FILES,
    ] {
        folder.remove(name)?;
    }
    atomic::remove_leftovers(folder)?;
    folder.sync()
}

/// Step 4, for a record whose prompt quotes the result.
fn seal_prompt(store: &Store, id: &RefId, key: &Key) -> Result<(), RefError> {
    let Some(folder) = store.folder(id)? else {
        return Ok(());
    };
    if folder.holds(layout::RESULT)? {
        folder.lock()?;
    } else if !folder.try_lock()? {
        // It began after step 3 or is about to find out: it cannot have read the text.
        return Ok(());
    }
    if folder.kind(layout::PROMPT)? == Some(Kind::File)
        && let Some(mut prompt) = folder.read(layout::PROMPT)?
    {
        seal(&folder, id, Part::Prompt, key, |to| {
            io::copy(&mut prompt, to).map(drop)
        })?;
    }
    folder.remove(layout::PROMPT)?;
    folder.remove(layout::INSPECTION)?;
    atomic::remove_leftovers(&folder)?;
    folder.sync()
}

fn seal(
    folder: &Folder,
    id: &RefId,
    part: Part,
    key: &Key,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), RefError> {
    let name = layout::sealed(part);
    atomic::replace(folder, name, |file| {
        let sealed = || -> io::Result<()> {
            let mut to = SealWriter::new(file, key, &part.of(id))?;
            write(&mut to)?;
            to.finish()?;
            Ok(())
        };
        sealed().map_err(|error| RefError::io("write", folder.path().join(name), error))
    })
}

pub(crate) fn decrypt(
    store: &Store,
    id: &RefId,
    key_id: &str,
    part: Part,
    to: &mut dyn Write,
) -> Result<u64, RefError> {
    let wrong_key = || RefError::WrongKey {
        id: id.clone(),
        given: key_id.chars().take(60).collect(),
    };
    let (folder, record) = if part == Part::Prompt {
        // The prompt of an agent that never finished may be sealed, too.
        let folder = store.folder(id)?;
        (folder.ok_or_else(|| RefError::NotFound(id.clone()))?, None)
    } else {
        let (folder, record) = store.load(id)?;
        (folder, Some(record))
    };
    if record.is_some_and(|record| !record.is_encrypted()) {
        return Err(RefError::NotEncrypted(id.clone()));
    }
    let name = layout::sealed(part);
    let sealed = match folder.read(name).map_err(|error| damaged(id, error))? {
        Some(sealed) => sealed,
        None if part == Part::Text => return Err(corrupt(id, format!("{name} is gone"))),
        None => return Err(RefError::NotEncrypted(id.clone())),
    };
    let unsealable = |error| match error {
        Unsealable::Damaged(problem) => corrupt(id, format!("{name}: {problem}")),
        Unsealable::Read(error) => RefError::io("read", folder.path().join(name), error),
        Unsealable::Write(error) => {
            RefError::io("write what was in", folder.path().join(name), error)
        }
    };
    let mut sealed = BufReader::with_capacity(256 * 1024, sealed);
    let needed = read_header(&mut sealed).map_err(unsealable)?;
    let given = KeyId::parse(key_id).ok_or_else(wrong_key)?;
    if given != needed {
        return Err(wrong_key());
    }
    let key = Keyring::open(store)?.load(&given)?;
    let key = key.ok_or_else(|| RefError::KeyNotFound(key_id.to_owned()))?;
    let mut to = BufWriter::new(to);
    let size = unseal(&mut sealed, &key, &part.of(id), &mut to).map_err(unsealable)?;
    to.flush()
        .map_err(|error| unsealable(Unsealable::Write(error)))?;
    Ok(size)
}

/// By which key the sealed `part` in `folder` is sealed, if it is there and can be told.
pub(crate) fn key_of(folder: &Folder, part: Part) -> Result<Option<KeyId>, RefError> {
    let name = layout::sealed(part);
    let Some(file) = folder.read(name)? else {
        return Ok(None);
    };
    let key = read_header(&mut BufReader::new(file));
    key.map(Some).map_err(|_| {
        let error = io::Error::new(io::ErrorKind::InvalidData, "it is not a sealed file");
        RefError::io("read", folder.path().join(name), error)
    })
}
