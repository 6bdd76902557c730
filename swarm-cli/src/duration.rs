//! Lengths of time on the command line: `30` (seconds), `90s`, `5m`, `1h 30m`.

use std::time::Duration;

use jiff::SignedDuration;

/// Reads a length of time that is more than zero.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let bad = || format!("{text:?} is not a length of time; write seconds, or 90s, 5m, 1h30m");
    let duration = match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|_| bad())?,
        Err(_) => {
            let signed: SignedDuration = text.parse().map_err(|_| bad())?;
            Duration::try_from(signed).map_err(|_| bad())?
        }
    };
    if duration.is_zero() {
        Err(bad())
    } else {
        Ok(duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_number_is_seconds_and_units_are_understood() {
        assert_eq!(parse("30").unwrap(), Duration::from_secs(30));
        assert_eq!(parse("0.5").unwrap(), Duration::from_millis(500));
        assert_eq!(parse("5m").unwrap(), Duration::from_mins(5));
        assert_eq!(parse("1h30m").unwrap(), Duration::from_mins(90));
    }

    #[test]
    fn what_is_no_length_of_time_is_refused() {
        for text in ["", "0", "-1", "-5m", "NaN", "inf", "soon", "1e400"] {
            assert!(parse(text).is_err(), "{text:?} was accepted");
        }
    }
}
