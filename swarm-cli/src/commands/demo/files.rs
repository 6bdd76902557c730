//! Some text files of a folder.

use std::{fs, path::Path};

/// Enough to see several agents side by side.
const MAX_FILES: usize = 12;
/// Small enough to read at once.
const MAX_SIZE: u64 = 256 * 1024;
/// How deep to look.
const MAX_DEPTH: usize = 4;

/// A file with its text.
#[derive(Debug)]
pub(super) struct File {
    /// Relative to the folder.
    pub(super) name: String,
    pub(super) text: String,
}

/// Up to a dozen text files in and below `folder`; if there are none, texts that came along.
pub(super) fn some(folder: &Path) -> Vec<File> {
    let mut files = Vec::new();
    collect(folder, folder, MAX_DEPTH, &mut files);
    if files.is_empty() { samples() } else { files }
}

fn collect(root: &Path, folder: &Path, depth: usize, files: &mut Vec<File>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut entries: Vec<_> = entries.flatten().collect();
    // Files before folders, so that what is near comes first.
    entries.sort_by_key(|entry| (entry.path().is_dir(), entry.file_name()));
    for entry in entries {
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if files.len() >= MAX_FILES || hidden || entry.file_name() == "target" {
            continue;
        }
        // The type of the entry itself: a link could lead anywhere, round in a circle too.
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() && depth > 0 {
            collect(root, &entry.path(), depth - 1, files);
        } else if kind.is_file()
            && entry
                .metadata()
                .is_ok_and(|m| m.len() <= MAX_SIZE && m.len() > 0)
        {
            files.extend(read(root, &entry.path()));
        }
    }
}

fn read(root: &Path, path: &Path) -> Option<File> {
    let text = fs::read_to_string(path).ok()?;
    let name = path
        .strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string();
    Some(File { name, text })
}

fn samples() -> Vec<File> {
    let sample = |name: &str, text: &str| File {
        name: name.to_owned(),
        text: text.to_owned(),
    };
    vec![
        sample("Cargo.toml (built in)", include_str!("../../../Cargo.toml")),
        sample("demo.rs (built in)", include_str!("../demo.rs")),
        sample("files.rs (built in)", include_str!("files.rs")),
    ]
}
