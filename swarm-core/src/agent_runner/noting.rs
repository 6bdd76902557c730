//! Notes down what a runtime tells of an agent besides what it prints.

use std::io;

use futures_util::future::BoxFuture;

use crate::{
    refs::{ImageStamp, Recording},
    runtime::{EgressDecision, OutputSink, OutputStream},
};

/// A record whose agent is about to start.
pub(super) struct Noting<'a> {
    recording: &'a mut dyn Recording,
    /// Which image it started in.
    pub(super) image: Option<ImageStamp>,
}

impl<'a> Noting<'a> {
    pub(super) fn new(recording: &'a mut dyn Recording) -> Self {
        Self {
            recording,
            image: None,
        }
    }
}

impl OutputSink for Noting<'_> {
    fn started_in(&mut self, image: ImageStamp) {
        self.image = Some(image);
    }

    fn write<'a>(
        &'a mut self,
        stream: OutputStream,
        chunk: &'a [u8],
    ) -> BoxFuture<'a, io::Result<()>> {
        self.recording.write(stream, chunk)
    }

    fn egress<'a>(&'a mut self, decisions: &'a [EgressDecision]) -> BoxFuture<'a, io::Result<()>> {
        self.recording.egress(decisions)
    }
}
