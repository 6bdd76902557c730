//! What an exploration has met, so that it cannot pass by meeting nothing.

/// How much of what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Census {
    /// Different situations.
    pub(super) states: usize,
    /// Things that happened in them.
    pub(super) steps: usize,
    /// The most that must happen until everything is delivered, if everybody does what it should.
    pub(super) longest_way: usize,
    /// A message was handed to a program that had it in hand.
    pub(super) handed_again: usize,
    /// A message was about to be shown to a session that knew it.
    pub(super) repeats_dropped: usize,
    /// A confirmation came that said nothing new.
    pub(super) heard_already: usize,
    /// States with dead letters.
    pub(super) with_dead_letters: usize,
    /// States in which somebody is not known any more.
    pub(super) with_forgotten: usize,
}
