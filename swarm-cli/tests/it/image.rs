//! What `swarm image` refuses before there is an engine.

use crate::common::TestEnvironment;

#[test]
fn a_kind_that_does_not_exist_is_told_what_is_meant() {
    let env = TestEnvironment::new();
    for verb in ["build", "show"] {
        let outcome = env.swarm(&["image", verb, "cluade"]).code(2);
        drop(outcome.says(&["`cluade`", "did you mean `claude`?", "[unknown_agent]"]));
    }
}

#[test]
fn flags_that_make_no_sense_together_are_refused() {
    let env = TestEnvironment::new();
    for (args, says) in [
        (
            &["--program", "/bin/true"][..],
            "swarm image build claude --program",
        ),
        (
            &["--version", "1.2.3"],
            "swarm image build claude --version",
        ),
        (&["claude", "--busybox", "/bin/busybox"], "--program FILE"),
        (
            &["claude", "--base", "x", "--rootfs", "/x"],
            "cannot be used with",
        ),
        (
            &["claude", "--version", "1", "--program", "/x"],
            "cannot be used with",
        ),
        (&["claude", "--certificates", "/x"], "--program"),
    ] {
        let args = [&["image", "build"], args].concat();
        drop(env.swarm(&args).code(2).says(&[says]));
    }
}

#[test]
fn a_name_that_no_image_can_have_is_refused_before_an_engine_is_asked() {
    let env = TestEnvironment::new();
    for (name, problem) in [
        ("", "it is empty"),
        ("A B", "no spaces"),
        ("x@sha256:0", "no digest yet"),
    ] {
        let args = ["image", "build", "claude", "--tag", name];
        let refused = env.swarm(&args).code(2);
        drop(refused.says(&[problem, "[unsupported]"]));
    }
}

#[test]
fn without_an_engine_nothing_is_on_stdout() {
    let env = TestEnvironment::new();
    for args in [
        &["image", "build", "claude"][..],
        &["image", "show", "claude"],
    ] {
        let outcome = env.swarm(args).code(1);
        assert_eq!(outcome.stdout, "");
        drop(outcome.says(&["no container engine answers"]));
    }
}

#[cfg(feature = "docker-tests")]
mod docker {
    use std::process::Command;

    use crate::common::{TestEnvironment, run};

    /// An image that goes when the test ends.
    struct Image(String);

