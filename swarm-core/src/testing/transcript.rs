//! What a run understands of what an agent printed: for property tests and fuzzing.

use std::sync::Arc;

use crate::{
    agents::{AgentEvent, AgentKind, Conclusion, lines::Lines},
    money::Usd,
    prices::{Meter, PriceBook},
};

/// What was understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Understood {
    /// What it comes to.
    pub conclusion: Conclusion,
    /// What was told on the way.
    pub events: Vec<AgentEvent>,
    /// What its requests cost by the list prices.
    pub metered: Usd,
}

/// Reads `chunks` as a run of an agent of this kind does, however they are cut; `None` if this kind has no transcript.
pub fn understand<'a>(
    kind: &dyn AgentKind,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Option<Understood> {
    let mut transcript = kind.transcript()?;
    let mut lines = Lines::default();
    let mut meter = Meter::new(Arc::new(PriceBook::default()));
    let (mut events, mut metered) = (Vec::new(), Usd::ZERO);
    let mut read = |line: &[u8]| {
        transcript.read(line, &mut |event| {
            if let AgentEvent::Request { id, model, usage } = &event {
                metered = meter.add(id, model, *usage);
            }
            events.push(event);
        });
    };
    for chunk in chunks {
        lines.add(chunk, &mut read);
    }
    lines.finish(&mut read);
    Some(Understood {
        conclusion: transcript.conclude(),
        events,
        metered,
    })
}
