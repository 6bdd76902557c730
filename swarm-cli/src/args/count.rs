//! Numbers of things of which there must be some.

use std::{
    num::{IntErrorKind, ParseIntError},
    str::FromStr,
};

/// Reads a number that is at least 1: `N` is one of the `NonZero` types without a sign.
pub(crate) fn at_least_one<N: FromStr<Err = ParseIntError>>(text: &str) -> Result<N, String> {
    text.parse()
        .map_err(|error: ParseIntError| match error.kind() {
            IntErrorKind::PosOverflow => {
                let most = u128::MAX >> (128 - 8 * size_of::<N>());
                format!("it must be at most {most}")
            }
            IntErrorKind::Zero => "it must be at least 1".to_owned(),
            _ => "it must be a whole number, at least 1".to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use std::num::{NonZeroU8, NonZeroU32, NonZeroU64};

    use super::*;

    #[test]
    fn a_number_that_is_too_large_is_told_the_largest_one() {
        let error = |text| at_least_one::<NonZeroU32>(text).unwrap_err();
        assert_eq!(error("4294967296"), "it must be at most 4294967295");
        assert_eq!(error("0"), "it must be at least 1");
        assert_eq!(error("-1"), "it must be a whole number, at least 1");
        assert_eq!(at_least_one("255"), Ok(NonZeroU8::MAX));
        let most = at_least_one::<NonZeroU64>("99999999999999999999").unwrap_err();
        assert_eq!(most, "it must be at most 18446744073709551615");
    }
}
