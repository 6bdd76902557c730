//! What judges, killed and resumed.

use serde_json::json;

use crate::common::{TestEnvironment, eventually, signal};

/// Fails at the gate until somebody opens it: what has run before that must not run again.
#[test]
fn a_search_that_was_killed_goes_on_and_repeats_nobody() {
    let judge = r#"echo judge >> "$0"; [ -e "$0.open" ] || sleep 60; echo '{"score": 0.5}'"#;
    for (command, agents, judges) in [("beam", 2, 2), ("iterate", 1, 1)] {
        let env = TestEnvironment::new();
        let log = env.work().join("log").display().to_string();
        let judge = json!({"agent": {"command": ["sh", "-c", judge, log]}}).to_string();
        let work = "echo work >> \"$0\"; cat";
        let more: &[&str] = match command {
            "beam" => &["--width", "2"],
            _ => &["--max-iterations", "1"],
        };
        let fixed = [
            command,
            "x",
            "--evaluator",
            "score:y",
            "--judge-sandbox",
            &judge,
        ];
        let args = [&fixed[..], more, &["--", "sh", "-c", work, &log]].concat();
        let mut child = env.start(&args);
        let lines = |word: &str| {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            said.lines().filter(|line| *line == word).count()
        };
        eventually("they judge", || lines("judge") == judges);
        assert_eq!(lines("work"), agents);
        signal(&child, rustix::process::Signal::KILL);
        child.wait().unwrap();
        std::fs::write(format!("{log}.open"), "").unwrap();
        let runs = env.json(&["runs", "list"]);
        let run = runs["run_id"].as_str().unwrap();
        let report = env.json(&["runs", "resume", run]);
        assert_eq!(lines("work"), agents, "{command}");
        // Who was under way when it died is run again, nobody else is.
        assert_eq!(lines("judge"), 2 * judges, "{command}");
        let best = report
            .pointer("/winner")
            .or_else(|| report.pointer("/best_ref"))
            .unwrap();
        assert_eq!(best["validation_score"], json!(0.5), "{report:#}");
    }
}
