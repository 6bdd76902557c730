//! What a message is to their programs: an event of a socket, and a text for who polls.
//!
//! Their server copies what is in an event into a notification, where only texts are allowed: so numbers are texts, and what there is
//! not is left out.

use serde_json::{Map, Value, json};
use swarm_core::time::Timestamp;
use swarm_peers::{About, Message, Priority, State, task::TaskState};

use super::times::iso;

/// A message as their programs get it.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    kind: &'static str,
    data: Map<String, Value>,
    /// For who polls: there, everything is a text.
    pub(super) text: String,
}

impl Shown {
    fn new<const N: usize>(
        kind: &'static str,
        data: [(&str, Option<String>); N],
        text: String,
    ) -> Self {
        let data = data.into_iter();
        let data = data.filter_map(|(key, value)| Some((key.to_owned(), Value::String(value?))));
        let data = data.collect();
        Self { kind, data, text }
    }

    /// Whether it is nothing but words from somebody.
    pub(super) fn is_words(&self) -> bool {
        self.kind == "message" || self.kind == "broadcast"
    }

    /// As a frame. `number` tells the same message from others, however it comes; their programs do not look there.
    pub(super) fn frame(&self, number: u64, at: Timestamp) -> String {
        json!({"type": self.kind, "data": self.data, "timestamp": iso(at), "id": number})
            .to_string()
    }
}

/// What `message` is to them.
pub(super) fn shown(state: &State, message: &Message) -> Shown {
    let found = match &message.about {
        About::Task { .. } => task(state, message),
        About::Snippet { .. } | About::File { .. } | About::Alert { .. } | About::Pin { .. } => {
            shared(state, message)
        }
        About::Review { .. } | About::GitStatus { .. } => git(message),
        _ => None,
    };
    // What it is about may be gone by now; its words are not.
    found.unwrap_or_else(|| words(message))
}

/// What `message` is to them if it has only words, so that nothing else has to be known.
pub(super) fn said(message: &Message) -> Shown {
    git(message).unwrap_or_else(|| words(message))
}

fn words(message: &Message) -> Shown {
    let kind = match message.about {
        About::Broadcast { .. } => "broadcast",
        _ => "message",
    };
    let data = [
        ("from_id", Some(message.from.to_string())),
        ("text", Some(message.text.clone())),
        ("sent_at", Some(iso(message.sent))),
    ];
    Shown::new(kind, data, message.text.clone())
}

fn task(state: &State, message: &Message) -> Option<Shown> {
    let About::Task {
        task: id,
        state: now,
    } = message.about
    else {
        return None;
    };
    let task = state.tasks().find(|task| task.id == id)?;
    let from = &message.from;
    Some(if now == TaskState::Pending {
        let data = [
            ("action", Some("assigned".to_owned())),
            ("task_id", Some(id.to_string())),
            ("from_id", Some(from.to_string())),
            ("description", Some(task.description.clone())),
            ("deadline", task.deadline.clone()),
        ];
        let text = format!(
            "New task assigned by {from}: {} (Task #{id})",
            task.description
        );
        Shown::new("task", data, text)
    } else {
        // The result is that of the state in which it is by now.
        let result = task.result.clone().filter(|_| task.state == now);
        let with = result.as_ref().map(|result| format!(" - {result}"));
        let text = format!(
            "Task #{id} updated: {}{}",
            now.as_str(),
            with.unwrap_or_default()
        );
        let data = [
            ("action", Some("updated".to_owned())),
            ("task_id", Some(id.to_string())),
            ("state", Some(now.as_str().to_owned())),
            ("result", result),
        ];
        Shown::new("task", data, text)
    })
}

fn shared(state: &State, message: &Message) -> Option<Shown> {
    let from = Some(message.from.to_string());
    let author = &message.from;
    Some(match message.about {
        About::Snippet { snippet: id } => {
            let snippet = state.snippets().find(|snippet| snippet.id == id)?;
            let data = [
                ("id", Some(id.to_string())),
                ("author_id", from),
                ("title", Some(snippet.title.clone())),
                ("language", Some(snippet.language.clone())),
            ];
            let title = &snippet.title;
            let text = format!("New snippet shared by {author}: \"{title}\" (Snippet #{id})");
            Shown::new("snippet", data, text)
        }
        About::File { file: id } => {
            let file = state.files().find(|file| file.id == id)?;
            let data = [
                ("id", Some(id.to_string())),
                ("author_id", from),
                ("filename", Some(file.name.clone())),
                ("size_bytes", Some(file.blob.size.to_string())),
            ];
            let (name, size) = (&file.name, file.blob.size);
            let text =
                format!("📎 File shared by {author}: \"{name}\" ({size} bytes) - File #{id}");
            Shown::new("file_shared", data, text)
        }
        About::Alert {
            alert: id,
            priority,
        } => {
            let data = [
                ("id", Some(id.to_string())),
                ("from_id", from),
                ("message", Some(message.text.clone())),
                ("priority", Some(priority_name(priority).to_owned())),
            ];
            let icon = match priority {
                Priority::Info => "ℹ️",
                Priority::Warning => "⚠️",
                Priority::Critical => "🚨",
            };
            let name = priority_name(priority).to_uppercase();
            let text = format!("{icon} ALERT [{name}] from {author}: {}", message.text);
            Shown::new("alert", data, text)
        }
        About::Pin { pin: id } => {
            let data = [
                ("id", Some(id.to_string())),
                ("author_id", from),
                ("content", Some(message.text.clone())),
            ];
            let text = format!("📌 New pin by {author}: {}", message.text);
            Shown::new("pin", data, text)
        }
        _ => return None,
    })
}

fn git(message: &Message) -> Option<Shown> {
    let from = &message.from;
    // The text begins with a line that says the same in words.
    let (_, rest) = message.text.split_once('\n').unwrap_or_default();
    Some(match &message.about {
        About::Review { branch } => {
            let text = format!("🔍 Review Request from {from}\nBranch: {branch}\nChanges:\n{rest}");
            let data = [
                ("from_id", Some(from.to_string())),
                ("branch", Some(branch.clone())),
                ("diff_stat", Some(rest.to_owned())),
            ];
            Shown::new("review_request", data, text)
        }
        About::GitStatus {
            branch,
            commit,
            changed,
        } => {
            let files = if rest.is_empty() {
                String::new()
            } else {
                format!("\n{rest}")
            };
            let text = format!(
                "📊 Git Status from {from}\nBranch: {branch}\nLast commit: {commit}\nUncommitted changes: {changed}{files}"
            );
            let data = [
                ("from_id", Some(from.to_string())),
                ("branch", Some(branch.clone())),
                ("last_commit", Some(commit.clone())),
                ("uncommitted_changes", Some(changed.to_string())),
            ];
            Shown::new("sync_status", data, text)
        }
        _ => return None,
    })
}

/// As they write it.
pub(super) const fn priority_name(priority: Priority) -> &'static str {
    match priority {
        Priority::Info => "info",
        Priority::Warning => "warning",
        Priority::Critical => "critical",
    }
}
