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

/// A prompt that is ready to be read from its beginning.
pub(crate) enum Prompt {
    /// Nothing; the agent finds its stdin at its end.
    Empty,
    /// In memory.
    Bytes(Arc<[u8]>),
    /// In a file, opened.
    File(Box<dyn Read + Send>),
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
        match content {
            Content::Bytes(bytes) if bytes.is_empty() => Ok(Self::Empty),
            Content::Bytes(bytes) => Ok(Self::Bytes(Arc::clone(bytes))),
            Content::File(_) => {
                let content = content.clone();
                let opened = spawn_blocking(move || content.open()).await;
                Ok(Self::File(
                    opened
                        .map_err(|error| unreadable(&error.into()))?
                        .map_err(|error| unreadable(&error))?,
                ))
            }
        }
    }

    /// Whether there is nothing to feed.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Writes all of it, and then the end.
    pub(crate) async fn feed(
        self,
        mut stdin: Pin<Box<dyn AsyncWrite + Send>>,
    ) -> Result<Fed, RuntimeError> {
        match self {
            Self::Empty => return Ok(Fed::Whole),
            Self::Bytes(bytes) => {
                if stdin.write_all(&bytes).await.is_err() {
                    return Ok(Fed::Part);
                }
            }
            Self::File(mut file) => {
                let mut buffer = vec![0; STEP];
                loop {
                    let step = spawn_blocking(move || {
                        let read = file.read(&mut buffer);
                        (file, buffer, read)
                    });
                    let read;
                    (file, buffer, read) = step.await.map_err(|error| unreadable(&error.into()))?;
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
            }
        }
        if stdin.shutdown().await.is_err() {
            return Ok(Fed::Part);
        }
        Ok(Fed::Whole)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    async fn fed(prompt: Prompt) -> Vec<u8> {
        let (mut theirs, ours) = tokio::io::duplex(1000);
        let mut text = Vec::new();
        let (fed, read) = tokio::join!(prompt.feed(Box::pin(ours)), theirs.read_to_end(&mut text));
        read.unwrap();
        assert_eq!(fed.unwrap(), Fed::Whole);
        text
    }

    #[tokio::test]
    async fn a_prompt_arrives_whole_from_memory_and_from_a_file() {
        let text: Vec<u8> = (0..3 * STEP + 7).map(|i| i.to_le_bytes()[0]).collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &text).unwrap();
        for content in [
            Content::from(text.clone()),
            Content::File(file.path().to_owned()),
        ] {
            let prompt = Prompt::open(&content).await.unwrap();
            assert!(!prompt.is_empty());
            assert!(fed(prompt).await == text, "{content:.20?}");
        }
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
        let prompt = Prompt::open(&Content::from("a long prompt")).await.unwrap();
        assert_eq!(prompt.feed(Box::pin(ours)).await.unwrap(), Fed::Part);
    }
}
