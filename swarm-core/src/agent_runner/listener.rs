//! Listens to what an agent prints while it goes into the record, and stops the agent at its budget.

use std::{io, io::Read as _, sync::Arc};

use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::{
    agents::{AgentEvent, Conclusion, Onlooker, Transcript, lines::Lines, transcript::MAX_TEXT},
    artifacts::ArtifactClaim,
    content::Content,
    ids::AgentId,
    money::Usd,
    prices::{Meter, PriceBook},
    refs::{ImageStamp, Recording},
    runtime::{EgressDecision, OutputSink, OutputStream},
    usage::Usage,
};

/// How much of a transcript is read at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// A record, and what has to be known of an agent while and after it is written. The only sink between a runtime and a
/// record, so that nothing that a runtime tells is lost on the way.
pub(super) struct Listener<'a> {
    recording: &'a mut dyn Recording,
    image: Option<ImageStamp>,
    /// Whether it reached anybody, if all its ways out were watched.
    reached: Option<bool>,
    /// A copy of what it prints, up to [`MAX_TEXT`] and one byte more.
    stdout: Option<Vec<u8>>,
    /// Away while it is at work.
    ear: Option<Ear>,
    /// What may be spent, and what is cancelled when more is. Only of an agent that is understood.
    budget: Option<(Usd, CancellationToken)>,
}

/// Understands lines. They may be long, so that happens where it may block.
pub(super) struct Ear {
    lines: Lines,
    transcript: Box<dyn Transcript>,
    meter: Meter,
    /// The model that was asked for; some programs do not say which one they ask.
    model: String,
    spent: Usd,
    /// With which status its provider has refused the newest request.
    refused: Option<u16>,
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
    /// With which status its provider has refused the last one.
    pub(super) refused: Option<u16>,
}

/// All that is known of an agent besides how it ended.
pub(super) struct Noted {
    /// What its transcript says, if it prints one.
    pub(super) heard: Option<Heard>,
    /// What it printed, if that was asked for.
    pub(super) stdout: Option<Vec<u8>>,
    /// Which image it started in.
    pub(super) image: Option<ImageStamp>,
    /// Whether it reached anybody, if all its ways out were watched.
    pub(super) reached: Option<bool>,
}

impl<'a> Listener<'a> {
    pub(super) fn new(recording: &'a mut dyn Recording) -> Self {
        Self {
            recording,
            image: None,
            reached: None,
            stdout: None,
            ear: None,
            budget: None,
        }
    }

    /// Understands what the agent prints, and cancels `over_budget` once that tells of more than `limit`.
    pub(super) fn understanding(
        self,
        ear: Ear,
        limit: Usd,
        over_budget: CancellationToken,
    ) -> Self {
        Self {
            ear: Some(ear),
            budget: Some((limit, over_budget)),
            ..self
        }
    }

    /// Keeps what the agent prints.
    pub(super) fn keeping_stdout(self) -> Self {
        Self {
            stdout: Some(Vec::new()),
            ..self
        }
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
        if let Some((limit, over_budget)) = &self.budget
            && ear.spent > *limit
        {
            over_budget.cancel();
        }
        self.ear = Some(ear);
        Ok(())
    }

    fn keep(&mut self, chunk: &[u8]) {
        if let Some(stdout) = &mut self.stdout {
            let room = (MAX_TEXT + 1).saturating_sub(stdout.len());
            stdout.extend(chunk.get(..room.min(chunk.len())).unwrap_or_default());
        }
    }

    pub(super) async fn finish(self) -> Noted {
        let heard = match (self.ear, self.budget) {
            (Some(ear), _) => Some(ear.conclude().await),
            // It did not come back.
            (None, Some(_)) => Some(Heard::default()),
            (None, None) => None,
        };
        Noted {
            heard,
            stdout: self.stdout,
            image: self.image,
            reached: self.reached,
        }
    }
}

impl Ear {
    pub(super) fn new(
        transcript: Box<dyn Transcript>,
        prices: Arc<PriceBook>,
        model: Option<String>,
        onlooker: Option<(AgentId, Onlooker)>,
    ) -> Self {
        Self {
            lines: Lines::default(),
            transcript,
            meter: Meter::new(prices),
            model: model.unwrap_or_default(),
            spent: Usd::ZERO,
            refused: None,
            onlooker,
        }
    }

    /// Hears all that an agent has printed.
    pub(super) async fn hear_all(mut self, printed: Content) -> Heard {
        let heard = spawn_blocking(move || {
            let mut chunk = vec![0; CHUNK];
            // What cannot be read tells nothing.
            if let Ok(mut printed) = printed.open() {
                while let Ok(read @ 1..) = printed.read(&mut chunk) {
                    let chunk = chunk.get(..read).unwrap_or_default();
                    self.hear(|lines, take| lines.add(chunk, take));
                }
            }
            self
        });
        match heard.await {
            Ok(ear) => ear.conclude().await,
            Err(_) => Heard::default(),
        }
    }

    async fn conclude(mut self) -> Heard {
        let concluded = spawn_blocking(move || {
            self.hear(|lines, take| lines.finish(take));
            Heard {
                metered: self.spent,
                used: self.meter.used(),
                refused: self.refused,
                conclusion: self.transcript.conclude(),
            }
        });
        concluded.await.unwrap_or_default()
    }

    fn hear(&mut self, cut: impl FnOnce(&mut Lines, &mut dyn FnMut(&[u8]))) {
        let Self {
            lines,
            transcript,
            meter,
            model: asked,
            spent,
            refused,
            onlooker,
        } = self;
        cut(lines, &mut |line| {
            transcript.read(line, &mut |event| {
                if let Some((agent, look)) = onlooker {
                    look(agent, &event);
                }
                match event {
                    AgentEvent::Request { id, model, usage } => {
                        let model = if model.is_empty() { &*asked } else { &model };
                        *spent = meter.add(&id, model, usage);
                        *refused = None;
                    }
                    AgentEvent::Retry { status } => *refused = status,
                    AgentEvent::Text(_) | AgentEvent::ToolCall { .. } => {}
                }
            });
        });
    }
}

impl OutputSink for Listener<'_> {
    fn started_in(&mut self, image: ImageStamp) {
        self.image = Some(image);
    }

    fn write<'b>(
        &'b mut self,
        stream: OutputStream,
        chunk: &'b [u8],
    ) -> BoxFuture<'b, io::Result<()>> {
        async move {
            self.recording.write(stream, chunk).await?;
            if stream == OutputStream::Stdout {
                self.keep(chunk);
                self.hear(chunk).await?;
            }
            Ok(())
        }
        .boxed()
    }

    fn egress<'b>(&'b mut self, decisions: &'b [EgressDecision]) -> BoxFuture<'b, io::Result<()>> {
        self.reached = Some(decisions.iter().any(|decision| decision.allowed));
        self.recording.egress(decisions)
    }

    fn artifacts<'b>(&'b mut self, claims: &'b [ArtifactClaim]) -> BoxFuture<'b, io::Result<()>> {
        self.recording.artifacts(claims)
    }
}
