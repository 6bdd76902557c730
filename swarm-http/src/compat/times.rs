//! Times as their programs write them.

use swarm_core::time::Timestamp;

/// `2026-11-21T07:10:27.494Z`
pub(super) fn iso(at: Timestamp) -> String {
    let whole = at.to_string();
    let whole = whole.strip_suffix('Z').unwrap_or(&whole);
    format!("{whole}.{:03}Z", at.millis() % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_its_milliseconds() {
        let at = Timestamp::from_millis(1_795_245_027_004);
        assert_eq!(iso(at), "2026-11-21T07:10:27.004Z");
    }
}
