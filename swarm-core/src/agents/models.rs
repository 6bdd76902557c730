//! Which names can be those of a model, so that a misspelt one is found before anything is paid.
//!
//! Providers bring new models all the time, so a name counts if it has the form of those of its provider. What no provider
//! calls a model, or another one does, is refused, unless the user has a price for it.

use thiserror::Error;

use crate::{
    error_code::{Coded, ErrorCode},
    prices::PriceBook,
    suggest::{did_you_mean, nearest},
};

/// A name that no model of this kind of agents can have.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "agents of kind {agent} have no model `{model}`{}; known: {known}; a model of another provider is known by its price, \
     which goes into the file that SWARM_PRICES, or `prices` in config.toml, names",
    did_you_mean(.suggestion.as_deref())
)]
pub struct UnknownModel {
    /// The kind.
    pub agent: &'static str,
    /// The name.
    pub model: String,
    /// A model with a similar name.
    pub suggestion: Option<String>,
    /// Names and forms of names.
    pub known: String,
}

impl Coded for UnknownModel {
    fn code(&self) -> ErrorCode {
        ErrorCode::UnknownModel
    }
}

/// The models of one provider.
#[derive(Debug)]
pub(super) struct Models {
    /// Names that stand for others, and count only as they are.
    pub(super) aliases: &'static [&'static str],
    /// What a name begins with.
    pub(super) begins: &'static [&'static str],
    /// Names to suggest, besides the aliases and those with a price.
    pub(super) examples: &'static [&'static str],
    /// What may be before a name, such as the region in which it is asked.
    pub(super) before: &'static [&'static str],
}

/// What Claude Code takes. On Bedrock names have a region and a vendor, on Vertex a date behind `@`.
pub(super) const CLAUDE: Models = Models {
    aliases: &["best", "fable", "haiku", "opus", "opusplan", "sonnet"],
    begins: &["claude-"],
    examples: &[],
    before: &[
        "anthropic.",
        "apac.anthropic.",
        "au.anthropic.",
        "eu.anthropic.",
        "global.anthropic.",
        "jp.anthropic.",
        "us-gov.anthropic.",
        "us.anthropic.",
    ],
};

/// The same provider, asked by a program that knows no other names for its models.
pub(super) const ANTHROPIC: Models = Models {
    aliases: &[],
    before: &[],
    ..CLAUDE
};

pub(super) const OPENAI: Models = Models {
    aliases: &[],
    begins: &["gpt-", "chatgpt-", "codex-", "o1", "o3", "o4"],
    examples: &["gpt-5.5"],
    before: &["ft:"],
};

/// What the Gemini CLI takes.
pub(super) const GEMINI: Models = Models {
    aliases: &[
        "auto",
        "auto-gemini-2.5",
        "auto-gemini-3",
        "flash",
        "flash-lite",
        "pro",
    ],
    ..GOOGLE
};

pub(super) const GOOGLE: Models = Models {
    aliases: &[],
    begins: &["gemini-", "gemma-"],
    examples: &["gemini-2.5-flash", "gemini-2.5-pro"],
    before: &["models/"],
};

impl Models {
    /// Refuses a `model` that is none of these and has no price of the user's.
    pub(super) fn check(
        &self,
        agent: &'static str,
        model: &str,
        prices: &PriceBook,
    ) -> Result<(), UnknownModel> {
        if self.has(model) || prices.is_listed(model) {
            return Ok(());
        }
        let priced = prices.models().filter(|name| self.has(name));
        let names = || {
            let aliases = self.aliases.iter().chain(self.examples).copied();
            aliases.chain(priced.clone())
        };
        let mut known: Vec<String> = names().map(str::to_owned).collect();
        known.extend(self.begins.iter().map(|begin| format!("{begin}…")));
        Err(UnknownModel {
            agent,
            model: model.to_owned(),
            suggestion: nearest(model, names()).map(str::to_owned),
            known: known.join(", "),
        })
    }

