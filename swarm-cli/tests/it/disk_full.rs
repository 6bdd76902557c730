//! A file size limit stands in for a full disk: writes beyond it fail.

use std::process::Command;

use crate::common::{TestEnvironment, run};

/// `swarm` with files of at most `kib` KiB.
fn limited(env: &TestEnvironment, kib: u32, args: &[&str]) -> Command {
    let swarm = env.command(args);
    let mut command = Command::new("sh");
    // A write beyond the limit also raises a signal; ignored, the write fails as on a full disk.
    command
        .args([
            "-c",
            &format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", kib * 2),
        ])
        .arg(swarm.get_program())
        .args(swarm.get_args())
        .env_clear()
        .envs(
            swarm
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .current_dir(env.work());
    command
}

#[test]
fn output_that_does_not_fit_fails_its_agent_and_nothing_else() {
    let env = TestEnvironment::new();
    drop(env.swarm(&["run", "x", "--", "true"]).ok());
    let script = "read n; head -c $n /dev/zero";
    let mut command = limited(
        &env,
        1024,
        &[
            "par",
            "10\n",
            "5000000\n",
            "20\n",
            "--json",
            "--",
            "sh",
            "-c",
            script,
        ],
    );
    let report = run(&mut command).code(1).value();
    assert_eq!(report["succeeded"], 2, "{report}");
    let error = report["results"][1]["error"].as_str().unwrap();
    assert!(error.contains("cannot keep the output"), "{error}");
    for i in [0, 2] {
        drop(
            env.swarm(&["unwrap", report["results"][i]["ref"].as_str().unwrap()])
                .ok(),
        );
    }
}

#[test]
fn a_log_that_cannot_be_written_stops_the_run_says_so_and_the_run_can_go_on() {
    let env = TestEnvironment::new();
    let prompts: Vec<String> = (0..40)
        .map(|i| format!("{i} {}", "x".repeat(4000)))
        .collect();
    let mut args: Vec<&str> = vec!["par", "--max-concurrency", "2"];
    args.extend(prompts.iter().map(String::as_str));
    args.extend(["--", "cat"]);
    // The plan fits; some of its events do not.
    let outcome = run(&mut limited(&env, 230, &args))
        .code(1)
        .says(&["[log_failed]", "runs resume"]);
    let run_id = outcome
        .stderr
        .split("runs resume ")
        .nth(1)
        .unwrap()
        .split('`')
        .next()
        .unwrap();
    let report = env
        .swarm(&["runs", "resume", run_id, "--json"])
        .ok()
        .value();
    assert_eq!(report["succeeded"], 40);
}
