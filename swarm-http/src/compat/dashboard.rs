//! A page that shows who is here. It has no script, and nothing that a peer has said can become one.

use std::fmt::Write as _;

use axum::{
    http::header,
    response::{IntoResponse as _, Response},
};
use serde_json::Value;
use swarm_peers::task::TaskState;

use super::{Compat, answer::Refusal, peers};

const HEAD: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"5\">\
<title>Claude Swarm Dashboard</title><style>body{background:#111;color:#ddd;font:14px system-ui;margin:2em}\
table{border-collapse:collapse}td,th{border:1px solid #444;padding:.3em .6em;text-align:left}</style></head><body>\
<h1>Claude Swarm Dashboard</h1>";

pub(super) async fn show(compat: &Compat) -> Response {
    match page(compat).await {
        Ok(page) => {
            let headers = [
                (header::CONTENT_TYPE, "text/html; charset=utf-8"),
                (
                    header::CONTENT_SECURITY_POLICY,
                    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
                ),
                (header::X_FRAME_OPTIONS, "DENY"),
            ];
            (headers, page).into_response()
        }
        Err(refusal) => refusal.response(),
    }
}

async fn page(compat: &Compat) -> Result<String, Refusal> {
    let rows = peers::rows(compat, |_| true).await?;
    let counts = compat.app.ask(|state| {
        let pending = state.tasks();
        let pending = pending.filter(|task| task.state == TaskState::Pending);
        let open = state.alerts();
        let open = open.filter(|alert| alert.to.iter().any(|to| !alert.acknowledged.contains(to)));
        [
            ("Messages", state.hours().iter().sum()),
            ("Pending tasks", pending.count() as u64),
            ("Snippets", state.snippets().count() as u64),
            ("Open alerts", open.count() as u64),
            ("Pins", state.pins().count() as u64),
            ("Files", state.files().count() as u64),
        ]
    });
    let mut page = HEAD.to_owned();
    // Writing to a text cannot fail.
    let _ = write!(page, "<p>Peers: {}", rows.len());
    for (what, count) in counts.await? {
        let _ = write!(page, " · {what}: {count}");
    }
    page.push_str("</p><table><tr><th>Peer</th><th>Status</th><th>Folder</th><th>Summary</th><th>Tags</th><th>Last seen</th></tr>");
    for row in rows {
        page.push_str("<tr>");
        for column in ["id", "status", "cwd", "summary", "tags", "last_seen"] {
            let text = row.get(column).and_then(Value::as_str).unwrap_or_default();
            let _ = write!(page, "<td>{}</td>", escaped(text));
        }
        page.push_str("</tr>");
    }
    page.push_str("</table></body></html>");
    Ok(page)
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}
