//! What clients can ask for.

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use crate::{App, Caller, Failure};

/// Something that a client can ask for. The type is the request.
pub trait Operation: Serialize + DeserializeOwned + JsonSchema + Send + 'static {
    /// Its path below `/v1/`: a noun and a verb, which are those of the command line as well.
    const NAME: &'static str;
    /// What it does, in one line.
    const SUMMARY: &'static str;
    /// Whether it changes anything.
    const KIND: Kind;
    /// Who may ask.
    const WHO: Who;
    /// The largest request, in bytes. By default: a file of the largest size in base64, and what is around it.
    const MAX_BODY: usize = 2 * 1024 * 1024;
    /// What comes back.
    type Answer: Serialize + DeserializeOwned + JsonSchema + Send + 'static;
}

/// Whether an operation changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only reads: a GET, with the request in the query.
    Question,
    /// It changes something: a POST, with the request as JSON.
    Command,
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Who has the token of the home, or the credential of a peer.
    Anybody,
    /// Who has the token of the home.
    Owner,
}

/// How an operation is done.
pub(crate) trait Perform: Operation {
    /// Does it for `by`, who may ask for it.
    fn perform(
        self,
        app: &App,
        by: Caller,
    ) -> impl Future<Output = Result<Self::Answer, Failure>> + Send;
}
