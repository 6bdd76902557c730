//! What may be brought in, and as what.

use std::{collections::BTreeSet, sync::Arc};

use swarm_core::time::Timestamp;

use super::{Happened, Item, Key, Thing};
use crate::{
    About, Alert, AlertId, Event, File, FileId, Identity, Message, MessageId, PeerId, Pin, PinId,
    Rejection, Snippet, SnippetId, Task, TaskId,
    decide::Deciding,
    file::is_file_name,
    peer::{self, MAX_SUMMARY, arrive},
    snippet::check_content,
};

/// How far ahead a number may lie that is kept: the numbers after it must not run out.
const MAX_AHEAD: u64 = 10_000_000;

pub(crate) fn decide(deciding: &mut Deciding<'_>, item: &Item) -> Result<(), Rejection> {
    if !deciding.by.is_user() {
        return Err(Rejection::NotYours {
            what: "what other systems have".to_owned(),
            whose: "only the person whose machine this is brings it in".to_owned(),
        });
    }
    if deciding.state.things.imported.contains(&item.key) {
        return Ok(());
    }
    let happened = match &item.thing {
        Thing::Peer { .. } => a_peer(deciding, item.key, &item.thing)?,
        Thing::Message { .. } => a_message(deciding, item)?,
        Thing::Task { .. } => a_task(deciding, item)?,
        Thing::Alert { .. } => an_alert(deciding, item)?,
        Thing::Snippet { .. } | Thing::File { .. } | Thing::Pin { .. } => a_text(deciding, item)?,
    };
    if let Some(happened) = happened {
        deciding.push(Event::Import(happened));
    }
    Ok(())
}

/// Its number where it comes from if that lies ahead, but not too far; else the next.
fn number(own: u64, last: u64) -> u64 {
    let is_kept = own > last && own - last <= MAX_AHEAD;
    if is_kept { own } else { last.saturating_add(1) }
}

/// Nothing happened in the future.
fn past(deciding: &Deciding<'_>, at: Timestamp) -> Timestamp {
    at.min(deciding.now)
}

/// Nobody speaks for who shows a secret, nor for who is always here.
fn check_who(deciding: &Deciding<'_>, id: &PeerId) -> Result<(), Rejection> {
    let known = deciding.state.peer(id);
    if id.is_reserved() || known.is_some_and(|known| !known.shows_nothing()) {
        return Err(Rejection::NeedsSecret { id: id.clone() });
    }
    Ok(())
}

fn a_peer(deciding: &Deciding<'_>, key: Key, thing: &Thing) -> Result<Option<Happened>, Rejection> {
    let Thing::Peer {
        id,
        place,
        summary,
        tags,
        presence,
        joined,
    } = thing
    else {
        return Ok(None);
    };
    check_who(deciding, id)?;
    arrive::check_new(deciding, id)?;
    let identity: Identity = arrive::free_identity(deciding, place)?;
    let summary: String = summary.trim().chars().take(MAX_SUMMARY).collect();
    let tags = tags.iter();
    let tags = tags.filter(|tag| peer::check_tags(&BTreeSet::from([(*tag).clone()])).is_ok());
    Ok(Some(Happened::Peer {
        key,
        peer: id.clone(),
        name: arrive::name_of(deciding, id),
        identity: Box::new(identity),
        summary: (!summary.is_empty()).then_some(summary),
        tags: tags.take(peer::MAX_TAGS).cloned().collect(),
        presence: *presence,
        joined: past(deciding, *joined),
    }))
}

fn a_message(deciding: &Deciding<'_>, item: &Item) -> Result<Option<Happened>, Rejection> {
    let Thing::Message {
        from,
        to,
        text,
        sent,
        delivered,
    } = &item.thing
    else {
        return Ok(None);
    };
    check_who(deciding, from)?;
    check_who(deciding, to)?;
    deciding.check_text("message", text)?;
    if !delivered {
        if deciding.state.peer(to).is_none() {
            return Err(Rejection::UnknownPeer {
                address: to.to_string(),
                suggestion: None,
            });
        }
        deciding.has_room(to)?;
    }
    let id = MessageId(number(item.number, deciding.state.things.last_message.0));
    let message = Message {
        id,
        thread: id,
        sent: past(deciding, *sent),
        imported: Some(deciding.now),
        ..Message::new(from.clone(), About::Direct, text.clone())
    };
    Ok(Some(Happened::Message {
        key: item.key,
        message: Arc::new(message),
        to: to.clone(),
        seen: *delivered,
    }))
}

