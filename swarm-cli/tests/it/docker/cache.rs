//! `--cache` in containers: images and mounts are part of the work.

use std::{fs, os::unix::fs::PermissionsExt as _};

use super::{docker, ready};
use crate::common::run;

#[test]
fn a_container_is_not_started_for_work_that_was_done_with_the_same_image_and_mounts() {
    let env = ready();
    let folder = env.work().join("in");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a"), "one").unwrap();
    let mount = format!("{}:/in", folder.display());
    let args = [
        "run",
        "hello",
        "--cache",
        "--json",
        "--mount",
        &mount,
        "--",
        "sh",
        "-c",
        "cat; cat /in/a",
    ];
    let cached = || {
        let report = run(&mut docker(&env, &args)).ok().value();
        let id = report["ref"].as_str().unwrap().to_owned();
        let text = run(&mut docker(&env, &["unwrap", "-p", &id])).ok().stdout;
        (text, report["cached"] == true)
    };
    assert_eq!(cached(), ("helloone".to_owned(), false));
    assert_eq!(cached(), ("helloone".to_owned(), true));
    fs::write(folder.join("a"), "two").unwrap();
    assert_eq!(cached(), ("hellotwo".to_owned(), false));
    fs::write(folder.join("a"), "one").unwrap();
    assert_eq!(cached(), ("helloone".to_owned(), true));
}

#[test]
fn a_container_that_may_write_to_a_mount_is_started_each_time() {
    let env = ready();
    fs::set_permissions(env.work(), fs::Permissions::from_mode(0o777)).unwrap();
    let mount = format!("{}:/out:rw", env.work().display());
    let args = [
        "run",
        "x",
        "--cache",
        "--json",
        "--mount",
        &mount,
        "--",
        "sh",
        "-c",
        "echo start >> /out/starts",
    ];
    for _ in 0..2 {
        let outcome = run(&mut docker(&env, &args)).ok();
        assert!(outcome.stderr.contains("it may write to"), "{outcome:?}");
    }
    let starts = fs::read_to_string(env.work().join("starts")).unwrap();
    assert_eq!(starts.lines().count(), 2);
}