    fn has(&self, model: &str) -> bool {
        // With a window of a million tokens.
        let model = model.strip_suffix("[1m]").unwrap_or(model);
        if self.aliases.contains(&model) {
            return true;
        }
        let mut before = self.before.iter();
        let name = before.find_map(|before| model.strip_prefix(before));
        let name = name.unwrap_or(model);
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:@".contains(c);
        self.begins
            .iter()
            .filter_map(|begin| Some((begin, name.strip_prefix(begin)?)))
            // Of `o3-mini` the dash is in the rest, of `gpt-5` in the beginning.
            .any(|(begin, rest)| {
                let is_whole = !begin.ends_with('-');
                rest.chars().all(is_plain)
                    && if is_whole {
                        rest.is_empty() || rest.starts_with('-')
                    } else {
                        rest.starts_with(|c: char| c.is_ascii_alphanumeric())
                    }
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(models: &Models, model: &str) -> Result<(), UnknownModel> {
        models.check("x", model, &PriceBook::default())
    }

    #[test]
    fn the_forms_that_providers_have_are_known() {
        for (models, names) in [
            (
                CLAUDE,
                &[
                    "opus",
                    "sonnet[1m]",
                    "claude-opus-5-5",
                    "claude-opus-5-5-20260901",
                    "claude-opus-5-5[1m]",
                    "claude-opus-4@20250514",
                    "anthropic.claude-opus-4-20250514-v1:0",
                    "us.anthropic.claude-haiku-4-5-20251001-v1:0",
                    "claude-not-made-yet-7",
                ][..],
            ),
            (
                OPENAI,
                &[
                    "gpt-5.5",
                    "gpt-5.6-luna",
                    "o3",
                    "o4-mini",
                    "codex-mini-latest",
                    "ft:gpt-4o:acme::7qTVM5AR",
                ],
            ),
            (
                GEMINI,
                &[
                    "gemini-2.5-pro",
                    "flash-lite",
                    "models/gemini-3-pro-preview",
                ],
            ),
        ] {
            for name in names {
                assert_eq!(check(&models, name), Ok(()), "{name}");
            }
        }
    }

    #[test]
    fn what_no_model_can_be_called_is_refused_with_the_nearest_name() {
        for (models, name, suggestion) in [
            (CLAUDE, "opuss", Some("opus")),
            (CLAUDE, "claude-", Some("claude-opus-5-5")),
            (CLAUDE, "claude_opus-5-5", Some("claude-opus-5-5")),
            (CLAUDE, "Claude-opus-5-5", Some("claude-opus-5-5")),
            (CLAUDE, "claude-opus 5-5", Some("claude-opus-5-5")),
            (CLAUDE, "gpt-5", None),
            (CLAUDE, "xx.anthropic.claude-opus-5-5", None),
            (ANTHROPIC, "opus", None),
            (OPENAI, "gpt5.5", Some("gpt-5.5")),
            (OPENAI, "o3x", None),
            (OPENAI, "claude-opus-5-5", None),
            (GEMINI, "flsh", Some("flash")),
            (GOOGLE, "flash", None),
        ] {
            let error = check(&models, name).unwrap_err();
            assert_eq!(error.suggestion.as_deref(), suggestion, "{name}: {error}");
        }
    }

    #[test]
    fn a_model_that_the_user_has_a_price_for_is_known_to_every_kind() {
        let price = r#"{"local-7b": {"input": 0, "output": 0, "cache_read": 0, "cache_write": 0}}"#;
        let prices = PriceBook::default().overridden_by(PriceBook::from_json(price).unwrap());
        for models in [CLAUDE, OPENAI, GEMINI] {
            assert_eq!(models.check("x", "local-7b", &prices), Ok(()));
            assert!(models.check("x", "local-8b", &prices).is_err());
        }
        // What is built in says nothing about the programs of others.
        assert!(OPENAI.check("x", "claude-opus-5-5", &prices).is_err());
    }
}