fn a_task(deciding: &Deciding<'_>, item: &Item) -> Result<Option<Happened>, Rejection> {
    let Thing::Task {
        from,
        to,
        description,
        deadline,
        state,
        result,
        created,
        updated,
    } = &item.thing
    else {
        return Ok(None);
    };
    check_who(deciding, from)?;
    check_who(deciding, to)?;
    deciding.check_text("description", description)?;
    deciding.check_text("deadline", deadline.as_deref().unwrap_or_default())?;
    deciding.check_text("result", result.as_deref().unwrap_or_default())?;
    if !state.is_closed() {
        let open = deciding.state.tasks().filter(|t| !t.state.is_closed());
        deciding.check_room("open tasks", open.count())?;
    }
    let task = Task {
        id: TaskId(number(item.number, deciding.state.things.last_task.0)),
        from: from.clone(),
        to: Some(to.clone()),
        description: description.clone(),
        deadline: deadline.clone(),
        state: *state,
        result: result.clone(),
        created: past(deciding, *created),
        updated: past(deciding, *updated),
        imported: Some(deciding.now),
    };
    let key = item.key;
    Ok(Some(Happened::Task { key, task }))
}

fn an_alert(deciding: &Deciding<'_>, item: &Item) -> Result<Option<Happened>, Rejection> {
    let Thing::Alert {
        from,
        to,
        message,
        priority,
        created,
        acknowledged,
    } = &item.thing
    else {
        return Ok(None);
    };
    check_who(deciding, from)?;
    check_who(deciding, to)?;
    deciding.check_text("alert", message)?;
    deciding.check_room("alerts", deciding.state.things.alerts.len())?;
    let by = acknowledged.then(|| to.clone());
    let alert = Alert {
        id: AlertId(number(item.number, deciding.state.things.last_alert.0)),
        from: from.clone(),
        to: vec![to.clone()],
        message: message.clone(),
        priority: *priority,
        created: past(deciding, *created),
        imported: Some(deciding.now),
        acknowledged: by.into_iter().collect(),
    };
    let key = item.key;
    Ok(Some(Happened::Alert { key, alert }))
}

/// What everybody may read.
fn a_text(deciding: &Deciding<'_>, item: &Item) -> Result<Option<Happened>, Rejection> {
    let things = &deciding.state.things;
    let imported = Some(deciding.now);
    let key = item.key;
    let happened = match &item.thing {
        Thing::Snippet {
            author,
            title,
            language,
            content,
            created,
        } => {
            check_who(deciding, author)?;
            deciding.check_text("title", title)?;
            deciding.check_text("language", language)?;
            check_content(deciding, content)?;
            deciding.check_room("snippets", things.snippets.len())?;
            let snippet = Snippet {
                id: SnippetId(number(item.number, things.last_snippet.0)),
                author: author.clone(),
                title: title.clone(),
                language: language.clone(),
                content: content.clone(),
                created: past(deciding, *created),
                imported,
            };
            Happened::Snippet { key, snippet }
        }
        Thing::File {
            author,
            name,
            mime,
            blob,
            created,
        } => {
            check_who(deciding, author)?;
            deciding.check_words("file name", name)?;
            is_file_name(name)?;
            deciding.check_text("kind of file", mime)?;
            deciding.check_blob("file", blob)?;
            deciding.check_room("files", things.files.len())?;
            let file = File {
                id: FileId(number(item.number, things.last_file.0)),
                author: author.clone(),
                name: name.clone(),
                mime: mime.clone(),
                blob: blob.clone(),
                created: past(deciding, *created),
                imported,
            };
            Happened::File { key, file }
        }
        Thing::Pin {
            author,
            content,
            created,
        } => {
            check_who(deciding, author)?;
            deciding.check_text("pin", content)?;
            deciding.check_room("pins", things.pins.len())?;
            let pin = Pin {
                id: PinId(number(item.number, things.last_pin.0)),
                author: author.clone(),
                content: content.clone(),
                created: past(deciding, *created),
            };
            Happened::Pin { key, pin }
        }
        _ => return Ok(None),
    };
    Ok(Some(happened))
}
