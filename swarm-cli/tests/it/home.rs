//! The home folder holds keys and records.

use std::{
    fs::{Permissions, create_dir, metadata, read_dir, set_permissions},
    os::unix::fs::{PermissionsExt as _, chown},
};

use crate::common::TestEnvironment;

#[test]
fn a_home_that_others_may_write_to_is_refused() {
    for mode in [0o777, 0o1777, 0o770, 0o702] {
        let env = TestEnvironment::new();
        let home = env.work().join("shared");
        create_dir(&home).unwrap();
        set_permissions(&home, Permissions::from_mode(mode)).unwrap();
        for args in [
            &["run", "x", "--home", "shared", "--", "cat"][..],
            &["refs", "--home", "shared"],
            &["runs", "list", "--home", "shared"],
        ] {
            let outcome = env.swarm(args).code(5);
            drop(outcome.says(&[home.to_str().unwrap(), "chmod go-w", "[refused]"]));
        }
        assert_eq!(read_dir(&home).unwrap().count(), 0, "nothing was put there");
        assert!(
            env.swarm(&["doctor", "--home", "shared"])
                .code(1)
                .stdout
                .contains("chmod go-w")
        );
    }
}

#[test]
fn a_home_of_somebody_else_is_refused() {
    let env = TestEnvironment::new();
    let mut home = "/".to_owned();
    if rustix::process::geteuid().is_root() {
        let given = env.work().join("given");
        create_dir(&given).unwrap();
        chown(&given, Some(65534), None).unwrap();
        given.to_str().unwrap().clone_into(&mut home);
    }
    let args = ["run", "x", "--home", &home, "--", "cat"];
    drop(
        env.swarm(&args)
            .code(5)
            .says(&["belongs to the user", "[refused]"]),
    );
}

#[test]
fn a_home_that_others_may_read_shows_them_nothing() {
    let env = TestEnvironment::new();
    let home = env.work().join("open");
    create_dir(&home).unwrap();
    set_permissions(&home, Permissions::from_mode(0o755)).unwrap();
    drop(env.swarm(&["run", "x", "--home", "open", "--", "cat"]).ok());
    for entry in read_dir(&home).unwrap() {
        let path = entry.unwrap().path();
        let mode = metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
    }
}
