//! Limits of a part of a plan.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::Cursor;
use crate::{money::Usd, refs::Classification, time::seconds};

/// What holds for a part of a plan, besides what holds for the whole run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeLimits {
    /// What its agents may spend together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Usd>,
    /// How long it may take, from the start of its first agent.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "seconds::option"
    )]
    pub wall_time: Option<Duration>,
    /// How sensitive its results are at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classification: Option<Classification>,
}

impl ScopeLimits {
    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A part of a plan that has limits of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The root of the part.
    pub at: Cursor,
    /// Its limits.
    pub limits: ScopeLimits,
    /// The part around it that has limits, if there is one.
    pub outer: Option<Arc<Self>>,
}

impl Scope {
    /// This one and those around it.
    pub fn outwards(this: Option<&Arc<Self>>) -> impl Iterator<Item = &Arc<Self>> {
        std::iter::successors(this, |scope| scope.outer.as_ref())
    }
}
