//! Words of a command line that are one text.

use std::io::Read as _;

use crate::error::CliError;

/// More is not read: no text of a message, task or pin may be as long.
const MOST: u64 = 4 * 1024 * 1024;

/// The words, with a space between them; of a single `-`, what stdin says.
pub(crate) fn words(words: &[String]) -> Result<String, CliError> {
    let [only] = words else {
        return Ok(words.join(" "));
    };
    if only != "-" {
        return Ok(only.clone());
    }
    let mut text = String::new();
    std::io::stdin()
        .take(MOST)
        .read_to_string(&mut text)
        .map_err(|error| CliError::file("read", "stdin".as_ref(), &error))?;
    Ok(text.trim_end().to_owned())
}
