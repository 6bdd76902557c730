//! The `swarm` command, driven as a user drives it.

// `cfg(test)` is always set here; spelling it out lets clippy know that helpers are test code, too.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod cache;
#[cfg(feature = "claude-tests")]
#[cfg(test)]
mod claude;
#[cfg(test)]
mod combinators;
#[cfg(test)]
mod common;
#[cfg(test)]
mod compat;
#[cfg(test)]
mod config;
#[cfg(test)]
mod daemon;
#[cfg(test)]
mod daemon_runs;
#[cfg(test)]
mod disk_full;
#[cfg(feature = "docker-tests")]
#[cfg(test)]
mod docker;
#[cfg(test)]
mod fallback;
#[cfg(test)]
mod governor;

mod home;
#[cfg(test)]
mod image;
#[cfg(test)]
mod import;
#[cfg(test)]
mod interrupted;
#[cfg(test)]
mod judging;
#[cfg(test)]
mod kinds;
#[cfg(test)]
mod limits;
#[cfg(feature = "claude-tests")]
#[cfg(test)]
mod model_server;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod pipeline;
#[cfg(test)]
mod playback;
#[cfg(test)]
mod project;
#[cfg(test)]
mod refs;
#[cfg(test)]
mod runs;
#[cfg(test)]
mod sandbox;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod terminal;

#[test]
fn every_file_of_this_folder_is_a_module() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let main = std::fs::read_to_string(folder.join("main.rs")).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.trim_end_matches(".rs");
        assert!(
            name == "main.rs" || main.contains(&format!("mod {module};")),
            "{name} is forgotten"
        );
    }
}
#[cfg(test)]
mod torture;
#[cfg(test)]
mod types;
