use std::{collections::BTreeMap, process::Command};

/// Which of our crates may name which framework among its dependencies.
const MAY_KNOW: [(&str, &[&str]); 7] = [
    ("axum", &["swarm-http"]),
    ("rmcp", &["swarm-mcp"]),
    ("bollard", &["swarm-docker"]),
    ("rusqlite", &["swarm-core", "swarm-http"]),
    ("clap", &["swarm-cli", "swarm-mcp"]),
    ("fernet", &["swarm-refs"]),
    ("anyhow", &["swarm-cli", "swarm-mcp"]),
];

/// Which of our crates may depend on which other (development dependencies aside).
const MAY_USE: [(&str, &[&str]); 8] = [
    ("swarm-core", &[]),
    ("swarm-refs", &["swarm-core"]),
    ("swarm-docker", &["swarm-core"]),
    ("swarm-pipeline", &["swarm-core"]),
    ("swarm-peers", &["swarm-core"]),
    (
        "swarm-http",
        &["swarm-core", "swarm-refs", "swarm-pipeline", "swarm-peers"],
    ),
    (
        "swarm-cli",
        &[
            "swarm-core",
            "swarm-refs",
            "swarm-docker",
            "swarm-pipeline",
            "swarm-peers",
            "swarm-http",
        ],
    ),
    (
        "swarm-examples",
        &[
            "swarm-core",
            "swarm-refs",
            "swarm-docker",
            "swarm-pipeline",
            "swarm-peers",
            "swarm-http",
        ],
    ),
];

/// Dependencies of each of our crates, those for development left out.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let names = package["dependencies"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|dependency| dependency["kind"] != "dev")
                .map(|dependency| dependency["name"].as_str().unwrap().to_owned());
            (
                package["name"].as_str().unwrap().to_owned(),
                names.collect(),
            )
        })
        .collect()
}

#[test]
fn domain_crates_know_no_framework() {
    for (package, dependencies) in dependencies() {
        for (framework, allowed) in MAY_KNOW {
            assert!(
                !dependencies.iter().any(|name| name == framework)
                    || allowed.contains(&package.as_str()),
                "{package} depends on {framework}, which only {allowed:?} may"
            );
        }
    }
}

#[test]
fn crates_depend_on_each_other_in_one_direction() {
    let ours = dependencies();
    for (package, dependencies) in &ours {
        let (_, allowed) = MAY_USE
            .iter()
            .find(|(name, _)| name == package)
            .unwrap_or_else(|| panic!("{package} is not in the list"));
        for dependency in dependencies.iter().filter(|name| ours.contains_key(*name)) {
            assert!(
                allowed.contains(&dependency.as_str()),
                "{package} uses {dependency}"
            );
        }
    }
}
