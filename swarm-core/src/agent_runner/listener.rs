//! Listens to what an agent prints while it goes into the record, and stops the agent at its budget.

use std::io;

use futures_util::{FutureExt as _, future::BoxFuture};
use tokio_util::sync::CancellationToken;

use crate::{
    agents::{AgentEvent, Conclusion, Transcript, lines::Lines},
    money::Usd,
    prices::{Meter, PriceBook},
    refs::Recording,
    runtime::{OutputSink, OutputStream},
};

/// A record that is listened to.
pub(super) struct Listener<'a> {
    recording: &'a mut dyn Recording,
    lines: Lines,
    transcript: Box<dyn Transcript>,
    meter: Meter<'a>,
    /// The model that was asked for; some programs do not say which one they ask.
    model: String,
    spent: Usd,
    limit: Usd,
    /// Cancelled when the agent has crossed its budget.
    over_budget: CancellationToken,
}

/// What was heard.
pub(super) struct Heard {
    pub(super) conclusion: Conclusion,
    /// What the requests have cost so far, as far as prices are known.
    pub(super) metered: Usd,
}

impl<'a> Listener<'a> {
    pub(super) fn new(
        recording: &'a mut dyn Recording,
        transcript: Box<dyn Transcript>,
        prices: &'a PriceBook,
        model: Option<String>,
        limit: Usd,
        over_budget: CancellationToken,
    ) -> Self {
        Self {
            recording,
            lines: Lines::default(),
            transcript,
            meter: Meter::new(prices),
            model: model.unwrap_or_default(),
            spent: Usd::ZERO,
            limit,
            over_budget,
        }
    }

    fn hear(&mut self, chunk: &[u8]) {
        let Self {
            lines,
            transcript,
            meter,
            model,
            spent,
            ..
        } = self;
        lines.add(chunk, |line| {
            transcript.read(line, &mut |event| {
                *spent = heard(meter, model, &event, *spent);
            });
        });
        if self.spent > self.limit {
            self.over_budget.cancel();
        }
    }

    pub(super) fn conclude(mut self) -> Heard {
        let Self {
            lines,
            transcript,
            meter,
            model,
            spent,
            ..
        } = &mut self;
        lines.finish(|line| {
            transcript.read(line, &mut |event| {
                *spent = heard(meter, model, &event, *spent);
            });
        });
        Heard {
            metered: self.spent,
            conclusion: self.transcript.conclude(),
        }
    }
}

fn heard(meter: &mut Meter<'_>, asked: &str, event: &AgentEvent, spent: Usd) -> Usd {
    match event {
        AgentEvent::Request { id, model, usage } => {
            let model = if model.is_empty() { asked } else { model };
            meter.add(id, model, *usage)
        }
        AgentEvent::Text(_) | AgentEvent::ToolCall { .. } | AgentEvent::Retry { .. } => spent,
    }
}

impl OutputSink for Listener<'_> {
    fn write<'b>(
        &'b mut self,
        stream: OutputStream,
        chunk: &'b [u8],
    ) -> BoxFuture<'b, io::Result<()>> {
        async move {
            self.recording.write(stream, chunk).await?;
            if stream == OutputStream::Stdout {
                self.hear(chunk);
            }
            Ok(())
        }
        .boxed()
    }
}
