//! What the rows of their tables become.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;
use swarm_core::hash;
use swarm_peers::{
    Place, Priority,
    file::Blob,
    import::{Item, Key, Thing},
    peer::{MAX_SUMMARY, MAX_TAGS, Presence},
    snippet::{Content, MAX_INLINE},
    task::TaskState,
};

use super::cells::{Cells, Why};
use crate::operations::imports::Brought;

/// What there can be in a database, in the order in which it is read: who is told something comes before what it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "they are what they are called")]
pub enum Kind {
    Peers,
    Messages,
    Tasks,
    Snippets,
    Files,
    Alerts,
    Pins,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Peers,
        Self::Messages,
        Self::Tasks,
        Self::Snippets,
        Self::Files,
        Self::Alerts,
        Self::Pins,
    ];

    /// As it is shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Peers => "peers",
            Self::Messages => "messages",
            Self::Tasks => "tasks",
            Self::Snippets => "snippets",
            Self::Files => "files",
            Self::Alerts => "alerts",
            Self::Pins => "pins",
        }
    }

    /// The table that has it.
    pub(super) const fn table(self) -> &'static str {
        match self {
            Self::Files => "shared_files",
            other => other.as_str(),
        }
    }

    /// Its columns; the first so many have been there in every version.
    pub(super) const fn columns(self) -> (&'static [&'static str], usize) {
        match self {
            Self::Peers => (
                &[
                    "id",
                    "pid",
                    "cwd",
                    "git_root",
                    "tty",
                    "summary",
                    "registered_at",
                    "last_seen",
                    "tags",
                    "status",
                ],
                8,
            ),
            Self::Messages => (
                &["id", "from_id", "to_id", "text", "sent_at", "delivered"],
                6,
            ),
            Self::Tasks => (
                &[
                    "id",
                    "from_id",
                    "to_id",
                    "description",
                    "deadline",
                    "state",
                    "result",
                    "created_at",
                    "updated_at",
                ],
                9,
            ),
            Self::Snippets => (
                &[
                    "id",
                    "author_id",
                    "title",
                    "content",
                    "language",
                    "created_at",
                ],
                6,
            ),
            Self::Files => (
                &[
                    "id",
                    "author_id",
                    "filename",
                    "content",
                    "mime_type",
                    "created_at",
                    "size_bytes",
                ],
                6,
            ),
            Self::Alerts => (
                &[
                    "id",
                    "from_id",
                    "to_id",
                    "message",
                    "priority",
                    "created_at",
                    "acknowledged",
                ],
                6,
            ),
            Self::Pins => (&["id", "author_id", "content", "created_at"], 4),
        }
    }

    /// What `row` becomes, and what of it does not come along.
    pub(super) fn read(self, row: &Cells, host: &str) -> Result<(Brought, Vec<Why>), Why> {
        let mut lost = Vec::new();
        let (thing, content) = match self {
            Self::Peers => (peer(row, host, &mut lost)?, None),
            Self::Messages => (message(row)?, None),
            Self::Tasks => (task(row)?, None),
            Self::Snippets => snippet(row)?,
            Self::Files => file(row)?,
            Self::Alerts => (alert(row, &mut lost)?, None),
            Self::Pins => (pin(row)?, None),
        };
        let number = row.number("id").and_then(|id| u64::try_from(id).ok());
        let item = Item {
            key: self.key(row)?,
            number: number.unwrap_or_default(),
            thing,
        };
        Ok((Brought { item, content }, lost))
    }

    /// Of what never changes of it.
    fn key(self, row: &Cells) -> Result<Key, Why> {
        let mut parts = vec![self.as_str().to_owned()];
        // How far it is, and what is said of it, changes.
        let changes = [
            "summary",
            "tags",
            "status",
            "last_seen",
            "state",
            "result",
            "updated_at",
            "delivered",
            "acknowledged",
        ];
        for column in self
            .columns()
            .0
            .iter()
            .filter(|column| !changes.contains(column))
        {
            parts.push(row.maybe(column)?.unwrap_or_default());
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        Ok(Key::of(&parts))
    }
}

