//! What time alone brings about.

use swarm_core::time::Timestamp;

use crate::{
    About, Event, MessageId, PeerId, alert,
    decide::Deciding,
    file,
    peer::{self, Connection},
    post, snippet, task,
};

/// What the daemon has seen of peers, and that time has passed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sweep {
    /// Who has not been heard of for too long.
    pub lost: Vec<PeerId>,
    /// Who was lost, and has been heard of.
    pub found: Vec<PeerId>,
    /// Who has done nothing for a while.
    pub idle: Vec<PeerId>,
    /// Who has done something.
    pub active: Vec<PeerId>,
}

pub(crate) fn decide(deciding: &mut Deciding<'_>, sweep: &Sweep) {
    presence(deciding, sweep);
    let Some(done) = deciding.before(deciding.settings.keep_done) else {
        return;
    };
    let came = |imported: Option<Timestamp>| imported.unwrap_or_default();
    let state = deciding.state;
    let tasks = state
        .tasks()
        .filter(|t| t.state.is_closed() && t.updated.max(came(t.imported)) <= done);
    let tasks = tasks.map(|task| Event::Task(task::Happened::Expired { task: task.id }));
    let snippets = state
        .snippets()
        .filter(|s| s.created.max(came(s.imported)) <= done);
    let snippets = snippets.map(|s| Event::Snippet(snippet::Happened::Removed { snippet: s.id }));
    let files = state
        .files()
        .filter(|f| f.created.max(came(f.imported)) <= done);
    let files = files.map(|f| Event::File(file::Happened::Removed { file: f.id }));
    let alerts = state
        .alerts()
        .filter(|a| a.created.max(came(a.imported)) <= done);
    let alerts = alerts.map(|a| Event::Alert(alert::Happened::Expired { alert: a.id }));
    let dead = state.dead_letters().filter(|letter| letter.at <= done);
    let dead = dead.map(|letter| {
        Event::Post(post::Happened::DeadLetterExpired {
            message: letter.message.id,
            to: letter.to.clone(),
        })
    });
    let expired: Vec<Event> = tasks
        .chain(snippets)
        .chain(files)
        .chain(alerts)
        .chain(dead)
        .collect();
    for event in expired {
        deciding.push(event);
    }
    undeliverable(deciding);
    forgotten(deciding, done);
}

fn presence(deciding: &mut Deciding<'_>, sweep: &Sweep) {
    let state = deciding.state;
    let known = |ids: &[PeerId], wanted: &dyn Fn(&crate::Peer) -> bool| -> Vec<PeerId> {
        let known = ids.iter().filter(|id| !id.is_user());
        let known = known.filter(|id| state.peer(id).is_some_and(wanted));
        known.cloned().collect()
    };
    let is_here = |peer: &crate::Peer| peer.connection == Connection::Here;
    let is_lost = |peer: &crate::Peer| matches!(peer.connection, Connection::Lost { .. });
    let lost = known(&sweep.lost, &is_here)
        .into_iter()
        .map(|peer| peer::Happened::Lost { peer });
    let found = known(&sweep.found, &is_lost)
        .into_iter()
        .map(|peer| peer::Happened::Found { peer });
    let idle = known(&sweep.idle, &|peer| is_here(peer) && !peer.idle)
        .into_iter()
        .map(|peer| peer::Happened::Idle { peer, idle: true });
    let active = known(&sweep.active, &|peer| peer.idle)
        .into_iter()
        .map(|peer| peer::Happened::Idle { peer, idle: false });
    let all: Vec<_> = lost.chain(found).chain(idle).chain(active).collect();
    for happened in all {
        deciding.push(Event::Peer(happened));
    }
}

/// Messages that have waited for too long. Their senders are told.
fn undeliverable(deciding: &mut Deciding<'_>) {
    let Some(latest) = deciding.before(deciding.settings.keep_waiting) else {
        return;
    };
    let state = deciding.state;
    let old: Vec<(PeerId, MessageId)> = state
        .peers()
        .flat_map(|peer| {
            let old = peer.mailbox.older(latest);
            old.map(|message| (peer.id.clone(), message))
        })
        .collect();
    for (to, message) in old {
        give_up(deciding, &to, message);
    }
}

/// Gives a message up, and tells its sender, unless it only told of another that was given up.
pub(crate) fn give_up(deciding: &mut Deciding<'_>, to: &PeerId, message: MessageId) {
    let mailbox = deciding.state.peer(to).map(|peer| &peer.mailbox);
    let found = mailbox.and_then(|mailbox| mailbox.unseen().find(|m| m.id == message));
    let sender = found
        .filter(|found| !matches!(found.about, About::Undeliverable { .. }))
        .map(|found| found.from.clone());
    deciding.push(Event::Post(post::Happened::Undeliverable {
        message,
        to: to.clone(),
    }));
    if let Some(sender) = sender
        && deciding.has_room(&sender).is_ok()
    {
        let about = About::Undeliverable {
            message,
            to: to.clone(),
        };
        let text = format!("Message {message} did not reach {to}: nobody took it in time.");
        deciding.send(&PeerId::swarm(), vec![sender], about, text);
    }
}

/// Who was gone for long and has nothing waiting.
fn forgotten(deciding: &mut Deciding<'_>, done: Timestamp) {
    let state = deciding.state;
    let gone: Vec<PeerId> = state
        .peers()
        .filter(|peer| {
            peer.connection
                .gone_since()
                .is_some_and(|since| since <= done)
        })
        // It may have been sent something a moment ago: that a message of its own could not be delivered.
        .filter(|peer| peer.mailbox.is_empty() && !deciding.sends_to(&peer.id))
        .map(|peer| peer.id.clone())
        .collect();
    for peer in gone {
        deciding.push(Event::Peer(peer::Happened::Forgotten { peer }));
    }
}
