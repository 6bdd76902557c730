//! What a name may look like, and types that hold nothing else.

use std::fmt;

use thiserror::Error;

use crate::error_code::{Coded, ErrorCode};

/// The longest name in bytes; leaves room for a prefix in a container name and a file name.
pub const MAX_NAME_LEN: usize = 128;

/// What a kind of name may look like: ASCII letters, digits, `-` and `_`, of which the first is a letter or a digit. So it is safe
/// in a line of text, and as one part of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameShape {
    /// The longest, in bytes.
    pub max_len: usize,
    /// Whether a `.` may be in it, though not at its end and not beside another.
    pub dots: bool,
}

impl NameShape {
    /// Names of folders and containers: at most [`MAX_NAME_LEN`] bytes, with dots.
    pub const FOLDER: Self = Self {
        max_len: MAX_NAME_LEN,
        dots: true,
    };

    /// Takes `name`, which is to name a `kind`, if it is of this shape.
    ///
    /// # Errors
    ///
    /// [`InvalidName`], if it is not.
    pub fn check(self, kind: &'static str, name: &str) -> Result<String, InvalidName> {
        let is_allowed =
            |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b) || (self.dots && b == b'.');
        let problem = if name.is_empty() {
            "it is empty"
        } else if name.len() > self.max_len {
            "it is too long"
        } else if !name.bytes().all(is_allowed) {
            "it holds other characters"
        } else if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            "it does not start with a letter or digit"
        } else if name.contains("..") || name.ends_with('.') {
            "it could be read as a path"
        } else {
            return Ok(name.to_owned());
        };
        Err(InvalidName {
            kind,
            name: name.chars().take(60).collect(),
            problem,
            shape: self,
        })
    }
}

/// ``128 letters, digits, `-`, `_` and single `.` ``
impl fmt::Display for NameShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let characters = if self.dots {
            "letters, digits, `-`, `_` and single `.`"
        } else {
            "letters, digits, `-` and `_`"
        };
        write!(f, "{} {characters}", self.max_len)
    }
}

/// A text that cannot be a name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{kind} {name:?} is not a valid name: {problem}; use up to {shape}")]
pub struct InvalidName {
    /// What was to be named, such as "run id".
    pub kind: &'static str,
    /// The text, cut to a readable length.
    pub name: String,
    /// What is wrong with it.
    pub problem: &'static str,
    /// What it should look like.
    pub shape: NameShape,
}

impl Coded for InvalidName {
    fn code(&self) -> ErrorCode {
        ErrorCode::InvalidName
    }
}

/// Makes a type that holds a name of one [`NameShape`](crate::ids::NameShape), and is read and written as text. After the shape,
/// there may be a function that refuses some names besides.
///
/// ```
/// swarm_core::name_type!(
///     /// What a harbour is called.
///     Harbour,
///     "harbour",
///     swarm_core::ids::NameShape { max_len: 8, dots: false }
/// );
/// assert_eq!(Harbour::new("Kiel")?.as_str(), "Kiel");
/// let error = "St. Malo".parse::<Harbour>().unwrap_err();
/// assert!(error.to_string().ends_with("it holds other characters; use up to 8 letters, digits, `-` and `_`"));
/// # Ok::<(), swarm_core::ids::InvalidName>(())
/// ```
#[macro_export]
macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $shape:expr $(, $besides:path)?) => {
        $(#[$doc])*
        #[derive(
            Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize,
        )]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Takes `name` if it is of the shape that such a name has.
            ///
            /// # Errors
            ///
            /// If it is not. The error says what is wrong, and which names there may be.
            pub fn new(name: impl AsRef<str>) -> Result<Self, $crate::ids::InvalidName> {
                let name = $crate::ids::NameShape::check($shape, $kind, name.as_ref())?;
                $(let name = $besides($kind, name)?;)?
                Ok(Self(name))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::ids::InvalidName;
            fn from_str(name: &str) -> Result<Self, $crate::ids::InvalidName> {
                Self::new(name)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::ids::InvalidName;
            fn try_from(name: String) -> Result<Self, $crate::ids::InvalidName> {
                Self::new(name)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}
