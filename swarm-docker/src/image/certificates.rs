//! The file with the certificates of trusted authorities.

use std::{fs, path::Path};

/// Larger files are something else.
const MAX_FILE: u64 = 16 << 20;
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Refuses a file that programs could not read certificates from. Blocks.
pub(super) fn check(path: &Path) -> Result<(), String> {
    let shown = path.display();
    let unreadable = |error| format!("cannot read the certificates in {shown}: {error}");
    let about = fs::metadata(path).map_err(unreadable)?;
    if !about.is_file() {
        return Err(format!(
            "{shown} is no file; name one with all certificates in it, in PEM"
        ));
    }
    if about.len() > MAX_FILE {
        return Err(format!(
            "{shown} has more than 16 MiB, too much for certificates"
        ));
    }
    let text = fs::read(path).map_err(unreadable)?;
    let text = String::from_utf8_lossy(&text);
    match problem(&text) {
        None => Ok(()),
        Some(problem) => Err(format!(
            "{shown} {problem}; it has to hold certificates in PEM, each between {BEGIN:?} and {END:?}"
        )),
    }
}

fn problem(text: &str) -> Option<&'static str> {
    let mut found = false;
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(BEGIN) {
        let Some((body, after)) = after.split_once(END) else {
            return Some("has a certificate that is cut off");
        };
        let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
        let body: String = body.split_whitespace().collect();
        if body.is_empty() || !body.chars().all(is_base64) {
            return Some("has a certificate that is no base64");
        }
        found = true;
        rest = after;
    }
    (!found).then_some("has no certificate")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_whole_certificates_is_named() {
        let good = format!("# Some CA\n{BEGIN}\nMIIB+/8=\n{END}\n");
        assert_eq!(problem(&good), None);
        assert_eq!(problem(&good.repeat(2)), None);
        for (text, why) in [
            (String::new(), "no certificate"),
            (
                "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----".to_owned(),
                "no certificate",
            ),
            (format!("{good}{BEGIN}\nMIIB"), "cut off"),
            (format!("{BEGIN}\n{BEGIN}\n{END}"), "no base64"),
            (format!("{BEGIN}\n{END}"), "no base64"),
        ] {
            assert!(
                problem(&text).is_some_and(|problem| problem.contains(why)),
                "{text}"
            );
        }
        for (path, why) in [
            ("/nonexistent/ca.crt", "cannot read"),
            ("/etc", "is no file"),
        ] {
            assert!(check(path.as_ref()).is_err_and(|problem| problem.contains(why)));
        }
    }
}
