//! `swarm decrypt`

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use clap::Args;
use serde::Serialize;
use swarm_core::ids::RefId;
use swarm_refs::FsRefStore;

use super::Context;
use crate::{error::CliError, exit_code::Exit, output::text_out, session::Session};

#[derive(Debug, Args)]
pub(crate) struct Decrypt {
    /// The result
    #[arg(value_name = "REF")]
    id: RefId,
    /// The key that it was encrypted with
    #[arg(long, value_name = "KEY")]
    key_id: String,
    /// Write the text to this file, which must not exist, instead of printing it
    #[arg(long, short, value_name = "FILE", required_if_eq("json", "true"))]
    output: Option<PathBuf>,
}

#[derive(Serialize)]
struct Decrypted {
    #[serde(rename = "ref")]
    id: RefId,
    file: PathBuf,
    size: u64,
    key_id: String,
}

impl Decrypt {
    pub(crate) fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let store = Session::results(&config)?;
        let Some(output) = &self.output else {
            let mut stdout = text_out();
            store.decrypt(&self.id, &self.key_id, &mut stdout)?;
            drop(stdout.flush());
            return Ok(Exit::Ok);
        };
        let file = config.folders.absolute(output);
        let size = self.write(&store, &file).inspect_err(|_| {
            // Half a text must not be taken for a whole one. A file that was there before is not touched.
            drop(std::fs::remove_file(aside(&file)));
        })?;
        let answer = Decrypted {
            id: self.id,
            file,
            size,
            key_id: self.key_id,
        };
        context.out.answer(&answer, || {
            format!("{} ({} bytes)", answer.file.display(), answer.size)
        })?;
        Ok(Exit::Ok)
    }

    fn write(&self, store: &FsRefStore, file: &Path) -> Result<u64, CliError> {
        let failed = |error: io::Error| CliError::file("write", file, &error);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let aside = aside(file);
        let mut to = options.open(&aside).map_err(failed)?;
        let size = store.decrypt(&self.id, &self.key_id, &mut to)?;
        to.sync_all().map_err(failed)?;
        // Linking fails if the name is taken; renaming would replace what is there.
        std::fs::hard_link(&aside, file).map_err(failed)?;
        std::fs::remove_file(&aside).map_err(failed)?;
        Ok(size)
    }
}

fn aside(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    file.with_file_name(name)
}
