//! Where in a definition something is.

use std::fmt;

/// A place, as the way to it from the outermost object. Costs nothing to make while reading.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'p> {
    around: Option<&'p Self>,
    here: Here<'p>,
}

#[derive(Clone, Copy, Debug)]
enum Here<'p> {
    Root,
    Key(&'p str),
    Index(usize),
}

impl<'p> Place<'p> {
    pub(crate) const ROOT: Self = Self {
        around: None,
        here: Here::Root,
    };

    /// A field of what is here.
    pub(crate) const fn key(&'p self, key: &'p str) -> Self {
        Self {
            around: Some(self),
            here: Here::Key(key),
        }
    }

    /// An item of the list that is here.
    pub(crate) const fn index(&'p self, index: usize) -> Self {
        Self {
            around: Some(self),
            here: Here::Index(index),
        }
    }

    /// The same to keep.
    pub(crate) fn path(&self) -> Path {
        let mut path = self.around.map(Place::path).unwrap_or_default();
        match self.here {
            Here::Root => {}
            Here::Key(key) => path.0.push(Segment::Key(key.to_owned())),
            Here::Index(index) => path.0.push(Segment::Index(index)),
        }
        path
    }
}

/// A place to keep. Shown as `steps[3].on_fail`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Path(pub(crate) Vec<Segment>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Segment {
    Key(String),
    Index(usize),
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |key: &str| {
            !key.is_empty()
                && key
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        };
        for (i, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) if is_plain(key) && i == 0 => f.write_str(key)?,
                Segment::Key(key) if is_plain(key) => write!(f, ".{key}")?,
                Segment::Key(key) => {
                    let short: String = key.chars().take(60).collect();
                    write!(f, "[{short:?}]")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_shown_as_one_would_write_it() {
        let steps = Place::ROOT.key("steps");
        let third = steps.index(3);
        assert_eq!(third.key("on_fail").path().to_string(), "steps[3].on_fail");
        assert_eq!(
            third.key("no word").path().to_string(),
            "steps[3][\"no word\"]"
        );
        assert_eq!(Place::ROOT.path().to_string(), "");
    }
}