    impl Image {
        fn fresh() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let unique = folder.path().file_name().unwrap().to_str().unwrap();
            let unique = unique.trim_start_matches('.').to_lowercase();
            Self(format!("swarm-test-{unique}:latest"))
        }
    }

    impl Drop for Image {
        fn drop(&mut self) {
            drop(
                Command::new("docker")
                    .args(["rmi", "--force", &self.0])
                    .output(),
            );
        }
    }

    /// Containers, and `image` for agents of kind claude.
    fn with_image(env: &TestEnvironment, image: &str, args: &[&str]) -> Command {
        let mut command = env.with_engine(args);
        command
            .env("SWARM_RUNTIME", "docker")
            .env("SWARM_IMAGE_CLAUDE", image)
            .env("ANTHROPIC_API_KEY", "none");
        command
    }

    #[test]
    fn a_program_becomes_the_image_of_its_kind_and_its_digest_is_in_the_record() {
        let env = TestEnvironment::new();
        let image = Image::fresh();
        let answer = r#"{"type":"result","subtype":"success","is_error":false,"result":"hello","num_turns":1}"#;
        env.write(
            "fake",
            &format!(
                "#!/bin/sh\n[ \"$1\" = --version ] && {{ echo '2.1.329 (Claude Code)'; exit; }}\n\
                 cat >/dev/null\necho '{answer}'\n"
            ),
        );
        let args = ["image", "build", "claude", "--program", "fake", "--json"];
        let built = run(&mut with_image(&env, &image.0, &args)).ok();
        // One object and nothing else; what the engine said is on stderr.
        let digest = built.value()["digest"].as_str().unwrap().to_owned();
        assert_eq!(built.stdout.lines().count(), 1, "{built:#?}");
        assert!(built.stderr.contains("Step 1/"), "{built:#?}");

        let shown = run(&mut with_image(
            &env,
            &image.0,
            &["image", "show", "claude"],
        ))
        .ok();
        for part in [&digest, &image.0, "program", "has not changed"] {
            assert!(shown.stdout.contains(part), "{part}: {shown:#?}");
        }
        let args = ["run", "hi", "--agent", "claude", "--no-network", "--json"];
        let found = run(&mut with_image(&env, &image.0, &args)).ok().value();
        assert_eq!(found["image"]["digest"], digest.as_str());
        assert_eq!(found["image"]["name"], image.0.as_str());
        let id = found["ref"].as_str().unwrap();
        let inspected = run(&mut with_image(&env, &image.0, &["inspect", id])).ok();
        let report = std::fs::read_to_string(inspected.stdout.trim()).unwrap();
        assert!(report.contains(&digest), "{report}");
        let findings = run(&mut with_image(&env, &image.0, &["doctor"])).ok();
        assert!(
            findings
                .stdout
                .contains(&format!("claude: {} {digest}", image.0)),
            "{findings:#?}"
        );
    }

    #[test]
    fn a_program_that_is_another_one_or_certificates_that_are_none_make_no_image() {
        let env = TestEnvironment::new();
        let image = Image::fresh();
        env.write("jq", "#!/bin/sh\necho jq-1.6\n");
        let args = ["image", "build", "claude", "--program", "jq"];
        let outcome = run(&mut with_image(&env, &image.0, &args)).code(1);
        assert_eq!(outcome.stdout, "");
        drop(outcome.says(&["it is no claude", "jq-1.6", "[image_build_failed]"]));
        let args = [&args[..], &["--certificates", "jq"]].concat();
        let outcome = run(&mut with_image(&env, &image.0, &args)).code(1);
        assert!(!outcome.stderr.contains("Step "), "{outcome:?}");
        drop(outcome.says(&["work/jq has no certificate", "[image_build_failed]"]));
        let mut show = with_image(&env, &image.0, &["image", "show", "claude"]);
        drop(run(&mut show).code(1).says(&["[image_missing]"]));
    }

    #[test]
    fn a_gpu_that_is_not_there_is_missed_before_anything_starts() {
        let has_one = ["/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd"];
        if has_one
            .iter()
            .any(|driver| std::path::Path::new(driver).exists())
        {
            return;
        }
        let env = TestEnvironment::new();
        let args = ["run", "x", "--gpu", "--runtime", "docker", "--", "cat"];
        let refused = run(&mut env.with_engine(&args)).code(2);
        drop(refused.says(&[
            "gpu",
            "looked for",
            "nvidia",
            "CDI",
            "/dev/nvidiactl",
            "[unsupported]",
        ]));
        assert_eq!(env.swarm(&["runs", "list", "--json"]).ok().stdout, "");
    }

    #[test]
    fn an_image_that_is_set_and_missing_is_an_error_and_is_not_built() {
        let env = TestEnvironment::new();
        let args = ["run", "hi", "--agent", "claude", "--json"];
        let outcome = run(&mut with_image(&env, "no-such-image:1", &args)).code(1);
        let error = outcome.value()["error"].as_str().unwrap().to_owned();
        assert!(error.contains("no image \"no-such-image:1\""), "{error}");
        assert!(!outcome.stderr.contains("building"), "{outcome:#?}");
        let mut show = with_image(&env, "no-such-image:1", &["image", "show", "claude"]);
        let outcome = run(&mut show).code(1);
        drop(outcome.says(&["swarm image build claude", "[image_missing]"]));
    }

    #[test]
    fn what_cannot_be_fetched_is_an_error_with_the_way_without_a_registry() {
        let env = TestEnvironment::new();
        let image = Image::fresh();
        let args = [
            "image",
            "build",
            "claude",
            "--base",
            "localhost:1/no-such-base:1",
        ];
        let outcome = run(&mut with_image(&env, &image.0, &args)).code(1);
        assert_eq!(outcome.stdout, "");
        drop(outcome.says(&[
            "cannot get its base",
            "swarm image build claude --program FILE",
            "docs/images.md",
            "[image_build_failed]",
        ]));
    }
}
