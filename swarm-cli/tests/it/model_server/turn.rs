//! What the model says when it is its turn.

use std::time::Duration;

use serde_json::{Value, json};

/// One answer.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    pub(super) answer: Answer,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) repeat: Repeat,
}

#[derive(Clone, Debug)]
pub(super) enum Answer {
    Message(Message),
    /// An HTTP error.
    Error {
        status: u16,
        body: Value,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) blocks: Vec<Value>,
    pub(super) usage: Usage,
    /// What the usage of a tool call or an answer says, if nothing else.
    pub(super) stop_reason: Option<&'static str>,
    /// Between the pieces of a stream.
    pub(super) pause: Duration,
    pub(super) ending: Ending,
}

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Whole,
    /// Everything but the end comes, and then signs of life for as long as somebody listens.
    Held,
    /// The connection is lost in the middle.
    Cut,
    /// An event tells of an error.
    Error {
        kind: &'static str,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    Times(usize),
    /// Once at least.
    ForEver,
}

/// What a request cost, in tokens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) cache_read: u64,
    pub(crate) cache_write: u64,
}

impl Default for Usage {
    fn default() -> Self {
        Self {
            input: 100,
            output: 20,
            cache_read: 0,
            cache_write: 0,
        }
    }
}

impl Turn {
    fn message(blocks: Vec<Value>) -> Self {
        Self {
            answer: Answer::Message(Message {
                blocks,
                usage: Usage::default(),
                stop_reason: None,
                pause: Duration::ZERO,
                ending: Ending::Whole,
            }),
            headers: Vec::new(),
            repeat: Repeat::Times(1),
        }
    }

    /// It says something.
    pub(crate) fn text(text: &str) -> Self {
        Self::message(vec![json!({"type": "text", "text": text})])
    }

    /// It calls a tool.
    pub(crate) fn tool(name: &str, input: &Value) -> Self {
        Self::message(Vec::new()).and_tool(name, input)
    }

    /// It thinks. What follows comes after that.
    pub(crate) fn thinking(text: &str) -> Self {
        Self::message(vec![json!({"type": "thinking", "thinking": text})])
    }

    /// It refuses.
    pub(crate) fn error(status: u16, kind: &str, message: &str) -> Self {
        let body = json!({"type": "error", "error": {"type": kind, "message": message}});
        Self {
            answer: Answer::Error { status, body },
            headers: Vec::new(),
            repeat: Repeat::Times(1),
        }
    }

    /// And says something in the same breath.
    pub(crate) fn and_text(self, text: &str) -> Self {
        self.with(|message| message.blocks.push(json!({"type": "text", "text": text})))
    }

    /// And calls a tool in the same breath.
    pub(crate) fn and_tool(self, name: &str, input: &Value) -> Self {
        self.with(|message| {
            let call = json!({"type": "tool_use", "name": name, "input": input});
            message.blocks.push(call);
        })
    }

    pub(crate) fn usage(self, usage: Usage) -> Self {
        self.with(|message| message.usage = usage)
    }

    /// Why it stops, if that is not the end of its turn and not a tool.
    pub(crate) fn stop_reason(self, reason: &'static str) -> Self {
        self.with(|message| message.stop_reason = Some(reason))
    }

    /// Waits this long before each piece.
    pub(crate) fn slowly(self, pause: Duration) -> Self {
        self.with(|message| message.pause = pause)
    }

    /// Never comes to its end.
    pub(crate) fn held(self) -> Self {
        self.with(|message| message.ending = Ending::Held)
    }

    /// Loses the connection in the middle, once the server is told to [cut](super::ModelServer::cut).
    pub(crate) fn cut(self) -> Self {
        self.with(|message| message.ending = Ending::Cut)
    }

    /// Tells of an error in the middle.
    pub(crate) fn broken(self, kind: &'static str) -> Self {
        self.with(|message| message.ending = Ending::Error { kind })
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The same this often.
    pub(crate) fn times(mut self, times: usize) -> Self {
        self.repeat = Repeat::Times(times);
        self
    }

    /// The same from here on, once at least.
    pub(crate) fn for_ever(mut self) -> Self {
        self.repeat = Repeat::ForEver;
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Message)) -> Self {
        let Answer::Message(message) = &mut self.answer else {
            panic!("an error says nothing else");
        };
        change(message);
        self
    }
}
