//! `swarm files`

use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::{Args, Subcommand};
use serde_json::json;
use swarm_core::error_code::ErrorCode;
use swarm_http::operations::files;
use swarm_peers::FileId;

use super::Context;
use crate::{
    daemon::{Daemon, Speaker},
    error::CliError,
    exit_code::Exit,
    output::table::{size, table},
};

/// More is not read: no larger file can be shared, whatever the daemon allows.
const MOST: u64 = 8 * 1024 * 1024;

#[derive(Debug, Subcommand)]
pub(crate) enum Files {
    /// List what is shared
    List(List),
    /// Share a file
    Share(Share),
    /// Write a shared file to the current folder
    Fetch(Fetch),
    /// Take one back
    Remove(Remove),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// The most to list
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[command(flatten)]
    speaker: Speaker,
}

#[derive(Debug, Args)]
pub(crate) struct Share {
    /// Which
    file: PathBuf,
    #[command(flatten)]
    speaker: Speaker,
}

#[derive(Debug, Args)]
pub(crate) struct Fetch {
    /// Its number
    file: u64,
    /// Where to write it [default: its own name, in the current folder]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    speaker: Speaker,
}

#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Its number
    file: u64,
    #[command(flatten)]
    speaker: Speaker,
}

impl Files {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let out = context.out;
        match self {
            Self::List(List { limit, speaker }) => {
                let mut daemon = Daemon::reach(context, &speaker).await?;
                let found = daemon.call(&files::List { limit }).await?.files;
                out.list(&found, || human(&found))?;
            }
            Self::Share(Share { file, speaker }) => {
                let share = read(&file)?;
                let shared = Daemon::reach(context, &speaker).await?.call(&share).await?;
                out.answer(&shared, || format!("file {} is shared", shared.file))?;
            }
            Self::Fetch(fetch) => {
                let mut daemon = Daemon::reach(context, &fetch.speaker).await?;
                let file = FileId(fetch.file);
                let found = daemon.call(&files::Fetch { file }).await?;
                let content = STANDARD.decode(&found.content).map_err(|error| {
                    CliError::new(
                        ErrorCode::Internal,
                        format!("file {file} came as no base64: {error}"),
                    )
                })?;
                let path = fetch
                    .output
                    .unwrap_or_else(|| PathBuf::from(&found.file.name));
                write(&path, &content)?;
                let shown = json!({"file": file, "path": path, "size": content.len()});
                out.answer(&shown, || {
                    format!("{} ({})", path.display(), size(content.len() as u64))
                })?;
            }
            Self::Remove(Remove { file, speaker }) => {
                let mut daemon = Daemon::reach(context, &speaker).await?;
                let file = FileId(file);
                let done = daemon.call(&files::Remove { file }).await?;
                out.answer(&done, || format!("file {file} is no longer shared"))?;
            }
        }
        Ok(Exit::Ok)
    }
}

/// The daemon opens no path that somebody names; whoever shares a file reads it with its own rights.
fn read(path: &Path) -> Result<files::Share, CliError> {
    let failed = |error: std::io::Error| CliError::file("read", path, &error);
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MOST + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > MOST {
        return Err(CliError::new(
            ErrorCode::TooLarge,
            format!("{} is larger than {}", path.display(), size(MOST)),
        ));
    }
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| CliError::usage(format!("{} has no name that is text", path.display())))?;
    let mime = if std::str::from_utf8(&bytes).is_ok() {
        "text/plain; charset=utf-8"
    } else {
        "application/octet-stream"
    };
    Ok(files::Share {
        name: name.to_owned(),
        mime: mime.to_owned(),
        content: STANDARD.encode(bytes),
    })
}

/// Nothing that is there is written over: its name was chosen by somebody else.
fn write(path: &Path, content: &[u8]) -> Result<(), CliError> {
    let failed = |error: std::io::Error| CliError::file("write", path, &error);
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(failed)?;
    file.write_all(content).map_err(failed)
}

fn human(found: &[swarm_peers::File]) -> String {
    if found.is_empty() {
        return "no files; `swarm files share FILE` shares one".to_owned();
    }
    let rows = found.iter().map(|file| {
        [
            file.id.to_string(),
            file.name.clone(),
            file.mime.clone(),
            size(file.blob.size),
            file.author.to_string(),
            file.created.to_string(),
        ]
    });
    table(["file", "name", "kind", "size", "from", "when"], rows)
}
