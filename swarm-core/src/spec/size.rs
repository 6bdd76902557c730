//! Amounts of memory and processor time.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::SpecError;

/// A number of bytes; written as a number or as `512m`, `2g`, `1.5GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

impl ByteSize {
    /// This many bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = SpecError;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked first"
    )]
    fn from_str(text: &str) -> Result<Self, SpecError> {
        let bad = || {
            SpecError::shape(
                format!("memory {text:?}"),
                "write a size such as 512m or 2g",
            )
        };
        let lower = text.trim().to_ascii_lowercase();
        let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit: f64 = match lower.strip_prefix(digits).unwrap_or_default() {
            "" | "b" => 1.0,
            "k" | "kb" | "kib" => 1024.0,
            "m" | "mb" | "mib" => 1024.0 * 1024.0,
            "g" | "gb" | "gib" => 1024.0 * 1024.0 * 1024.0,
            "t" | "tb" | "tib" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
            _ => return Err(bad()),
        };
        let bytes = digits.trim().parse::<f64>().map_err(|_| bad())? * unit;
        if (1.0..1e18).contains(&bytes) {
            Ok(Self(bytes as u64))
        } else {
            Err(bad())
        }
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "expected a number of bytes or a size such as \"2g\""
        )]
        enum Written {
            Bytes(u64),
            Text(String),
        }
        match Written::deserialize(from)? {
            Written::Bytes(0) => Err(D::Error::custom("memory must be more than zero")),
            Written::Bytes(bytes) => Ok(Self(bytes)),
            Written::Text(text) => text.parse().map_err(D::Error::custom),
        }
    }
}

/// A number of processors, to the thousandth; more than 0, at most 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Cpus(u32);

impl Cpus {
    /// Billionths of a processor, as engines count.
    pub const fn nanos(self) -> u64 {
        self.0 as u64 * 1_000_000
    }
}

impl TryFrom<f64> for Cpus {
    type Error = SpecError;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked first"
    )]
    fn try_from(cpus: f64) -> Result<Self, SpecError> {
        if (0.001..=1024.0).contains(&cpus) {
            Ok(Self((cpus * 1000.0).round() as u32))
        } else {
            Err(SpecError::shape(
                "cpus",
                format!("{cpus} is not in 0.001 to 1024"),
            ))
        }
    }
}

impl From<Cpus> for f64 {
    fn from(cpus: Cpus) -> Self {
        Self::from(cpus.0) / 1000.0
    }
}

impl FromStr for Cpus {
    type Err = SpecError;
    fn from_str(text: &str) -> Result<Self, SpecError> {
        let cpus: f64 = text.parse().map_err(|_| {
            SpecError::shape(format!("cpus {text:?}"), "write a number such as 1.5")
        })?;
        Self::try_from(cpus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_units() {
        assert_eq!("512m".parse::<ByteSize>().unwrap().bytes(), 512 << 20);
        assert_eq!("1.5GiB".parse::<ByteSize>().unwrap().bytes(), 3 << 29);
        assert_eq!("4096".parse::<ByteSize>().unwrap().bytes(), 4096);
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "g", "-1g", "0", "NaN", "inf", "1x", "1 2", "1e30"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text:?} was accepted");
        }
        for text in ["0", "-1", "NaN", "1e9", "two"] {
            assert!(text.parse::<Cpus>().is_err(), "{text:?} was accepted");
        }
    }
}
