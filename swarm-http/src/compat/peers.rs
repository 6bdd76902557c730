//! Coming, going, and saying something of oneself.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use swarm_core::{error_code::ErrorCode, time::Timestamp};
use swarm_peers::{
    Event, Identity, Peer, PeerId, Place, Scope, State,
    peer::{self, Arrive, Connection, Happened, Presence},
};
use uuid::Uuid;

use super::{
    Compat,
    answer::{Answer, Refusal},
    callers::Said,
    fields::Fields,
    times::iso,
};
use crate::{App, Caller, Failure};

/// Everybody who is here, except for the person, who always is.
pub(super) fn here(state: &State) -> impl Iterator<Item = &Peer> {
    let all = state.peers();
    all.filter(|peer| !peer.id.is_user() && peer.connection == Connection::Here)
}

fn done() -> Value {
    json!({"ok": true})
}

pub(super) async fn register(compat: &Compat, fields: &Fields) -> Answer {
    let pid = fields.number("pid")?;
    let place = Place {
        host: compat.host.clone(),
        cwd: fields.text("cwd", "peers.cwd")?,
        worktree: fields.maybe("git_root")?.filter(|root| !root.is_empty()),
        tty: fields.maybe("tty")?,
        pid: Some(
            pid.ok_or_else(|| Refusal::Broken("NOT NULL constraint failed: peers.pid".to_owned()))?,
        ),
    };
    let summary = fields.text("summary", "peers.summary")?;
    let tags = fields.list("tags")?.unwrap_or_default();
    let (host, sockets) = (compat.host.clone(), compat.sockets.clone());
    // Whoever has an open connection lives, whatever its process is called: it may be in a container.
    let same = compat.app.ask(move |state| {
        let same = here(state).filter(|peer| {
            let who = &peer.identity;
            peer.shows_nothing() && who.pid == pid && who.host == host && !sockets.has(&peer.id)
        });
        same.map(|peer| peer.id.clone()).collect::<Vec<_>>()
    });
    let arrive = Arrive {
        id: new_id()?,
        place,
        summary,
        tags: tags.into_iter().collect(),
        replaces: same.await?,
    };
    let request = peer::Request::Arrive(Box::new(arrive));
    let arrived = compat.app.command(&Caller::Owner, request, |_, events| {
        events.iter().find_map(|event| match event {
            Event::Peer(Happened::Joined { peer, .. } | Happened::CameBack { peer, .. }) => {
                Some(peer.clone())
            }
            _ => None,
        })
    });
    let id = arrived
        .await?
        .ok_or_else(|| Refusal::Broken("nobody was let in, and nobody refused".to_owned()))?;
    compat.app.note(&id, true);
    Ok(json!({"id": id}))
}

/// Eight letters and digits, as they have them.
fn new_id() -> Result<PeerId, Refusal> {
    let id = Uuid::new_v4().simple().to_string();
    let id = PeerId::new(id.get(..8).unwrap_or(&id));
    id.map_err(|error| Refusal::Broken(error.to_string()))
}

