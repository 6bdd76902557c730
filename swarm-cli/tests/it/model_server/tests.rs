//! The model itself, asked without an agent.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use serde_json::{Value, json};

use super::{ModelServer, Turn};

fn question() -> Value {
    json!({"model": "m", "max_tokens": 10, "stream": true, "messages": [{"role": "user", "content": "Hello?"}]})
}

/// Asks, and reads until the connection ends, however it ends.
fn ask(model: &ModelServer, path: &str, body: &Value) -> String {
    let mut connection = TcpStream::connect(model.address).unwrap();
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: model\r\nconnection: close\r\nx-api-key: k\r\n\
         anthropic-version: 2023-06-01\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    drop(connection.read_to_end(&mut answer));
    String::from_utf8(answer).unwrap()
}

/// What a model says to what was not as written.
fn complaint(mut model: ModelServer) -> String {
    model.end().concat()
}

#[test]
fn turns_are_played_in_their_order() {
    let refusal = Turn::error(529, "overloaded_error", "Busy.");
    let model = ModelServer::start([
        Turn::text("First.").times(2),
        refusal.header("retry-after", "7"),
        Turn::thinking("Hm.")
            .and_text("So.")
            .and_tool("Read", &json!({"file_path": "/a"})),
    ]);
    for _ in 0..2 {
        let answer = ask(&model, "/v1/messages?beta=true", &question());
        assert!(answer.contains("text/event-stream"), "{answer}");
        assert!(answer.contains(r#""text":"First.""#), "{answer}");
        assert!(answer.contains("event: message_stop"), "{answer}");
    }
    let refusal = ask(&model, "/v1/messages", &question());
    assert!(refusal.starts_with("HTTP/1.1 529"), "{refusal}");
    assert!(refusal.contains("retry-after: 7"), "{refusal}");
    let mut plain = question();
    plain["stream"] = json!(false);
    let answer = ask(&model, "/v1/messages", &plain);
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["stop_reason"], "tool_use");
    let kinds = body["content"].as_array().unwrap().iter();
    let kinds: Vec<_> = kinds.map(|block| &block["type"]).collect();
    assert_eq!(kinds, ["thinking", "text", "tool_use"]);
    assert_eq!(model.requests().len(), 4);
    assert_eq!(model.requests()[0].said(), "Hello?");
}

#[test]
fn a_stream_that_is_cut_has_no_end() {
    let model = ModelServer::start([Turn::text("Half a").cut()]);
    model.cut();
    let answer = ask(&model, "/v1/messages", &question());
    assert!(answer.contains("Half a"), "{answer}");
    assert!(!answer.contains("message_stop"), "{answer}");
    assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
}

#[test]
fn a_turn_that_nobody_asks_for_is_a_failure() {
    let model = ModelServer::start([Turn::text("Hello.")]);
    let complaint = complaint(model);
    assert!(complaint.contains("1 turns were not played"), "{complaint}");
}

#[test]
fn a_request_after_the_last_turn_is_a_failure() {
    let model = ModelServer::start([]);
    assert!(ask(&model, "/v1/messages", &question()).starts_with("HTTP/1.1 400"));
    let complaint = complaint(model);
    assert!(complaint.contains("at its end"), "{complaint}");
}

#[test]
fn a_request_for_anything_else_is_a_failure() {
    let model = ModelServer::start([]);
    assert!(ask(&model, "/api/hello", &question()).starts_with("HTTP/1.1 404"));
    let complaint = complaint(model);
    assert!(complaint.contains("nobody expected that"), "{complaint}");
}

#[test]
fn what_the_real_api_refuses_is_a_failure() {
    for (field, value, problem) in [
        ("model", json!(null), "no model"),
        ("max_tokens", json!(0), "no max_tokens"),
        ("messages", json!([]), "no messages"),
        (
            "messages",
            json!([{"role": "assistant", "content": [{"type": "tool_use", "id": "t1"}]}]),
            "t1 was never answered",
        ),
    ] {
        let model = ModelServer::start([Turn::text("Hello.").for_ever()]);
        let mut question = question();
        question[field] = value;
        drop(ask(&model, "/v1/messages", &question));
        let complaint = complaint(model);
        assert!(complaint.contains(problem), "{complaint}");
    }
}
