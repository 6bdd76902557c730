//! Keeps what an agent prints, for as long as it is to be checked.

use std::io;

use futures_util::{FutureExt as _, future::BoxFuture};

use crate::{
    agents::transcript::MAX_TEXT,
    refs::ImageStamp,
    runtime::{EgressDecision, OutputSink, OutputStream},
};

/// A record, and a copy of what goes to stdout, up to [`MAX_TEXT`] and one byte more.
pub(super) struct StdoutCopy<'a> {
    recording: &'a mut dyn OutputSink,
    copy: Vec<u8>,
}

impl<'a> StdoutCopy<'a> {
    pub(super) fn new(recording: &'a mut dyn OutputSink) -> Self {
        Self {
            recording,
            copy: Vec::new(),
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.copy
    }
}

impl OutputSink for StdoutCopy<'_> {
    fn started_in(&mut self, image: ImageStamp) {
        self.recording.started_in(image);
    }

    fn write<'b>(
        &'b mut self,
        stream: OutputStream,
        chunk: &'b [u8],
    ) -> BoxFuture<'b, io::Result<()>> {
        async move {
            self.recording.write(stream, chunk).await?;
            if stream == OutputStream::Stdout {
                let room = (MAX_TEXT + 1).saturating_sub(self.copy.len());
                let end = room.min(chunk.len());
                self.copy.extend(chunk.get(..end).unwrap_or_default());
            }
            Ok(())
        }
        .boxed()
    }

    fn egress<'b>(&'b mut self, decisions: &'b [EgressDecision]) -> BoxFuture<'b, io::Result<()>> {
        self.recording.egress(decisions)
    }
}
