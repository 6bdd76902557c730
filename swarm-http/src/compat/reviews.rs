//! Work trees of others. Their brokers run git in a folder that a caller names, which runs what that folder says; here nothing is run.

use serde_json::json;
use swarm_peers::post;

use super::{
    Compat,
    answer::{Answer, or_not_ok},
    fields::Fields,
};

/// Asks for a review of what is in a folder. What that is, the reviewer sees there.
pub(super) async fn request(compat: &Compat, fields: &Fields) -> Answer {
    let from = fields.text("from_id", "messages.from_id")?;
    let to = fields.maybe("to_id")?.unwrap_or_default();
    let cwd = fields.text("cwd", "messages.cwd")?;
    let answer = async {
        let me = compat.caller(&from).await?;
        let request = post::Request::Review {
            of: to.clone(),
            branch: "not known".to_owned(),
            changes: format!("(git was not asked here) the changes are in {cwd}"),
        };
        compat.app.command(&me, request, |_, _| ()).await?;
        Ok(json!({"ok": true}))
    };
    or_not_ok(answer.await, &to, compat.rate())
}

/// There is nothing to tell: git is not asked.
pub(super) async fn sync_status(compat: &Compat, fields: &Fields) -> Answer {
    let from = fields.text("from_id", "messages.from_id")?;
    compat.caller(&from).await?;
    Ok(json!({
        "ok": false,
        "count": 0,
        "error": "the broker runs no git in the folders of others: `swarm sync-status` does it in its own",
    }))
}
