//! Listens to what an agent prints while it goes into the record, and stops the agent at its budget.

use std::{io, sync::Arc};

use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::{
    agents::{AgentEvent, Conclusion, Onlooker, Transcript, lines::Lines},
    ids::AgentId,
    money::Usd,
    prices::{Meter, PriceBook},
    refs::ImageStamp,
    runtime::{EgressDecision, OutputSink, OutputStream},
    usage::Usage,
};

/// A record that is listened to.
pub(super) struct Listener<'a> {
    recording: &'a mut dyn OutputSink,
    /// Away while it is at work.
    ear: Option<Ear>,
    limit: Usd,
    /// Cancelled when the agent has crossed its budget.
    over_budget: CancellationToken,
}

/// Understands lines. They may be long, so that happens where it may block.
struct Ear {
    lines: Lines,
    transcript: Box<dyn Transcript>,
    meter: Meter,
    /// The model that was asked for; some programs do not say which one they ask.
    model: String,
    spent: Usd,
    onlooker: Option<(AgentId, Onlooker)>,
}

/// What was heard.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) conclusion: Conclusion,
    /// What the requests have cost so far, as far as prices are known.
    pub(super) metered: Usd,
    /// What they have used.
    pub(super) used: Usage,
}

impl<'a> Listener<'a> {
    pub(super) fn new(
        recording: &'a mut dyn OutputSink,
        transcript: Box<dyn Transcript>,
        prices: Arc<PriceBook>,
        model: Option<String>,
        limit: Usd,
        over_budget: CancellationToken,
    ) -> Self {
        Self {
            recording,
            ear: Some(Ear {
                lines: Lines::default(),
                transcript,
                meter: Meter::new(prices),
                model: model.unwrap_or_default(),
                spent: Usd::ZERO,
                onlooker: None,
            }),
            limit,
            over_budget,
        }
    }

    /// Tells `onlooker` what the agent does.
    pub(super) fn seen_by(mut self, agent: &AgentId, onlooker: Option<&Onlooker>) -> Self {
        if let Some(ear) = &mut self.ear {
            ear.onlooker = onlooker.map(|onlooker| (agent.clone(), Arc::clone(onlooker)));
        }
        self
    }

    async fn hear(&mut self, chunk: &[u8]) -> io::Result<()> {
        let Some(mut ear) = self.ear.take() else {
            return Ok(());
        };
        let chunk = chunk.to_vec();
        let heard = spawn_blocking(move || {
            ear.hear(|lines, take| lines.add(&chunk, take));
            ear
        });
        let ear = heard.await?;
        if ear.spent > self.limit {
            self.over_budget.cancel();
        }
        self.ear = Some(ear);
        Ok(())
    }

    pub(super) async fn conclude(self) -> Heard {
        let Some(mut ear) = self.ear else {
            return Heard::default();
        };
        let concluded = spawn_blocking(move || {
            ear.hear(|lines, take| lines.finish(take));
            Heard {
                metered: ear.spent,
                used: ear.meter.used(),
                conclusion: ear.transcript.conclude(),
            }
        });
        concluded.await.unwrap_or_default()
    }
}

impl Ear {
    fn hear(&mut self, cut: impl FnOnce(&mut Lines, &mut dyn FnMut(&[u8]))) {
        let Self {
            lines,
            transcript,
            meter,
            model: asked,
            spent,
            onlooker,
        } = self;
        cut(lines, &mut |line| {
            transcript.read(line, &mut |event| {
                if let Some((agent, look)) = onlooker {
                    look(agent, &event);
                }
                if let AgentEvent::Request { id, model, usage } = event {
                    let model = if model.is_empty() { &*asked } else { &model };
                    *spent = meter.add(&id, model, usage);
                }
            });
        });
    }
}

impl OutputSink for Listener<'_> {
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
                self.hear(chunk).await?;
            }
            Ok(())
        }
        .boxed()
    }

    fn egress<'b>(&'b mut self, decisions: &'b [EgressDecision]) -> BoxFuture<'b, io::Result<()>> {
        self.recording.egress(decisions)
    }
}
