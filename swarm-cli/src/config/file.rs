//! Files with settings, before anything in them is believed.

use std::{io, path::PathBuf};

use swarm_core::error_code::ErrorCode;

use crate::error::CliError;

/// Larger files hold no settings.
const MOST: u64 = 1 << 20;

/// Refuses a file that is too large to be read. What is not there, or is no file, is left to whoever reads it.
pub(super) fn checked(path: PathBuf) -> Result<PathBuf, CliError> {
    match path.metadata() {
        Ok(about) if about.is_file() && about.len() > MOST => {
            let error = io::Error::other("it is larger than 1 MiB");
            Err(CliError::file("read the settings in", &path, &error))
        }
        _ => Ok(path),
    }
}

/// Refuses a link that leads out of its folder: an error would quote what is there.
pub(super) fn inside(path: PathBuf) -> Result<PathBuf, CliError> {
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    match (path.canonicalize(), folder) {
        (Ok(real), Some(folder)) if !real.starts_with(&folder) => Err(CliError::new(
            ErrorCode::Refused,
            format!(
                "the settings in {} are refused: it is a link that leads out of its folder; put a file there",
                path.display()
            ),
        )),
        _ => Ok(path),
    }
}
