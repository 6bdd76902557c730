//! How an MCP server is reached, for programs that do not read the definitions of Claude Code themselves.

use std::{collections::BTreeMap, fmt};

use serde_json::{Map, Value};

use super::McpServer;
use crate::spec::EnvVars;

/// How an MCP server is reached, with its variables filled in. It may hold secrets; `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq)]
pub enum Reach {
    /// It is started where the agent runs, and spoken to on stdin and stdout.
    Program {
        /// The program.
        command: String,
        /// Its arguments.
        args: Vec<String>,
        /// Variables besides those that the program of the agent hands on.
        env: BTreeMap<String, String>,
    },
    /// It is elsewhere.
    Url {
        /// Begins with `https://` or `http://`.
        url: String,
        /// Headers of each request.
        headers: BTreeMap<String, String>,
        /// Whether it speaks the older protocol, over server-sent events.
        is_sse: bool,
    },
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Program { .. } => "Program",
            Self::Url { .. } => "Url",
        })
    }
}

impl McpServer {
    /// Reads the definition. As Claude Code does it, `${NAME}` is filled in with a variable of the agent, here one of
    /// `vars`, and `${NAME:-DEFAULT}` with the default where there is none.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words that hold nothing of its values.
    pub fn reach(&self, vars: &EnvVars) -> Result<Reach, String> {
        let fields = self.definition();
        let fill = |text: &str| filled(text, vars);
        if let Some(command) = fields.get("command").and_then(Value::as_str) {
            let args = match fields.get("args") {
                None | Some(Value::Null) => Vec::new(),
                Some(Value::Array(args)) => args
                    .iter()
                    .map(|arg| fill(arg.as_str().ok_or("its `args` have to be texts")?))
                    .collect::<Result<_, String>>()?,
                Some(_) => return Err("its `args` have to be a list".to_owned()),
            };
            return Ok(Reach::Program {
                command: fill(command)?,
                args,
                env: texts(fields, "env", fill)?,
            });
        }
        let kind = fields.get("type").and_then(Value::as_str);
        let is_sse = match kind {
            None | Some("http" | "streamable-http") => false,
            Some("sse") => true,
            Some(_) => return Err("its `type` has to be stdio, http or sse".to_owned()),
        };
        let url = fields.get("url").and_then(Value::as_str);
        let url = fill(url.unwrap_or_default())?;
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Err("its `url` has to begin with https:// or http://".to_owned());
        }
        let headers = texts(fields, "headers", fill)?;
        Ok(Reach::Url {
            url,
            headers,
            is_sse,
        })
    }

    /// The longest that one call of a tool may take, in milliseconds, if the definition says so.
    pub fn call_timeout_ms(&self) -> Option<u64> {
        let timeout = self.definition().get("timeout")?.as_u64()?;
        (timeout > 0).then_some(timeout)
    }
}

/// An object of texts.
fn texts(
    fields: &Map<String, Value>,
    name: &str,
    fill: impl Fn(&str) -> Result<String, String>,
) -> Result<BTreeMap<String, String>, String> {
    let values = match fields.get(name) {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(Value::Object(values)) => values,
        Some(_) => return Err(format!("its `{name}` has to be an object")),
    };
    let values = values.iter().map(|(key, value)| {
        let value = value
            .as_str()
            .ok_or_else(|| format!("its `{name}` has to hold texts"))?;
        Ok((key.clone(), fill(value)?))
    });
    values.collect()
}

/// `text` with its variables filled in, once: what a value holds is left as it is.
fn filled(text: &str, vars: &EnvVars) -> Result<String, String> {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        done.push_str(before);
        let Some((inside, behind)) = after.split_once('}') else {
            done.push_str("${");
            rest = after;
            continue;
        };
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(is_name) {
            // No variable: it goes on behind the brace that looked like one.
            done.push_str("${");
            rest = after;
            continue;
        }
        let value = vars.iter().find(|(known, _)| *known == name);
        match value.map(|(_, value)| value).or(default) {
            Some(value) => done.push_str(value),
            None => {
                return Err(format!(
                    "it asks for ${{{name}}}, which is not in `env_vars`; add it there, such as with `--env {name}`"
                ));
            }
        }
        rest = behind;
    }
    done.push_str(rest);
    Ok(done)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn vars() -> EnvVars {
        [("TOKEN", "canary"), ("LOOP", "${TOKEN}")]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    fn reach(definition: &Value) -> Result<Reach, String> {
        McpServer::new(definition.as_object().unwrap().clone()).reach(&vars())
    }

    #[test]
    fn a_program_has_its_variables_filled_in_everywhere_and_once() {
        let definition = json!({
            "type": "stdio", "command": "${DIR:-/opt}/server", "args": ["--token=${TOKEN}", "$TOKEN", "${", "${a b}", "${LOOP}"],
            "env": {"TOKEN": "${TOKEN}"}, "alwaysLoad": true,
        });
        assert_eq!(
            reach(&definition).unwrap(),
            Reach::Program {
                command: "/opt/server".to_owned(),
                args: ["--token=canary", "$TOKEN", "${", "${a b}", "${TOKEN}"]
                    .map(str::to_owned)
                    .into(),
                env: [("TOKEN".to_owned(), "canary".to_owned())].into(),
            }
        );
    }

    #[test]
    fn a_server_elsewhere_has_headers_and_a_protocol() {
        for (kind, is_sse) in [("http", false), ("sse", true)] {
            let definition = json!({"type": kind, "url": "https://x", "headers": {"Authorization": "Bearer ${TOKEN}"}});
            assert_eq!(
                reach(&definition).unwrap(),
                Reach::Url {
                    url: "https://x".to_owned(),
                    headers: [("Authorization".to_owned(), "Bearer canary".to_owned())].into(),
                    is_sse,
                }
            );
        }
    }

    #[test]
    fn what_cannot_be_used_is_named_and_no_value_is_shown() {
        for (definition, problem) in [
            (
                json!({"command": "s", "args": [1]}),
                "`args` have to be texts",
            ),
            (
                json!({"command": "s", "args": "canary"}),
                "`args` have to be a list",
            ),
            (json!({"command": "s", "env": {"A": 1}}), "`env` has to"),
            (json!({"command": "s", "env": "canary"}), "`env` has to"),
            (
                json!({"command": "${NONE}"}),
                "asks for ${NONE}, which is not in `env_vars`",
            ),
            (json!({"type": "ws", "url": "https://canary"}), "`type` has"),
            (json!({"url": "${LOOP}"}), "`url` has to begin"),
        ] {
            let error = reach(&definition).unwrap_err();
            assert!(error.contains(problem), "{definition}: {error}");
            assert!(!error.contains("canary"), "{error}");
        }
        let shown = format!("{:?}", reach(&json!({"command": "canary"})));
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[test]
    fn a_timeout_is_one_only_if_it_is_a_number_above_zero() {
        for (timeout, expected) in [
            (json!(2000), Some(2000)),
            (json!(0), None),
            (json!("x"), None),
        ] {
            let definition = json!({"command": "s", "timeout": timeout});
            let server = McpServer::new(definition.as_object().unwrap().clone());
            assert_eq!(server.call_timeout_ms(), expected);
        }
    }

    proptest! {
        #[test]
        fn text_without_a_dollar_is_left_as_it_is(text in "[^$]*") {
            prop_assert_eq!(filled(&text, &vars()), Ok(text));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[$\\{\\}:A-Z-]*") {
            drop(filled(&text, &vars()));
        }
    }
}
