//! What an agent says that it has written.
//!
//! A hook inside the agent's own surroundings appends a line for each call of a tool that writes. The agent can change that
//! file, forge it and remove it, so what it holds are *claims*: they are kept beside the record for a person to read, and nothing
//! is decided by them.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};

use crate::{plain_text::plain, time::Timestamp};

/// How much of the file of a hook is read, in bytes; what comes after it is left out.
pub const MAX_CLAIMS_BYTES: u64 = 16 << 20;
/// How many claims are kept.
const MAX_CLAIMS: usize = 10_000;
/// The longest path that Linux knows, in characters.
const MAX_PATH: usize = 4096;
/// The longest name of a tool that is kept, in characters.
const MAX_TOOL: usize = 128;
/// The last second that a date can be written of: the end of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

/// One call of a tool that writes, as the agent tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactClaim {
    /// When, by the clock that the agent sees.
    pub at: Timestamp,
    /// The tool, such as `Write`.
    pub tool: String,
    /// What it wrote, if the tool says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// The claims in the file of a hook: of each line that begins with a time in seconds, a space, and the beginning of what the hook
/// was told in JSON. Lines that make no sense are passed over, and what could change how text is shown is taken out.
pub fn claims(log: &[u8]) -> Vec<ArtifactClaim> {
    let lines = log.split(|byte| *byte == b'\n');
    lines.filter_map(claim).take(MAX_CLAIMS).collect()
}

fn claim(line: &[u8]) -> Option<ArtifactClaim> {
    let space = line.iter().take(20).position(|byte| *byte == b' ')?;
    let (seconds, told) = line.split_at_checked(space)?;
    let seconds: u64 = std::str::from_utf8(seconds).ok()?.parse().ok()?;
    if seconds > LAST_SECOND {
        return None;
    }
    let mut call = Call::default();
    let mut told = serde_json::Deserializer::from_slice(told);
    // A long call is cut off, which is an error at its end. What came before it counts.
    drop((&mut call).deserialize(&mut told));
    Some(ArtifactClaim {
        at: Timestamp::from_millis(seconds * 1000),
        tool: plain(&call.tool?, MAX_TOOL),
        path: call.path.map(|path| plain(&path, MAX_PATH)),
    })
}

/// What is known of a call so far.
#[derive(Debug, Default)]
struct Call {
    tool: Option<String>,
    path: Option<String>,
}

impl<'de> DeserializeSeed<'de> for &mut Call {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Call {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what a hook is told")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match key.as_ref() {
                "tool_name" => self.tool = Some(map.next_value()?),
                "tool_input" => map.next_value_seed(Input(self))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// The input of the tool.
struct Input<'a>(&'a mut Call);

impl<'de> DeserializeSeed<'de> for Input<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Input<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the input of a tool")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match key.as_ref() {
                "file_path" | "notebook_path" => self.0.path = Some(map.next_value()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn one(line: &str) -> ArtifactClaim {
        let mut found = claims(line.as_bytes());
        assert_eq!(found.len(), 1, "{line}");
        found.remove(0)
    }

    #[test]
    fn a_call_is_a_claim_with_its_time() {
        let told = json!({
            "session_id": "s", "hook_event_name": "PostToolUse", "tool_name": "Write",
            "tool_input": {"file_path": "/workspace/a.txt", "content": "a\nb"},
            "tool_response": {"filePath": "/workspace/other"},
        });
        let found = claims(format!("\n1795253401 {told}\n\n1795253402 {told}").as_bytes());
        assert_eq!(found.len(), 2);
        assert_eq!(
            serde_json::to_value(&found[0]).unwrap(),
            json!({"at": found[0].at, "tool": "Write", "path": "/workspace/a.txt"})
        );
        assert_eq!(found[1].at.seconds(), 1_795_253_402);
    }

    #[test]
    fn of_a_call_that_is_cut_off_counts_what_came_before() {
        let line = r#"7 {"tool_name":"Edit","tool_input":{"file_path":"/a","old_string":"xxx"#;
        assert_eq!(one(line).path.as_deref(), Some("/a"));
        let line = r#"7 {"tool_name":"mcp__db__put","tool_input":{"content":"xxx"#;
        assert_eq!(one(line).path, None);
    }

    #[test]
    fn what_makes_no_sense_claims_nothing() {
        for line in [
            "",
            "7",
            "{}",
            "7 {}",
            "7 []",
            "x {\"tool_name\":\"Write\"}",
            "-7 {\"tool_name\":\"Write\"}",
            "99999999999999999999 {\"tool_name\":\"Write\"}",
            "253402300800 {\"tool_name\":\"Write\"}",
            "7 {\"tool_name\":7}",
            "7 {\"tool_input\":{\"file_path\":\"/a\"}}",
        ] {
            assert_eq!(claims(line.as_bytes()), [], "{line}");
        }
    }

    #[test]
    fn hostile_text_is_neither_long_nor_in_control() {
        let tool = "W\u{1b}[2J\u{202e}".to_owned() + &"x".repeat(1000);
        let line = format!(
            "7 {}",
            json!({"tool_name": tool, "tool_input": {"file_path": "a\u{0}\nb"}})
        );
        let found = one(&line);
        assert!(found.tool.starts_with("W\u{fffd}[2J\u{fffd}x"));
        assert_eq!(found.tool.chars().count(), MAX_TOOL);
        assert_eq!(found.path.as_deref(), Some("a\u{fffd}\u{fffd}b"));
        let many = "7 {\"tool_name\":\"Write\"}\n".repeat(MAX_CLAIMS + 5);
        assert_eq!(claims(many.as_bytes()).len(), MAX_CLAIMS);
    }

    proptest! {
        #[test]
        fn nothing_panics(log in proptest::collection::vec(any::<u8>(), 0..300), cut in 0..200_usize) {
            drop(claims(&log));
            let line = format!("7 {}", json!({"tool_name": "Write", "tool_input": {"file_path": "/ü"}}));
            drop(claims(line.as_bytes().get(..cut).unwrap_or_default()));
        }
    }
}
