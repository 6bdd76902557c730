//! When a provider takes requests again, as it says in a message to people.

use std::time::Duration;

/// How long to wait, if `message` says so: `try again in 1h2m3.5s`, `retry in 20 seconds`, `try again in 3 days 4 hours`.
pub(crate) fn wait_in(message: &str) -> Option<Duration> {
    let lower = message.to_ascii_lowercase();
    ["again in ", "retry in ", "retry after ", "resets in "]
        .iter()
        .filter_map(|lead| lower.split_once(lead))
        .find_map(|(_, rest)| span(rest))
}

/// The time span at the beginning of `text`: numbers, each with a unit.
fn span(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = None;
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        rest = rest.strip_prefix("and ").unwrap_or(rest);
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (number, after) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        let Ok(number) = number.parse::<f64>() else {
            return total;
        };
        let after = after.trim_start_matches(' ');
        let end = after.find(|c: char| !c.is_ascii_alphabetic());
        let (unit, after) = after.split_at_checked(end.unwrap_or(after.len()))?;
        let Some(seconds) = seconds_in(unit) else {
            return total;
        };
        let part = Duration::try_from_secs_f64(number * seconds).ok()?;
        total = total.unwrap_or(Duration::ZERO).checked_add(part);
        if after.is_empty() {
            return total;
        }
        rest = after;
    }
}

fn seconds_in(unit: &str) -> Option<f64> {
    Some(match unit {
        "ms" => 0.001,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3600.0,
        "d" | "day" | "days" => 86400.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_providers_say_to_people_is_understood() {
        for (message, seconds) in [
            ("Rate limit reached. Please try again in 20s.", Some(20.0)),
            ("Please try again in 1m30.5s. Visit", Some(90.5)),
            ("Please retry in 12.5 seconds", Some(12.5)),
            (
                "You've hit your usage limit. Try again in 3 days 4 hours 1 minute.",
                Some(273_660.0),
            ),
            ("try again in 1 hour and 5 minutes", Some(3900.0)),
            ("retry after 250ms", Some(0.25)),
            ("try again in a while", None),
            ("try again in 20", None),
            ("429 Too Many Requests", None),
            ("", None),
        ] {
            let wait = wait_in(message).map(|wait| wait.as_secs_f64());
            assert_eq!(wait, seconds, "{message}");
        }
    }

    proptest! {
        #[test]
        fn no_message_makes_it_panic(text in ".*", number in "[0-9.]*", unit in "[a-z]{0,8}") {
            let _ = wait_in(&text);
            let _ = wait_in(&format!("try again in {number}{unit} {text}"));
        }
    }
}