/// Who is meant by `id`; `None` if nobody is, which their brokers do not mind.
async fn maybe(compat: &Compat, fields: &Fields) -> Result<Option<Caller>, Refusal> {
    let id = fields.maybe("id")?.unwrap_or_default();
    match compat.caller(&id).await {
        Ok(caller) => Ok(Some(caller)),
        Err(Refusal::Failed(Failure {
            code: ErrorCode::NotYours,
            ..
        })) => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

/// Who is gone is here again with the next heartbeat: its session says that it lives.
pub(super) async fn heartbeat(compat: &Compat, fields: &Fields) -> Answer {
    let id = fields.maybe("id")?.unwrap_or_default();
    match compat.who(&id).await? {
        Said::Known(known, true) => compat.app.note(&known, false),
        _ => drop(maybe(compat, fields).await?),
    }
    Ok(done())
}

pub(super) async fn unregister(compat: &Compat, fields: &Fields) -> Answer {
    let id = fields.maybe("id")?.unwrap_or_default();
    if let Said::Known(known, _) = compat.who(&id).await? {
        let me = Caller::Peer(known.clone());
        compat
            .app
            .command(&me, peer::Request::Leave, |_, _| ())
            .await?;
        compat.sockets.end(&known);
    }
    Ok(done())
}

pub(super) async fn set_summary(compat: &Compat, fields: &Fields) -> Answer {
    let Some(me) = maybe(compat, fields).await? else {
        return Ok(done());
    };
    let summary = Some(fields.text("summary", "peers.summary")?);
    let request = peer::Request::SetSummary { summary };
    compat.app.command(&me, request, |_, _| ()).await?;
    Ok(done())
}

pub(super) async fn set_tags(compat: &Compat, fields: &Fields) -> Answer {
    let Some(me) = maybe(compat, fields).await? else {
        return Ok(done());
    };
    let tags = fields.list("tags")?;
    let missing = || Refusal::Broken("NOT NULL constraint failed: peers.tags".to_owned());
    let tags: BTreeSet<String> = tags.ok_or_else(missing)?.into_iter().collect();
    let request = peer::Request::SetTags { tags };
    compat.app.command(&me, request, |_, _| ()).await?;
    Ok(done())
}

pub(super) async fn set_status(compat: &Compat, fields: &Fields) -> Answer {
    let Some(me) = maybe(compat, fields).await? else {
        return Ok(done());
    };
    let presence = match fields.text("status", "peers.status")?.as_str() {
        "active" => Presence::Active,
        "busy" => Presence::Busy,
        "away" => Presence::Away,
        "dnd" => Presence::Dnd,
        other => {
            let other: String = other.chars().take(80).collect();
            return Err(Refusal::Broken(format!(
                "{other:?} is no status; there are active, busy, away and dnd"
            )));
        }
    };
    let request = peer::Request::SetPresence { presence };
    compat.app.command(&me, request, |_, _| ()).await?;
    Ok(done())
}

/// How far somebody looks.
pub(super) fn scope(fields: &Fields) -> Result<Scope, Refusal> {
    Ok(match fields.maybe("scope")?.as_deref() {
        Some("directory") => Scope::Directory,
        Some("repo") => Scope::Repo,
        _ => Scope::Machine,
    })
}

pub(super) async fn list(compat: &Compat, fields: &Fields) -> Answer {
    let scope = scope(fields)?;
    let cwd = fields.maybe("cwd")?.unwrap_or_default();
    let root = fields.maybe("git_root")?.filter(|root| !root.is_empty());
    let from = Identity {
        client: String::new(),
        host: compat.host.clone(),
        cwd: cwd.clone(),
        session: None,
        repository: root.as_ref().map(|root| format!("{root}/.git")),
        worktree: root,
        tty: None,
        pid: None,
    };
    let except = fields.maybe("exclude_id")?;
    let tag = fields.maybe("tag")?.filter(|tag| !tag.is_empty());
    let rows = rows(compat, move |peer| {
        from.sees(&peer.identity, scope)
            && except.as_deref() != Some(peer.id.as_str())
            && tag.as_ref().is_none_or(|tag| peer.tags.contains(tag))
    });
    let rows = rows.await?;
    compat.sockets.looked_up(&cwd);
    Ok(Value::Array(rows))
}

/// Those who are here and wanted, in the order in which they came.
pub(super) async fn rows(
    compat: &Compat,
    is_wanted: impl Fn(&Peer) -> bool + Send + 'static,
) -> Result<Vec<Value>, Failure> {
    let seen = last_seen(&compat.app);
    let rows = compat.app.ask(move |state| {
        let mut found: Vec<&Peer> = here(state).filter(|peer| is_wanted(peer)).collect();
        found.sort_by_key(|peer| (peer.joined, peer.id.clone()));
        let rows = found.into_iter().map(|peer| row(peer, seen(&peer.id)));
        rows.collect()
    });
    rows.await
}

fn row(peer: &Peer, seen: Timestamp) -> Value {
    let who = &peer.identity;
    json!({
        "id": peer.id,
        "pid": who.pid.unwrap_or_default(),
        "cwd": who.cwd,
        "git_root": who.worktree,
        "tty": who.tty,
        "summary": peer.summary.as_deref().unwrap_or_default(),
        "tags": json!(peer.tags).to_string(),
        "registered_at": iso(peer.joined),
        "last_seen": iso(seen.max(peer.joined)),
        "status": presence_name(peer.presence),
    })
}

/// When somebody was heard of last. Who was not since the daemon began was there until then.
fn last_seen(app: &App) -> impl Fn(&PeerId) -> Timestamp + Send + use<> {
    let attendance = std::sync::Arc::clone(&app.attendance);
    let (now, started) = (app.clock.now(), app.started);
    move |peer| {
        attendance.last_seen(peer).map_or(started, |silent| {
            let silent = u64::try_from(silent.as_millis()).unwrap_or(u64::MAX);
            Timestamp::from_millis(now.millis().saturating_sub(silent))
        })
    }
}

/// As they write it.
const fn presence_name(presence: Presence) -> &'static str {
    match presence {
        Presence::Active => "active",
        Presence::Busy => "busy",
        Presence::Away => "away",
        Presence::Dnd => "dnd",
    }
}
