//! What an agent leaves behind that has ended, until its result is kept.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::{BoxFuture, join_all};

/// Something that can tell what an agent did, such as its container.
pub trait Leftover: Send {
    /// Removes it. What cannot be removed now is removed later.
    fn clear(self: Box<Self>) -> BoxFuture<'static, ()>;
    /// Leaves it where it is, for whoever resumes the run.
    fn leave(self: Box<Self>);
}

/// Takes what an agent leaves behind, for whoever keeps its result: as long as that is not done, a process that dies can find
/// the end of the agent there, and need not run it again. Dropping it must remove everything, now or later.
#[derive(Clone, Default)]
pub struct Leftovers(Arc<Mutex<Vec<Box<dyn Leftover>>>>);

impl fmt::Debug for Leftovers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leftovers").finish_non_exhaustive()
    }
}

impl Leftovers {
    /// Takes one more.
    pub fn add(&self, leftover: impl Leftover + 'static) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(Box::new(leftover));
    }

    /// Removes all of it: the result is kept, or nobody wants it.
    pub async fn clear(&self) {
        let all = self.take();
        drop(join_all(all.into_iter().map(Leftover::clear)).await);
    }

    /// Leaves all of it for whoever resumes the run.
    pub fn leave(&self) {
        self.take().into_iter().for_each(Leftover::leave);
    }

    fn take(&self) -> Vec<Box<dyn Leftover>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *all)
    }
}
