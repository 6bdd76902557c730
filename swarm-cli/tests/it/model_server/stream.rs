//! A message, piece by piece.

use std::{
    collections::VecDeque,
    io::{Error, ErrorKind},
    time::Duration,
};

use axum::body::Body;
use futures_util::stream::unfold;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::turn::{Ending, Message, Usage};

/// How long a piece is, in characters.
const PIECE: usize = 24;
/// How often a stream that is held gives a sign of life.
const HEARTBEAT: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) enum Step {
    Send(&'static str, Value),
    Wait(Duration),
    Hold,
    Cut,
}

/// The message as one piece, if it has an end.
pub(super) fn whole(message: &Message, model: &str, number: usize) -> Option<Value> {
    if message.ending != Ending::Whole {
        return None;
    }
    let mut whole = head(message, model, number);
    whole["content"] = blocks(message, number);
    whole["stop_reason"] = json!(stop_reason(message));
    whole["usage"] = usage(message.usage);
    Some(whole)
}

pub(super) fn steps(message: &Message, model: &str, number: usize) -> Vec<Step> {
    let mut steps = vec![
        Step::Send(
            "message_start",
            json!({"type": "message_start", "message": head(message, model, number)}),
        ),
        Step::Send("ping", json!({"type": "ping"})),
    ];
    let blocks = blocks(message, number);
    for (index, block) in blocks.as_array().into_iter().flatten().enumerate() {
        let (start, deltas) = pieces(block);
        let start = json!({"type": "content_block_start", "index": index, "content_block": start});
        steps.push(Step::Send("content_block_start", start));
        for delta in deltas {
            if !message.pause.is_zero() {
                steps.push(Step::Wait(message.pause));
            }
            let delta = json!({"type": "content_block_delta", "index": index, "delta": delta});
            steps.push(Step::Send("content_block_delta", delta));
        }
        if message.ending == Ending::Whole {
            let stop = json!({"type": "content_block_stop", "index": index});
            steps.push(Step::Send("content_block_stop", stop));
        }
    }
    steps.extend(ending(message));
    steps
}

fn ending(message: &Message) -> Vec<Step> {
    let usage = json!({
        "type": "message_delta",
        "delta": {"stop_reason": stop_reason(message), "stop_sequence": null},
        "usage": usage(message.usage),
    });
    match message.ending {
        Ending::Whole => vec![
            Step::Send("message_delta", usage),
            Step::Send("message_stop", json!({"type": "message_stop"})),
        ],
        Ending::Held => vec![Step::Hold],
        Ending::Cut => vec![Step::Cut],
        Ending::Error { kind } => {
            let error = json!({"type": kind, "message": "it broke in the middle"});
            vec![Step::Send(
                "error",
                json!({"type": "error", "error": error}),
            )]
        }
    }
}

/// Before anything is said, little is known of what it costs.
fn head(message: &Message, model: &str, number: usize) -> Value {
    let at_first = Usage {
        output: 1,
        ..message.usage
    };
    json!({
        "id": format!("msg_{number:04}"), "type": "message", "role": "assistant", "model": model, "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": usage(at_first),
    })
}

fn usage(usage: Usage) -> Value {
    json!({
        "input_tokens": usage.input, "output_tokens": usage.output,
        "cache_read_input_tokens": usage.cache_read, "cache_creation_input_tokens": usage.cache_write,
    })
}

fn stop_reason(message: &Message) -> &str {
    let calls = message
        .blocks
        .iter()
        .any(|block| block["type"] == "tool_use");
    let usual = if calls { "tool_use" } else { "end_turn" };
    message.stop_reason.unwrap_or(usual)
}

/// Each call has an id that no other has.
fn blocks(message: &Message, number: usize) -> Value {
    let blocks = message.blocks.iter().enumerate().map(|(index, block)| {
        let mut block = block.clone();
        match block["type"].as_str() {
            Some("tool_use") => block["id"] = json!(format!("toolu_{number:04}_{index}")),
            Some("thinking") => block["signature"] = json!("c2lnbmVk"),
            _ => {}
        }
        block
    });
    blocks.collect()
}

/// The empty block, and what fills it.
fn pieces(block: &Value) -> (Value, Vec<Value>) {
    let mut start = block.clone();
    let text = |name: &str| cut(block[name].as_str().unwrap_or_default());
    let deltas = match block["type"].as_str() {
        Some("tool_use") => {
            start["input"] = json!({});
            let input = block["input"].to_string();
            let delta = |part| json!({"type": "input_json_delta", "partial_json": part});
            cut(&input).into_iter().map(delta).collect()
        }
        Some("thinking") => {
            start["thinking"] = json!("");
            start["signature"] = json!("");
            let delta = |part| json!({"type": "thinking_delta", "thinking": part});
            let signed = json!({"type": "signature_delta", "signature": block["signature"]});
            text("thinking")
                .into_iter()
                .map(delta)
                .chain([signed])
                .collect()
        }
        _ => {
            start["text"] = json!("");
            let delta = |part| json!({"type": "text_delta", "text": part});
            text("text").into_iter().map(delta).collect()
        }
    };
    (start, deltas)
}

fn cut(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let pieces = characters.chunks(PIECE);
    pieces.map(|piece| piece.iter().collect()).collect()
}

/// Sends one step after the other. A connection is lost once `cuts` says so.
pub(super) fn body(steps: Vec<Step>, cuts: watch::Receiver<bool>) -> Body {
    let stream = unfold(
        (VecDeque::from(steps), cuts),
        async |(mut steps, mut cuts)| {
            loop {
                let sent = match steps.pop_front()? {
                    Step::Wait(pause) => {
                        tokio::time::sleep(pause).await;
                        continue;
                    }
                    Step::Hold => {
                        tokio::time::sleep(HEARTBEAT).await;
                        steps.push_front(Step::Hold);
                        Ok(event("ping", &json!({"type": "ping"})))
                    }
                    Step::Send(name, data) => Ok(event(name, &data)),
                    Step::Cut => {
                        // What is not sent yet would be lost, too: to wait has it sent.
                        tokio::task::yield_now().await;
                        // Nobody is left to cut it if this fails.
                        drop(cuts.wait_for(|may| *may).await);
                        Err(Error::from(ErrorKind::ConnectionReset))
                    }
                };
                return Some((sent, (steps, cuts)));
            }
        },
    );
    Body::from_stream(stream)
}

fn event(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}
