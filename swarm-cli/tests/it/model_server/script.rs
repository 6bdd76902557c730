//! Whose turn it is.

use std::collections::VecDeque;

use axum::{body::Body, http::Response};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{
    request::Request,
    stream,
    turn::{Answer, Repeat, Turn},
};

/// What is still to be said, and what was asked.
pub(super) struct Script {
    turns: VecDeque<Turn>,
    /// How often the first of them was played.
    played: usize,
    pub(super) requests: Vec<Request>,
    /// Whether connections may be lost by now.
    pub(super) cuts: watch::Sender<bool>,
    complaints: Vec<String>,
}

impl Script {
    pub(super) fn new(turns: impl IntoIterator<Item = Turn>) -> Self {
        Self {
            turns: turns.into_iter().collect(),
            played: 0,
            requests: Vec::new(),
            cuts: watch::Sender::new(false),
            complaints: Vec::new(),
        }
    }

    /// Answers a request.
    pub(super) fn play(&mut self, request: &Request) -> Response<Body> {
        let number = self.requests.len() + 1;
        self.requests.push(request.clone());
        let what = format!("request {number}, {} {}", request.method, request.path);
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/v1/messages") => {
                self.check(&what, request);
                match self.next() {
                    Some(turn) => respond(&turn, request, number, self.cuts.subscribe()),
                    None => self.refuse(400, format!("{what}: the script is at its end")),
                }
            }
            ("POST", "/v1/messages/count_tokens") => {
                self.check(&what, request);
                let length = request.body.to_string().len();
                json_response(200, &json!({"input_tokens": length / 4}), &[])
            }
            _ => self.refuse(404, format!("{what}: nobody expected that")),
        }
    }

    fn check(&mut self, what: &str, request: &Request) {
        for problem in request.problems() {
            self.complaints.push(format!("{what}: {problem}"));
        }
    }

    fn refuse(&mut self, status: u16, complaint: String) -> Response<Body> {
        let error = json!({"type": "invalid_request_error", "message": complaint});
        self.complaints.push(complaint);
        json_response(status, &json!({"type": "error", "error": error}), &[])
    }

    fn next(&mut self) -> Option<Turn> {
        let turn = self.turns.front()?.clone();
        self.played += 1;
        if turn.repeat == Repeat::Times(self.played) {
            self.turns.pop_front();
            self.played = 0;
        }
        Some(turn)
    }

    /// What was not as written. It is over after that.
    pub(super) fn take_complaints(&mut self) -> Vec<String> {
        let mut complaints = std::mem::take(&mut self.complaints);
        if self.played > 0
            && self
                .turns
                .front()
                .is_some_and(|turn| turn.repeat == Repeat::ForEver)
        {
            self.turns.pop_front();
        }
        if !self.turns.is_empty() {
            complaints.push(format!(
                "after {} requests, {} turns were not played",
                self.requests.len(),
                self.turns.len()
            ));
        }
        self.turns.clear();
        complaints
    }
}

fn respond(
    turn: &Turn,
    request: &Request,
    number: usize,
    cuts: watch::Receiver<bool>,
) -> Response<Body> {
    let headers = &turn.headers;
    match &turn.answer {
        Answer::Error { status, body } => json_response(*status, body, headers),
        Answer::Message(message) if request.is_streamed() => {
            let steps = stream::steps(message, request.model(), number);
            response(200, "text/event-stream", headers, stream::body(steps, cuts))
        }
        Answer::Message(message) => match stream::whole(message, request.model(), number) {
            Some(message) => json_response(200, &message, headers),
            // There is no middle in which it could be lost.
            None => {
                let error = json!({"type": "overloaded_error", "message": "Overloaded"});
                json_response(529, &json!({"type": "error", "error": error}), headers)
            }
        },
    }
}

fn json_response(status: u16, body: &Value, headers: &[(&'static str, String)]) -> Response<Body> {
    let body = Body::from(body.to_string());
    response(status, "application/json", headers, body)
}

fn response(
    status: u16,
    content_type: &str,
    headers: &[(&'static str, String)],
    body: Body,
) -> Response<Body> {
    let mut response = Response::builder()
        .status(status)
        .header("content-type", content_type);
    for (name, value) in headers {
        response = response.header(*name, value);
    }
    response.body(body).unwrap()
}
