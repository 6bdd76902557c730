//! The way from the root of a plan to one agent.

use std::sync::Arc;

use super::Cursor;
use crate::{hash, ids::AgentId};

/// Names longer than this are shortened; leaves room for what runtimes put before and after.
const MAX_ID: usize = 100;

/// Numbers for the machine, words for people; grown and shrunk while the tree is walked.
#[derive(Debug, Default)]
pub(super) struct Path {
    numbers: Vec<u32>,
    words: Vec<Option<Word>>,
}

/// What one step of the way is called.
#[derive(Clone, Debug)]
pub(super) enum Word {
    /// `agent-0`, from 0
    Agent(u32),
    /// `stage-0`, from 0
    Stage(u32),
    /// `attempt-1`, from 1
    Attempt(u32),
    /// What a reducer brings together.
    Body,
    /// What brings it together.
    Reducer,
    /// `score-0`, from 0: who judges by a criterion, or by a program
    Score(u32),
    /// `validator-0`, from 0: who judges by a type
    Validator(u32),
    /// `iter-1`, from 1
    Iteration(u32),
    /// Something that goes by a name, such as a step.
    Named(Arc<str>),
    /// `2`: a step that is entered again
    Again(u32),
    /// A fixed word.
    Fixed(&'static str),
}

impl Path {
    /// Does `work` one step further down; a step without a word does not show in names.
    pub(super) fn at<T>(
        &mut self,
        number: u32,
        word: Option<Word>,
        work: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.numbers.push(number);
        self.words.push(word);
        let done = work(self);
        self.numbers.pop();
        self.words.pop();
        done
    }

    pub(super) fn cursor(&self) -> Cursor {
        Cursor(self.numbers.clone())
    }

    /// The name of the agent here, such as `stage-1.agent-0`. Different for every place in a plan.
    pub(super) fn agent(&self) -> AgentId {
        let words: Vec<String> = self.words.iter().flatten().map(Word::text).collect();
        if words.is_empty() {
            return AgentId::from_checked("agent-0".to_owned());
        }
        let mut name = words.join(".");
        if name.len() > MAX_ID {
            let mut digest = hash::hex(name.as_bytes());
            digest.truncate(12);
            name.truncate(MAX_ID - 13);
            name = format!("{}-{digest}", name.trim_end_matches('.'));
        }
        AgentId::from_checked(name)
    }
}

impl Word {
    fn text(&self) -> String {
        match self {
            Self::Agent(i) => format!("agent-{i}"),
            Self::Stage(i) => format!("stage-{i}"),
            Self::Attempt(n) => format!("attempt-{n}"),
            Self::Body => "body".to_owned(),
            Self::Reducer => "reducer".to_owned(),
            Self::Score(i) => format!("score-{i}"),
            Self::Validator(i) => format!("validator-{i}"),
            Self::Iteration(n) => format!("iter-{n}"),
            Self::Named(name) => name.to_string(),
            Self::Again(n) => n.to_string(),
            Self::Fixed(word) => (*word).to_owned(),
        }
    }
}

/// An index as a cursor has it. No plan has four billion branches.
pub(super) fn number(i: usize) -> u32 {
    u32::try_from(i).unwrap_or(u32::MAX)
}

/// A number of a cursor as an index.
pub(super) fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
