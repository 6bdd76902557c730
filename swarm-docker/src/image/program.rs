//! What a program of this machine needs in an image that has nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

use super::elf::{self, Elf};

/// Where linkers look if nobody says otherwise; `{}` is the name of the machine in Debian and its like.
const FOLDERS: [&str; 6] = [
    "/lib/{}",
    "/usr/lib/{}",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
];
/// Folders that a machine adds to them, one a line.
const EXTRA_FOLDERS: &str = "/etc/ld.so.conf.d";
/// Libraries that old C libraries load by themselves to look up a host.
const LOOKUP: [&str; 3] = ["libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"];
/// A script's first line is not longer.
const LONGEST_LINE: u64 = 256;

/// The files besides the program: path inside to path on this machine.
pub(super) type Needs = BTreeMap<String, PathBuf>;

/// Finds out what `program` needs. Blocks.
pub(super) fn needs(program: &Path) -> Result<Needs, String> {
    let shown = program.display();
    let unreadable = |error| format!("cannot read {shown}: {error}");
    let mut file = File::open(program).map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(format!("{shown} is no file; name the program itself"));
    }
    let Some(elf) = elf::read(&mut file).map_err(unreadable)? else {
        let mut line = Vec::new();
        File::open(program)
            .and_then(|file| file.take(LONGEST_LINE).read_to_end(&mut line))
            .map_err(unreadable)?;
        return script(&line).map_err(|problem| format!("{shown} {problem}"));
    };
    let Some(interpreter) = &elf.interpreter else {
        return Ok(Needs::new());
    };
    let linker = PathBuf::from(interpreter);
    if !linker.is_file() {
        return Err(format!(
            "{shown} needs the dynamic linker {interpreter}, which this machine does not have; take the \
             program that was made for this machine"
        ));
    }
    let mut needs = libraries(program, &elf)?;
    needs.insert(interpreter.trim_start_matches('/').to_owned(), linker);
    Ok(needs)
}

/// A script can be started if the busybox of the image runs it.
fn script(beginning: &[u8]) -> Result<Needs, String> {
    let line = beginning.split(|byte| *byte == b'\n').next();
    let line = String::from_utf8_lossy(line.unwrap_or_default());
    let Some(interpreter) = line.strip_prefix("#!") else {
        return Err("is neither an ELF program nor a script".to_owned());
    };
    let interpreter = interpreter.trim();
    let shells = ["/bin/sh", "/bin/ash", "/bin/busybox sh"];
    if shells.contains(&interpreter.trim_end_matches(" -e")) {
        return Ok(Needs::new());
    }
    Err(format!(
        "is a script for {interpreter:?}, which would not be in the image; put both into a root file system \
         and use that (`--rootfs`)"
    ))
}

/// The libraries of a program, and theirs.
///
/// They all go into one folder, that of the C library: there every linker looks, whatever else it was told.
fn libraries(program: &Path, elf: &Elf) -> Result<Needs, String> {
    let folders = folders(elf);
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut open: Vec<(String, Vec<PathBuf>)> = wanted(program, elf);
    let mut seen = BTreeSet::new();
    while let Some((name, first)) = open.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let Some((path, library)) = find(&name, elf, first.iter().chain(&folders))? else {
            return Err(format!(
                "{} needs the library {name}, which is in none of the usual folders; install it, or use \
                 a root file system (`--rootfs`)",
                program.display()
            ));
        };
        open.extend(wanted(&path, &library));
        found.insert(name, path);
    }
    let is_libc = |name: &&String| name.starts_with("libc.");
    let libc = found.keys().find(is_libc).and_then(|name| found.get(name));
    let folder = libc
        .and_then(|path| path.parent())
        .unwrap_or_else(|| Path::new("/lib"))
        .to_owned();
    if libc.is_some() {
        for name in LOOKUP {
            let path = folder.join(name);
            if path.is_file() {
                found.entry(name.to_owned()).or_insert(path);
            }
        }
    }
    let folder = folder.display().to_string();
    let folder = folder.trim_start_matches('/');
    Ok(found
        .into_iter()
        .map(|(name, path)| (format!("{folder}/{name}"), path))
        .collect())
}