fn peer(row: &Cells, host: &str, lost: &mut Vec<Why>) -> Result<Thing, Why> {
    let summary = row.maybe("summary")?.unwrap_or_default();
    if summary.chars().count() > MAX_SUMMARY {
        lost.push(format!("the summary is cut at {MAX_SUMMARY} characters"));
    }
    let tags = row.maybe("tags")?.unwrap_or_else(|| "[]".to_owned());
    let tags: BTreeSet<String> = serde_json::from_str(&tags).unwrap_or_else(|_| {
        lost.push("the tags are no list of texts, and left out".to_owned());
        BTreeSet::new()
    });
    let is_tag = |tag: &&String| !tag.trim().is_empty() && tag.len() <= swarm_peers::MAX_NAME;
    if tags.len() > MAX_TAGS || !tags.iter().all(|tag| is_tag(&tag)) {
        lost.push("some tags are left out".to_owned());
    }
    let presence = match row.maybe("status")?.as_deref() {
        None | Some("active") => Presence::Active,
        Some("busy") => Presence::Busy,
        Some("away") => Presence::Away,
        Some("dnd") => Presence::Dnd,
        Some(_) => {
            lost.push("the status is none of theirs, and taken for active".to_owned());
            Presence::Active
        }
    };
    Ok(Thing::Peer {
        id: row.peer("id")?,
        place: Place {
            host: host.to_owned(),
            cwd: row.text("cwd")?,
            worktree: row.maybe("git_root")?.filter(|root| !root.is_empty()),
            tty: row.maybe("tty")?,
            pid: row.number("pid"),
        },
        summary,
        tags,
        presence,
        joined: row.time("registered_at")?,
    })
}

fn message(row: &Cells) -> Result<Thing, Why> {
    Ok(Thing::Message {
        from: row.peer("from_id")?,
        to: row.peer("to_id")?,
        text: row.text("text")?,
        sent: row.time("sent_at")?,
        delivered: row.flag("delivered")?,
    })
}

fn task(row: &Cells) -> Result<Thing, Why> {
    let state = match row.text("state")?.as_str() {
        "pending" => TaskState::Pending,
        "in_progress" => TaskState::InProgress,
        "completed" => TaskState::Completed,
        "rejected" => TaskState::Rejected,
        _ => {
            return Err("state is none of pending, in_progress, completed and rejected".to_owned());
        }
    };
    Ok(Thing::Task {
        from: row.peer("from_id")?,
        to: row.peer("to_id")?,
        description: row.text("description")?,
        deadline: row.maybe("deadline")?,
        state,
        result: row.maybe("result")?,
        created: row.time("created_at")?,
        updated: row.time("updated_at")?,
    })
}

fn snippet(row: &Cells) -> Result<(Thing, Option<String>), Why> {
    let text = row.text("content")?;
    let (content, aside) = if text.len() > MAX_INLINE {
        let (blob, bytes) = aside(&text);
        (Content::Blob(blob), Some(bytes))
    } else {
        (Content::Text(text), None)
    };
    let thing = Thing::Snippet {
        author: row.peer("author_id")?,
        title: row.text("title")?,
        language: row.maybe("language")?.unwrap_or_else(|| "text".to_owned()),
        content,
        created: row.time("created_at")?,
    };
    Ok((thing, aside))
}

fn file(row: &Cells) -> Result<(Thing, Option<String>), Why> {
    let (blob, bytes) = aside(&row.text("content")?);
    let mime = row.maybe("mime_type")?;
    let thing = Thing::File {
        author: row.peer("author_id")?,
        name: row.text("filename")?,
        mime: mime.unwrap_or_else(|| "text/plain".to_owned()),
        blob,
        created: row.time("created_at")?,
    };
    Ok((thing, Some(bytes)))
}

/// Of a text that is kept aside: under what, and its bytes in base64.
fn aside(text: &str) -> (Blob, String) {
    let blob = Blob {
        hash: hash::hex(text.as_bytes()),
        size: text.len() as u64,
    };
    (blob, STANDARD.encode(text))
}

fn alert(row: &Cells, lost: &mut Vec<Why>) -> Result<Thing, Why> {
    let priority = match row.text("priority")?.as_str() {
        "info" => Priority::Info,
        "warning" => Priority::Warning,
        "critical" => Priority::Critical,
        _ => {
            lost.push("the priority is none of theirs, and taken for info".to_owned());
            Priority::Info
        }
    };
    Ok(Thing::Alert {
        from: row.peer("from_id")?,
        to: row.peer("to_id")?,
        message: row.text("message")?,
        priority,
        created: row.time("created_at")?,
        acknowledged: row.flag("acknowledged")?,
    })
}

fn pin(row: &Cells) -> Result<Thing, Why> {
    Ok(Thing::Pin {
        author: row.peer("author_id")?,
        content: row.text("content")?,
        created: row.time("created_at")?,
    })
}
