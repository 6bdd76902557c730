//! What holds for a node because of where it is.

use std::sync::Arc;

use super::{Item, Scope, ScopeLimits, path::Path};
use crate::prompt::Context;

/// Handed down while the tree is walked.
#[derive(Clone, Debug, Default)]
pub(super) struct Around {
    /// What every agent below is told.
    pub(super) context: Vec<Context>,
    pub(super) item: Option<Item>,
    pub(super) scope: Option<Arc<Scope>>,
    pub(super) shared: bool,
    /// Which of several that are asked the same.
    pub(super) alternative: Vec<u32>,
}

impl Around {
    /// The same with another context.
    pub(super) fn telling(&self, context: Vec<Context>) -> Self {
        Self {
            context,
            ..self.clone()
        }
    }

    /// The same with `more` at the end of the context.
    pub(super) fn adding(&self, more: Context) -> Self {
        let mut around = self.clone();
        around.context.push(more);
        around
    }

    /// The same within `limits`.
    pub(super) fn within(&self, path: &Path, limits: &ScopeLimits) -> Self {
        if limits.is_empty() {
            return self.clone();
        }
        Self {
            scope: Some(Arc::new(Scope {
                at: path.cursor(),
                limits: limits.clone(),
                outer: self.scope.clone(),
            })),
            ..self.clone()
        }
    }
}
