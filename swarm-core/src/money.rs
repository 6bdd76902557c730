//! Money in whole micro-dollars, so that sums do not drift.

use std::{fmt, iter::Sum, ops::Add, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::error_code::{Coded, ErrorCode};

const MICROS: f64 = 1_000_000.0;
/// One billion dollars. Below it a dollar amount with six decimals is exact in a JSON number.
const MAX_MICROS: u64 = 1_000_000_000_000_000;

/// An amount of US dollars, from zero to one billion; written as a number of dollars.
///
/// ```
/// use swarm_core::money::Usd;
/// let price: Usd = "0.25".parse()?;
/// assert_eq!((price + price).to_string(), "$0.5000");
/// # Ok::<(), swarm_core::money::InvalidAmount>(())
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "f64", into = "f64")]
pub struct Usd(u64);

/// A number that is no amount of money.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0} is not an amount in dollars; give a number from 0 to 1000000000, such as 2.50")]
pub struct InvalidAmount(String);

impl Coded for InvalidAmount {
    fn code(&self) -> ErrorCode {
        ErrorCode::InvalidInput
    }
}

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// This many millionths of a dollar; more than a billion dollars is cut to that.
    pub const fn from_micros(micros: u64) -> Self {
        Self(if micros > MAX_MICROS {
            MAX_MICROS
        } else {
            micros
        })
    }

    /// The amount in millionths of a dollar.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// What is left after `other` is taken away; nothing if `other` is more.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add for Usd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::from_micros(self.0.saturating_add(other.0))
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl Usd {
    /// An amount that somebody told, or the largest that there is if it is more; `None` if it is less than nothing, or no number.
    pub(crate) fn at_most(dollars: f64) -> Option<Self> {
        if dollars > 0.0 {
            Some(Self::try_from(dollars).unwrap_or(Self(MAX_MICROS)))
        } else {
            Self::try_from(dollars).ok()
        }
    }
}

impl TryFrom<f64> for Usd {
    type Error = InvalidAmount;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "the range is checked first, and the largest amount is exact in an f64"
    )]
    fn try_from(dollars: f64) -> Result<Self, InvalidAmount> {
        let micros = (dollars * MICROS).round();
        // Less than the least there is still is not nothing.
        let micros = if dollars > 0.0 {
            micros.max(1.0)
        } else {
            micros
        };
        if micros.is_finite() && (0.0..=MAX_MICROS as f64).contains(&micros) {
            Ok(Self(micros as u64))
        } else {
            Err(InvalidAmount(dollars.to_string()))
        }
    }
}

impl From<Usd> for f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "the largest amount is exact in an f64"
    )]
    fn from(amount: Usd) -> Self {
        amount.0 as Self / MICROS
    }
}

impl FromStr for Usd {
    type Err = InvalidAmount;
    fn from_str(text: &str) -> Result<Self, InvalidAmount> {
        let dollars: f64 = text
            .trim_start_matches('$')
            .parse()
            .map_err(|_| InvalidAmount(text.to_owned()))?;
        Self::try_from(dollars).map_err(|_| InvalidAmount(text.to_owned()))
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // All that there is, so that an amount never reads as nothing, and four digits at least.
        let (dollars, micros) = (self.0 / 1_000_000, self.0 % 1_000_000);
        let digits = format!("{micros:06}");
        let (first, last) = digits.split_at(4);
        write!(f, "${dollars}.{first}{}", last.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["-1", "NaN", "inf", "1e10", "two", ""] {
            assert!(text.parse::<Usd>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn an_amount_is_shown_as_it_is() {
        for (text, shown) in [
            ("0", "$0.0000"),
            ("0.000001", "$0.000001"),
            ("0.00000001", "$0.000001"),
            ("0.00002", "$0.00002"),
            ("0.0001", "$0.0001"),
            ("12.3", "$12.3000"),
            ("12.34567", "$12.34567"),
            ("1000000000", "$1000000000.0000"),
        ] {
            assert_eq!(text.parse::<Usd>().unwrap().to_string(), shown);
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_the_amount(micros in 0..=MAX_MICROS) {
            let amount = Usd::from_micros(micros);
            prop_assert_eq!(amount.to_string().parse::<Usd>().unwrap(), amount);
        }

        #[test]
        fn an_amount_survives_json(micros in 0..=MAX_MICROS) {
            let amount = Usd::from_micros(micros);
            let json = serde_json::to_string(&amount).unwrap();
            prop_assert_eq!(serde_json::from_str::<Usd>(&json).unwrap(), amount);
        }
    }
}
