//! Time as a command: who was lost, what has expired, which events and blobs nobody needs any more.

use std::{collections::BTreeSet, sync::Weak, time::Duration};

use swarm_core::{
    journal::{Journaled as _, StreamId},
    time::Timestamp,
};
use swarm_peers::{PeerId, Peers, State, snippet::Content};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::App;
use crate::{Caller, Failure};

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(15);
/// How often old events and blobs are removed: each so many rounds.
const CLEAN_EVERY: u32 = 20;
/// Events that are removed in one transaction: others wait for it.
const PRUNED_AT_ONCE: usize = 500;

pub(super) async fn run(app: Weak<App>, stopping: CancellationToken) {
    let mut rounds = interval(EVERY);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut round = 0_u32;
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            _ = rounds.tick() => {}
        }
        let Some(app) = app.upgrade() else { return };
        if home_is_gone(&app).await {
            tracing::error!(
                "the home has been removed: nothing can be kept any more, and the daemon ends"
            );
            stopping.cancel();
            return;
        }
        round = round.wrapping_add(1);
        let swept = async {
            sweep(&app).await?;
            // In small steps, so that nobody who asks has to wait for many at once; and before events go.
            app.history.catch_up().await?;
            if round % CLEAN_EVERY == 1 {
                clean(&app).await?;
            }
            Ok::<_, Failure>(())
        };
        if let Err(failure) = swept.await {
            tracing::warn!(code = %failure.code, problem = %failure.message, "nothing was swept");
        }
    }
}

/// Whether somebody has removed everything. Who comes next makes a home and a daemon of its own, and would never find this one.
async fn home_is_gone(app: &App) -> bool {
    let looked = tokio::fs::metadata(&app.settings.home).await;
    looked.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

async fn sweep(app: &App) -> Result<(), Failure> {
    let attendance = std::sync::Arc::clone(&app.attendance);
    let sweep = app.ask(move |state| attendance.sweep(state)).await?;
    let nobody = Caller::Peer(PeerId::swarm());
    app.command(&nobody, sweep, |_, _| ()).await
}

async fn clean(app: &App) -> Result<(), Failure> {
    let keep = u64::try_from(app.settings.keep_events.as_millis()).unwrap_or(u64::MAX);
    let before = Timestamp::from_millis(app.clock.now().millis().saturating_sub(keep));
    let stream = StreamId::domain(Peers::STREAM);
    while app.log.prune(&stream, before, PRUNED_AT_ONCE).await? == PRUNED_AT_ONCE {
        if app.stopping.is_cancelled() {
            return Ok(());
        }
    }
    app.history.forget(before).await?;
    let kept = app.ask(needed).await?;
    app.with_blobs(move |blobs| blobs.retain(&kept, before))
        .await?;
    Ok(())
}

/// The hashes of everything that somebody shares.
fn needed(state: &State) -> BTreeSet<String> {
    let files = state.files().map(|file| file.blob.hash.clone());
    let snippets = state
        .snippets()
        .filter_map(|snippet| match &snippet.content {
            Content::Blob(blob) => Some(blob.hash.clone()),
            Content::Text(_) => None,
        });
    files.chain(snippets).collect()
}
