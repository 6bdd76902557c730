//! What an agent reads on stdin, and how it gets there.

use std::{
    io::{self, Read},
    pin::Pin,
    sync::Arc,
};

use swarm_core::{content::Content, runtime::RuntimeError};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _},
    task::spawn_blocking,
};

/// How much of a file is in memory at a time, in bytes.
const STEP: usize = 256 * 1024;

/// The longest prompt that an engine takes before the program starts, in bytes.
///
/// The engine reads ahead a little, the rest waits in the buffer of the connection, and when the program
/// starts all of it fits into its stdin: the default capacity of a pipe on Linux (pipe(7)).
const SHORT: u64 = 64 * 1024;

/// A prompt that is ready to be fed.
pub(crate) enum Prompt {
    /// Nothing; the agent finds its stdin at its end.
    Empty,
    /// All of it is with the engine before the agent starts, so that nothing that happens to this process
    /// can cut it off.
    Short(Arc<[u8]>),
    /// Fed while the agent runs.
    Long(Box<dyn Read + Send + Sync>),
}

/// How much of a prompt the agent took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fed {
    /// All of it is with the engine.
    Whole,
    /// The agent closed its stdin, or ended, before.
    Part,
}

fn unreadable(error: &io::Error) -> RuntimeError {
    RuntimeError::Start(format!("its prompt cannot be read: {error}"))
}

impl Prompt {
    /// Opens `content` before anything is made for the agent.
    pub(crate) async fn open(content: &Content) -> Result<Self, RuntimeError> {
        let content = content.clone();
        spawn_blocking(move || Self::open_now(&content))
            .await
            .map_err(|error| unreadable(&error.into()))?
            .map_err(|error| unreadable(&error))
    }

    fn open_now(content: &Content) -> io::Result<Self> {
        let mut file = content.open()?;
        let mut head = Vec::new();
        file.by_ref().take(SHORT + 1).read_to_end(&mut head)?;
        Ok(if head.is_empty() {
            Self::Empty
        } else if head.len() as u64 <= SHORT {
            Self::Short(head.into())
        } else {
            Self::Long(Box::new(io::Cursor::new(head).chain(file)))
        })
    }
}

/// Writes all of `prompt`, and then the end.
pub(crate) async fn feed(
    mut prompt: Box<dyn Read + Send + Sync>,
    mut stdin: Pin<Box<dyn AsyncWrite + Send>>,
) -> Result<Fed, RuntimeError> {
    let mut buffer = vec![0; STEP];
    loop {
        let step = spawn_blocking(move || {
            let read = prompt.read(&mut buffer);
            (prompt, buffer, read)
        });
        let read;
        (prompt, buffer, read) = step.await.map_err(|error| unreadable(&error.into()))?;
        match read {
            Ok(0) => break,
            Ok(length) => {
                let filled = buffer.get(..length).unwrap_or_default();
                if stdin.write_all(filled).await.is_err() {
                    return Ok(Fed::Part);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(&error)),
        }
    }
    if stdin.shutdown().await.is_err() {
        return Ok(Fed::Part);
    }
    Ok(Fed::Whole)
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn a_long_prompt_arrives_whole_from_memory_and_from_a_file() {
        let text: Vec<u8> = (0..3 * STEP + 7).map(|i| i.to_le_bytes()[0]).collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &text).unwrap();
        for content in [
            Content::from(text.clone()),
            Content::File(file.path().to_owned()),
        ] {
            let Prompt::Long(prompt) = Prompt::open(&content).await.unwrap() else {
                panic!("it is long");
            };
            let (mut theirs, ours) = tokio::io::duplex(1000);
            let mut found = Vec::new();
            let (fed, read) =
                tokio::join!(feed(prompt, Box::pin(ours)), theirs.read_to_end(&mut found));
            read.unwrap();
            assert_eq!(fed.unwrap(), Fed::Whole);
            assert!(found == text, "{content:.20?}");
        }
    }

    #[tokio::test]
    async fn a_prompt_is_short_as_long_as_it_fits_into_a_pipe() {
        let length = |bytes: u64| vec![b'x'; usize::try_from(bytes).unwrap()];
        for (bytes, short) in [(1, true), (SHORT, true), (SHORT + 1, false)] {
            let prompt = Prompt::open(&Content::from(length(bytes))).await.unwrap();
            assert_eq!(matches!(prompt, Prompt::Short(_)), short, "{bytes}");
        }
        let none = Prompt::open(&Content::empty()).await.unwrap();
        assert!(matches!(none, Prompt::Empty));
        let file = tempfile::NamedTempFile::new().unwrap();
        let none = Content::File(file.path().to_owned());
        assert!(matches!(Prompt::open(&none).await.unwrap(), Prompt::Empty));
    }

    #[tokio::test]
    async fn a_prompt_file_that_is_missing_is_found_before_anything_starts() {
        let missing = Content::File("/nonexistent/prompt".into());
        let error = Prompt::open(&missing).await.err().unwrap();
        assert!(
            error.to_string().contains("its prompt cannot be read"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn an_agent_that_does_not_read_its_prompt_is_no_error() {
        let (theirs, ours) = tokio::io::duplex(10);
        drop(theirs);
        let prompt = Box::new(io::Cursor::new("a long prompt"));
        assert_eq!(feed(prompt, Box::pin(ours)).await.unwrap(), Fed::Part);
    }
}