/// What `elf`, which is at `path`, needs, and where it wants that to be looked for first.
fn wanted(path: &Path, elf: &Elf) -> Vec<(String, Vec<PathBuf>)> {
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let origin = real.parent().map(|folder| folder.display().to_string());
    let origin = origin.unwrap_or_default();
    let first: Vec<PathBuf> = elf
        .run_paths
        .iter()
        .flat_map(|paths| paths.split(':'))
        .map(|path| path.replace("${ORIGIN}", &origin))
        .map(|path| PathBuf::from(path.replace("$ORIGIN", &origin)))
        .filter(|path| path.is_absolute())
        .collect();
    let named = elf.needed.iter();
    named.map(|name| (name.clone(), first.clone())).collect()
}

/// The library of this name that `program` can use.
fn find<'a>(
    name: &str,
    program: &Elf,
    folders: impl Iterator<Item = &'a PathBuf>,
) -> Result<Option<(PathBuf, Elf)>, String> {
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
        return Err(format!(
            "it needs the library {name:?}, which is no name of a file in a folder"
        ));
    }
    for folder in folders {
        let path = folder.join(name);
        if let Ok(mut file) = File::open(&path)
            && let Ok(Some(library)) = elf::read(&mut file)
            && library.machine == program.machine
        {
            return Ok(Some((path, library)));
        }
    }
    Ok(None)
}

fn folders(program: &Elf) -> Vec<PathBuf> {
    let machine = match program.machine {
        (true, 62) => "x86_64-linux-gnu",
        (true, 183) => "aarch64-linux-gnu",
        (true, 243) => "riscv64-linux-gnu",
        (false, 3) => "i386-linux-gnu",
        (false, 40) => "arm-linux-gnueabihf",
        _ => "",
    };
    let usual = FOLDERS.iter();
    let usual = usual.map(|folder| PathBuf::from(folder.replace("{}", machine)));
    usual
        .chain(extra_folders(Path::new(EXTRA_FOLDERS)))
        .collect()
}

fn extra_folders(at: &Path) -> BTreeSet<PathBuf> {
    let files = fs::read_dir(at).into_iter().flatten().flatten();
    files
        .filter_map(|file| fs::read_to_string(file.path()).ok())
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .filter(|line| line.starts_with('/'))
        .map(|line| PathBuf::from(line.trim()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_brings_its_linker_and_all_libraries() {
        let needs = needs(&std::env::current_exe().unwrap()).unwrap();
        let names: Vec<&str> = needs.keys().map(String::as_str).collect();
        assert!(names.iter().any(|name| name.contains("libc.")), "{names:?}");
        assert!(names.iter().any(|name| name.contains("ld-")), "{names:?}");
        for (inside, path) in &needs {
            assert!(!inside.starts_with('/'), "{inside}");
            assert!(path.is_file(), "{path:?}");
        }
    }

    #[test]
    fn a_static_program_needs_nothing() {
        if Path::new("/bin/busybox").is_file() {
            assert_eq!(needs("/bin/busybox".as_ref()), Ok(Needs::new()));
        }
    }

    #[test]
    fn only_scripts_for_a_shell_run_on_a_busybox() {
        for line in ["#!/bin/sh\necho", "#! /bin/sh -e\n", "#!/bin/ash"] {
            assert_eq!(script(line.as_bytes()), Ok(Needs::new()), "{line}");
        }
        for (line, problem) in [
            ("#!/usr/bin/env node\n", "\"/usr/bin/env node\""),
            ("#!/bin/bash", "--rootfs"),
            ("console.log(1)", "neither"),
            ("", "neither"),
        ] {
            let error = script(line.as_bytes()).unwrap_err();
            assert!(error.contains(problem), "{line}: {error}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (path, problem) in [
            ("/nonexistent/claude", "cannot read /nonexistent/claude"),
            ("/etc", "is no file"),
        ] {
            let error = needs(path.as_ref()).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn a_library_is_the_name_of_a_file_and_nothing_else() {
        for name in ["../../etc/passwd", "/etc/passwd", "", ".."] {
            let folders = [PathBuf::from("/lib")];
            assert!(
                find(name, &Elf::default(), folders.iter()).is_err(),
                "{name}"
            );
        }
    }

    #[test]
    fn folders_of_this_machine_are_looked_through_after_the_usual_ones() {
        let conf = tempfile::tempdir().unwrap();
        fs::write(conf.path().join("a.conf"), "# mine\n/opt/lib\nrelative\n").unwrap();
        let found: Vec<_> = extra_folders(conf.path()).into_iter().collect();
        assert_eq!(found, [PathBuf::from("/opt/lib")]);
    }
}
