//! Writes types out: what `[name]` stands for takes its place. Pure, but for the lookup.

use std::collections::BTreeSet;

use super::TypeError;

/// How deep types are written out that are mentioned in types.
const DEPTH: u32 = 3;
/// The most bytes that a type may have with all that it mentions.
const MOST: usize = 256 * 1024;
/// The longest name, in bytes.
const LONGEST_NAME: usize = 128;

/// Finds the text of a type; `None` if there is none of this name.
pub(super) type Find<'a> = dyn FnMut(&str) -> Result<Option<String>, TypeError> + 'a;

/// `declared` with the text of every type in it: `[name]` becomes `**name**: text`, and `**name** (see above)` where the
/// type has been written out already. A text that is nothing but the name of a type is that type.
///
/// What is no mention stays: a name that no type has, links, checkboxes, indices and everything in code.
pub(super) fn expand(declared: &str, find: &mut Find<'_>) -> Result<String, TypeError> {
    let mut writer = Writer {
        out: String::new(),
        seen: BTreeSet::new(),
        find,
        declared,
    };
    let declared = declared.trim();
    if is_name(declared)
        && let Some(text) = (writer.find)(declared)?
    {
        writer.type_called(declared, &text, 1)?;
    } else {
        writer.text(declared, 1)?;
    }
    Ok(writer.out)
}

/// Whether `text` could be the name of a type.
pub(super) fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !text.is_empty() && text.len() <= LONGEST_NAME && text.chars().all(plain)
}

struct Writer<'a, 'f> {
    out: String,
    /// What has been written out.
    seen: BTreeSet<String>,
    find: &'a mut Find<'f>,
    declared: &'a str,
}

impl Writer<'_, '_> {
    fn push(&mut self, text: &str) -> Result<(), TypeError> {
        if self.out.len() + text.len() > MOST {
            return Err(TypeError::TooLong {
                declared: self.declared.chars().take(60).collect(),
                most: MOST,
            });
        }
        self.out.push_str(text);
        Ok(())
    }

    fn type_called(&mut self, name: &str, text: &str, depth: u32) -> Result<(), TypeError> {
        self.seen.insert(name.to_owned());
        self.push(&format!("**{name}**: "))?;
        self.text(text.trim(), depth + 1)
    }

