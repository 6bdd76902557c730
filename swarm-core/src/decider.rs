//! State that changes only by events, and the rules for which events there may be.

use crate::time::Timestamp;

/// A part of the domain of which every change is decided, then recorded, then applied.
///
/// Both functions are pure: no clock, no I/O, no randomness. So a state can be had again from its events, and a decision can be
/// tested without anything around it. What a decision needs of the world is in the command.
pub trait Decider {
    /// What is known.
    type State: Default;
    /// What somebody asks for.
    type Command;
    /// What happened.
    type Event;
    /// Why not.
    type Rejection;

    /// Which events `command` leads to, in this order; none if it changes nothing.
    ///
    /// # Errors
    ///
    /// If the command is not acceptable in this state. Nothing has happened then.
    fn decide(
        &self,
        state: &Self::State,
        command: &Self::Command,
        now: Timestamp,
    ) -> Result<Vec<Self::Event>, Self::Rejection>;

    /// Makes `state` what it is after `event`. It cannot fail: the event has happened. It depends on nothing that may be configured.
    fn evolve(state: &mut Self::State, event: &Self::Event, at: Timestamp);
}
