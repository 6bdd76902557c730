//! What is in a request. Their brokers check nothing: here, what is missing or of another kind is refused as their database would.

use serde_json::{Map, Value};

use super::answer::Refusal;

/// The fields of a request.
#[derive(Debug)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// Of a body.
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        if body.trim_ascii().is_empty() {
            return Err(Refusal::Broken("Unexpected end of JSON input".to_owned()));
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(Value::Null) => Err(Refusal::Broken(
                "null is not an object (evaluating 'body.pid')".to_owned(),
            )),
            // Whatever it is, it has no fields.
            Ok(_) => Ok(Self(Map::new())),
            Err(error) => Err(Refusal::Broken(format!("JSON Parse error: {error}"))),
        }
    }

    /// A text that has to be there; `column` is where their database would keep it.
    pub(super) fn text(&self, name: &str, column: &str) -> Result<String, Refusal> {
        self.maybe(name)?
            .ok_or_else(|| Refusal::Broken(format!("NOT NULL constraint failed: {column}")))
    }

    /// A text that may be absent or null.
    pub(super) fn maybe(&self, name: &str) -> Result<Option<String>, Refusal> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::Bool(flag)) => Ok(Some(u8::from(*flag).to_string())),
            Some(Value::Array(_) | Value::Object(_)) => Err(Refusal::Broken(
                "Binding expected string, TypedArray, boolean, number, bigint or null".to_owned(),
            )),
        }
    }

    /// A whole number that may be absent.
    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, Refusal> {
        match self.maybe(name)? {
            None => Ok(None),
            Some(text) => match text.parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(Refusal::Broken("datatype mismatch".to_owned())),
            },
        }
    }

    /// How many are wanted: 20 if nothing is said, and all there are, up to `most`, if less than nothing is.
    pub(super) fn limit(&self, most: usize) -> Result<usize, Refusal> {
        Ok(match self.number("limit")? {
            None => 20,
            Some(limit) => usize::try_from(limit).unwrap_or(most).min(most),
        })
    }

    /// A list of texts; `None` if it is absent.
    pub(super) fn list(&self, name: &str) -> Result<Option<Vec<String>>, Refusal> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(all)) => {
                let texts = all.iter().map(|one| one.as_str().map(str::to_owned));
                let texts: Option<Vec<String>> = texts.collect();
                let texts = texts
                    .ok_or_else(|| Refusal::Broken(format!("`{name}` is not a list of texts")))?;
                Ok(Some(texts))
            }
            Some(_) => Err(Refusal::Broken(format!("`{name}` is not a list of texts"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        Fields::read(text.as_bytes()).unwrap()
    }

    fn why(refusal: Refusal) -> String {
        match refusal {
            Refusal::Broken(why) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_the_words_of_their_database() {
        for (body, said) in [
            ("", "Unexpected end of JSON input"),
            ("null", "null is not an object (evaluating 'body.pid')"),
        ] {
            assert_eq!(why(Fields::read(body.as_bytes()).unwrap_err()), said);
        }
        assert!(Fields::read(b"{").is_err());
        let odd =
            fields(r#"{"n": 5, "o": {}, "b": true, "x": null, "limit": "y", "tags": ["a", 1]}"#);
        assert_eq!(odd.text("n", "t.n").unwrap(), "5");
        assert_eq!(odd.text("b", "t.b").unwrap(), "1");
        assert_eq!(
            why(odd.text("x", "t.x").unwrap_err()),
            "NOT NULL constraint failed: t.x"
        );
        assert!(why(odd.text("o", "t.o").unwrap_err()).starts_with("Binding expected"));
        assert_eq!(why(odd.limit(100).unwrap_err()), "datatype mismatch");
        assert!(odd.list("tags").is_err());
        assert_eq!(fields("[]").limit(100).unwrap(), 20);
        assert_eq!(fields(r#"{"limit":-1}"#).limit(100).unwrap(), 100);
    }
}