    fn text(&mut self, text: &str, depth: u32) -> Result<(), TypeError> {
        let mut fenced = false;
        for line in text.split_inclusive('\n') {
            let is_fence = line.trim_start().starts_with("```");
            fenced ^= is_fence;
            if fenced || is_fence {
                self.push(line)?;
            } else {
                self.line(line, depth)?;
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &str, depth: u32) -> Result<(), TypeError> {
        let mut rest = line;
        while let Some((before, name, after)) = next_bracket(rest) {
            let so_far = line.strip_suffix(rest).unwrap_or_default().len() + before.len();
            let (head, _) = line.split_at_checked(so_far).unwrap_or((line, ""));
            let found = if is_mention(head, name, after) && depth <= DEPTH {
                self.found(name)?
            } else {
                None
            };
            self.push(before)?;
            match found {
                None => self.push(&format!("[{name}]"))?,
                Some(Found::Again) => self.push(&format!("**{name}** (see above)"))?,
                Some(Found::Text(text)) => self.type_called(name, &text, depth)?,
            }
            rest = after;
        }
        self.push(rest)
    }

    fn found(&mut self, name: &str) -> Result<Option<Found>, TypeError> {
        if self.seen.contains(name) {
            return Ok(Some(Found::Again));
        }
        Ok((self.find)(name)?.map(Found::Text))
    }
}

enum Found {
    Text(String),
    Again,
}

/// What is before, in and after the next brackets that hold what could be a name.
fn next_bracket(text: &str) -> Option<(&str, &str, &str)> {
    for (at, _) in text.match_indices('[') {
        let (before, from) = text.split_at_checked(at)?;
        if let Some((name, after)) = from.strip_prefix('[')?.split_once(']')
            && is_name(name)
        {
            return Some((before, name, after));
        }
    }
    None
}

/// Whether `[name]` is meant as a type, between these two parts of a line.
fn is_mention(before: &str, name: &str, after: &str) -> bool {
    let in_code = before.matches('`').count() % 2 == 1;
    // `a[i]`, `![image]`, `\[as it is]`, `[text][label]`.
    let belongs_to_it = before
        .chars()
        .next_back()
        .is_some_and(|c| c.is_alphanumeric() || "_!\\])`".contains(c));
    // `[text](address)`, `[text][label]`.
    let is_link = after.starts_with(['(', '[']);
    let starts_line = before.trim().is_empty();
    let defines_link = starts_line
        && after.strip_prefix(':').is_some_and(|address| {
            let address = address.trim();
            address.starts_with(['<', '/', '#', '.']) || address.contains("://")
        });
    let is_checkbox = name.eq_ignore_ascii_case("x") && is_list_marker(before.trim());
    !(in_code || belongs_to_it || is_link || defines_link || is_checkbox)
}

/// `-`, `*`, `+`, `1.` or `1)`.
fn is_list_marker(text: &str) -> bool {
    let number = text.strip_suffix(['.', ')']);
    matches!(text, "-" | "*" | "+")
        || number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn with(types: &[(&str, &str)], declared: &str) -> String {
        let types: BTreeMap<_, _> = types.iter().copied().collect();
        let mut find = |name: &str| Ok(types.get(name).map(|text| (*text).to_owned()));
        expand(declared, &mut find).unwrap()
    }

    #[test]
    fn a_mention_and_a_bare_name_are_written_out() {
        let types = [("review", "A list of findings.\n")];
        assert_eq!(with(&types, "review"), "**review**: A list of findings.");
        assert_eq!(
            with(&types, "A [review] of a patch"),
            "A **review**: A list of findings. of a patch"
        );
        assert_eq!(with(&types, "a review"), "a review");
        assert_eq!(with(&types, "reviews"), "reviews");
    }

    #[test]
    fn types_in_types_are_written_out_three_deep_and_once() {
        let types = [
            ("a", "A [b] [b]"),
            ("b", "B [c]"),
            ("c", "C [d]"),
            ("d", "D"),
        ];
        assert_eq!(
            with(&types, "a"),
            "**a**: A **b**: B **c**: C [d] **b** (see above)"
        );
        assert_eq!(with(&types, "[d], [d]"), "**d**: D, **d** (see above)");
    }

    #[test]
    fn a_cycle_ends() {
        let types = [("a", "A [b]"), ("b", "B [a]")];
        assert_eq!(with(&types, "a"), "**a**: A **b**: B **a** (see above)");
        assert_eq!(with(&types, "[a]"), "**a**: A **b**: B **a** (see above)");
        assert_eq!(with(&[("a", "[a]")], "a"), "**a**: **a** (see above)");
    }

    #[test]
    fn what_is_no_mention_stays() {
        let types = [("x", "X"), ("t", "T"), ("0", "zero")];
        for text in [
            "- [x] done",
            "1. [X] done",
            "[t](https://example.com)",
            "[t][label]",
            "[text][t]",
            "![t]",
            r"\[t]",
            "list[0] and m[t]",
            "`[t]` and `a [t] b`",
            "[t]: https://example.com",
            "```\n[t]\n```\n",
            "[unknown] [] [ t ] [t",
        ] {
            assert_eq!(with(&types, text), text.trim());
        }
        assert_eq!(with(&types, "[t]: such"), "**t**: T: such");
        assert_eq!(with(&types, "- [t]"), "- **t**: T");
        assert_eq!(with(&types, "[[t]]"), "[**t**: T]");
    }

    #[test]
    fn what_becomes_too_long_is_an_error() {
        let long = "x".repeat(MOST / 2);
        let types = [("a", long.as_str()), ("b", long.as_str())];
        let types: BTreeMap<_, _> = types.into_iter().collect();
        let mut find = |name: &str| Ok(types.get(name).map(|text| (*text).to_owned()));
        assert!(expand("[a]", &mut find).is_ok());
        let error = expand("[a] [b]", &mut find).unwrap_err().to_string();
        assert!(
            error.contains("\"[a] [b]\" has more than 262144 bytes"),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn it_ends_whatever_types_say_and_nothing_is_written_out_twice(
            texts in prop::collection::vec("([a-e ]|\\[[a-e]\\]|\\[|\\]|`|\n){0,12}", 5),
            declared in "([a-e ]|\\[[a-e]\\]|\\[|\\]|`|\n|ü){0,12}",
        ) {
            let mut find = |name: &str| {
                let at = "abcde".find(name).filter(|_| name.len() == 1);
                Ok(at.and_then(|at| texts.get(at).cloned()))
            };
            let out = expand(&declared, &mut find).unwrap();
            for name in ["a", "b", "c", "d", "e"] {
                prop_assert!(out.matches(&format!("**{name}**: ")).count() <= 1, "{out}");
            }
        }

        #[test]
        fn a_text_without_types_stays_as_it_is(declared in "\\PC{0,60}") {
            let out = expand(&declared, &mut |_| Ok(None)).unwrap();
            prop_assert_eq!(out, declared.trim());
        }
    }
}
