//! An image with the program in it, made without a registry: a busybox, a shell, the program, and what both are
//! linked to.

use std::{
    collections::BTreeSet,
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tar::{Builder, EntryType, Header};

use super::program::claude;

/// The image of all tests here. It stays, so that it is made once.
pub(super) const IMAGE: &str = "swarm-test-claude:latest";
/// Says what it was made of.
const LABEL: &str = "swarm.test.claude";
/// Another one if the image is made in another way.
const RECIPE: u32 = 1;
const BUSYBOX: &str = "/bin/busybox";
const BASH: &str = "/bin/bash";

/// Makes the image if the engine does not have it.
pub(super) fn ready() {
    // Tests are processes of their own, and it is 400 MB.
    let lock = Path::new(env!("CARGO_TARGET_TMPDIR")).join("claude-image.lock");
    let lock = File::create(lock).unwrap();
    lock.lock().unwrap();
    let claude = claude();
    let identity = format!("{RECIPE}-{}", claude.metadata().unwrap().len());
    if label_of_image() != identity {
        import(&claude, &identity);
    }
}

fn label_of_image() -> String {
    let format = format!("{{{{index .Config.Labels \"{LABEL}\"}}}}");
    let output = Command::new("docker")
        .args(["image", "inspect", "--format", &format, IMAGE])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn import(claude: &Path, identity: &str) {
    let label = format!("LABEL {LABEL}={identity}");
    let mut import = Command::new("docker")
        .args(["import", "--change", "ENV PATH=/bin", "--change", &label])
        .args(["-", IMAGE])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut root = Root(Builder::new(import.stdin.take().unwrap()));
    for folder in ["bin", "etc"] {
        root.folder(folder, 0o755, 0);
    }
    root.folder("tmp", 0o1777, 0);
    root.folder("workspace", 0o755, 1000);
    root.bytes(
        "etc/passwd",
        b"root:x:0:0::/:/bin/sh\nagent:x:1000:1000::/tmp:/bin/bash\n",
    );
    for (from, to) in [(Path::new(BUSYBOX), "bin/busybox"), (claude, "bin/claude")] {
        root.copy(from, to);
    }
    root.copy(Path::new(BASH), "bin/bash");
    for tool in tools() {
        root.link(&format!("bin/{tool}"), BUSYBOX);
    }
    let libraries: BTreeSet<PathBuf> = [claude, Path::new(BASH)]
        .into_iter()
        .flat_map(libraries)
        .collect();
    let mut folders = BTreeSet::new();
    for library in libraries {
        let inside = library.strip_prefix("/").unwrap();
        let parents: Vec<_> = inside.ancestors().skip(1).collect();
        for folder in parents.into_iter().rev() {
            if folder != Path::new("") && folders.insert(folder.to_owned()) {
                root.folder(folder.to_str().unwrap(), 0o755, 0);
            }
        }
        root.copy(&library, inside.to_str().unwrap());
    }
    drop(root.0.into_inner().unwrap());
    assert!(import.wait().unwrap().success(), "docker import failed");
}

fn words_of(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What busybox can play.
fn tools() -> Vec<String> {
    let list = words_of(Command::new(BUSYBOX).arg("--list"));
    let all = list.lines().filter(|tool| *tool != "busybox");
    all.map(str::to_owned).collect()
}

/// What `program` is linked to, the loader among it.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let list = words_of(Command::new("ldd").arg(program));
    let paths = list.split_whitespace().filter(|word| word.starts_with('/'));
    paths.map(PathBuf::from).collect()
}

struct Root<W: Write>(Builder<W>);

impl<W: Write> Root<W> {
    fn folder(&mut self, path: &str, mode: u32, owner: u64) {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Directory);
        header.set_mode(mode);
        header.set_uid(owner);
        header.set_gid(owner);
        header.set_size(0);
        let path = format!("{path}/");
        self.0.append_data(&mut header, path, &[][..]).unwrap();
    }

    fn bytes(&mut self, path: &str, content: &[u8]) {
        let mut header = Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        self.0.append_data(&mut header, path, content).unwrap();
    }

    fn copy(&mut self, from: &Path, to: &str) {
        let file = File::open(from).unwrap();
        let mut header = Header::new_gnu();
        header.set_mode(0o755);
        header.set_size(file.metadata().unwrap().len());
        self.0.append_data(&mut header, to, file).unwrap();
    }

    fn link(&mut self, path: &str, target: &str) {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Symlink);
        header.set_size(0);
        self.0.append_link(&mut header, path, target).unwrap();
    }
}
