//! Numbers of things of which there must be some.

use std::{
    num::{IntErrorKind, ParseIntError},
    str::FromStr,
};

/// Reads a number that is at least 1: `N` is one of the `NonZero` types.
pub(crate) fn at_least_one<N: FromStr<Err = ParseIntError>>(text: &str) -> Result<N, &'static str> {
    text.parse()
        .map_err(|error: ParseIntError| match error.kind() {
            IntErrorKind::PosOverflow => "it is too large",
            IntErrorKind::Zero => "it must be at least 1",
            _ => "it must be a whole number, at least 1",
        })
}
