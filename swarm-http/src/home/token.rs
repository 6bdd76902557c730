//! What the owner shows.

use std::{fs, io, os::unix::fs::MetadataExt as _};

use super::{DaemonHome, HomeError, failed, replace};
use crate::credentials::new_secret;

impl DaemonHome {
    /// The token of this home, made if there is none. Only the daemon makes one, while it holds its lock.
    pub(crate) fn make_token(&self) -> Result<String, HomeError> {
        if let Some(token) = self.token()? {
            return Ok(token);
        }
        let token = new_secret();
        replace(&self.file("token"), &token)?;
        Ok(token)
    }

    /// The token of this home, if there is one.
    ///
    /// # Errors
    ///
    /// [`HomeError::NotPrivate`] if others than its owner can get at the file.
    pub fn token(&self) -> Result<Option<String>, HomeError> {
        let path = self.file("token");
        let read = fs::metadata(&path).and_then(|found| {
            let text = fs::read_to_string(&path)?;
            Ok((found.mode(), text))
        });
        match read {
            Ok((mode, _)) if mode & 0o077 != 0 => Err(HomeError::NotPrivate { path }),
            Ok((_, text)) if text.trim().len() >= 32 => Ok(Some(text.trim().to_owned())),
            // Cut short by somebody; another one is made.
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", &path, error)),
        }
    }
}
