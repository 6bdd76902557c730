//! Results that are judged: filter, beam, iterate, score-list, hunt, validate, and retry with a type.

mod beam;
mod filter;
mod hunt;
mod iterate;
mod resume;
mod retry;
mod score_list;
mod validate;

use std::ops::Deref;

use serde_json::{Value, json};

use crate::common::TestEnvironment;

/// Prints a judgement of what stands between the marks: what it says itself of its score, or nothing that can be read.
const JUDGE: &str = r#"
artifact=$(sed -n '/^<<<<<<<< BEGIN ARTIFACT /,/^>>>>>>>> END ARTIFACT /p' | sed '1d;$d')
case $artifact in
*broken*) echo 'I like it.' ;;
*dead*) echo 'no judge' >&2; exit 9 ;;
*) score=$(printf %s "$artifact" | sed -n 's/.*good \([0-9.]*\).*/\1/p' | tail -n 1)
   printf '{"score": %s, "issues": ["more than %s"], "reason": "it is %s"}' "${score:-0}" "$score" "$score" ;;
esac"#;

/// A place of its own, and who judges what is made there.
pub(crate) struct Jury {
    env: TestEnvironment,
    judge: String,
}

impl Jury {
    /// Everything is worth what it says itself.
    pub(crate) fn new() -> Self {
        Self::of(JUDGE)
    }

    /// A script judges.
    pub(crate) fn of(script: &str) -> Self {
        Self::of_program(&["sh", "-c", script])
    }

    pub(crate) fn of_program(command: &[&str]) -> Self {
        Self {
            env: TestEnvironment::new(),
            judge: json!({"agent": {"command": command}}).to_string(),
        }
    }

    /// The arguments, of which the first is the command, with whoever judges.
    pub(crate) fn judged<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        let (command, rest) = args.split_first().unwrap();
        [&[*command, "--judge-sandbox", &self.judge], rest].concat()
    }
}

impl Deref for Jury {
    type Target = TestEnvironment;

    fn deref(&self) -> &TestEnvironment {
        &self.env
    }
}

pub(crate) fn refs(env: &TestEnvironment, texts: &[&str]) -> Vec<String> {
    let args = [&["par"], texts, &["--", "cat"]].concat();
    let made = env.json(&args);
    let results = made["results"].as_array().unwrap();
    let ids = results.iter().map(|found| found["ref"].as_str().unwrap());
    ids.map(str::to_owned).collect()
}

pub(crate) fn get<'v>(value: &'v Value, pointer: &str) -> &'v Value {
    value
        .pointer(pointer)
        .unwrap_or_else(|| panic!("{pointer} is not in {value:#}"))
}

pub(crate) fn found(env: &TestEnvironment, id: &str) -> Value {
    env.json(&["guard", id, "exists"])
}

/// The agents of a run count themselves: each gets another number.
pub(crate) const COUNT: &str = "i=0; until mkdir \"$0/$i\" 2>/dev/null; do i=$((i+1)); done; ";

/// Each is refused for what it says, and nothing was begun.
pub(crate) fn refused(cases: &[(&[&str], &str)]) {
    let env = TestEnvironment::new();
    for (args, said) in cases {
        drop(env.swarm(args).code(2).says(&[said]));
    }
    assert_eq!(env.swarm(&["runs", "list", "--json"]).ok().stdout, "");
}
