//! What `/proc` says about other processes. Where there is none, nothing is known and nothing is done.

use std::{collections::HashSet, fs};

/// One line of `/proc/<pid>/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    state: u8,
    /// The process group.
    pub(super) group: i32,
    /// When it started, in ticks since the machine did. With the pid this names a process for ever.
    pub(super) started: u64,
}

impl Stat {
    /// The process `pid`, if there is one.
    pub(super) fn of(pid: i32) -> Option<Self> {
        Self::parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(line: &[u8]) -> Option<Self> {
        // The second field is the name in brackets, which may itself hold brackets, spaces and newlines.
        let name_end = line.iter().rposition(|&b| b == b')')?;
        let rest = std::str::from_utf8(line.get(name_end + 1..)?).ok()?;
        let mut fields = rest.split_ascii_whitespace();
        let state = *fields.next()?.as_bytes().first()?;
        let group = fields.nth(1)?.parse().ok()?;
        let started = fields.nth(16)?.parse().ok()?;
        Some(Self {
            state,
            group,
            started,
        })
    }

    /// Whether it still runs, rather than waiting for its parent to take note of its end.
    pub(super) fn is_alive(self) -> bool {
        !matches!(self.state, b'Z' | b'X')
    }
}

/// Where and since when process numbers mean what they mean: this boot, this namespace.
pub(super) fn era() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), namespace.display()))
}

/// The number of every process, except this one.
pub(super) fn others() -> impl Iterator<Item = i32> {
    let own = std::process::id();
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(move |pid| *pid != own)
        .filter_map(|pid| i32::try_from(pid).ok())
}

/// Whether `pid` was started with one of these `NAME=value` in its environment.
pub(super) fn was_given(pid: i32, entries: &HashSet<Vec<u8>>) -> bool {
    fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|environ| environ.split(|&b| b == 0).any(|e| entries.contains(e)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_confuse_the_fields() {
        let line =
            b"42 (a) R 1 (b) S 7 42 42 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000 200";
        assert_eq!(
            Stat::parse(line),
            Some(Stat {
                state: b'S',
                group: 42,
                started: 987_654
            })
        );
    }

    #[test]
    fn a_broken_line_is_no_process() {
        for line in ["", "42 (sh", "42 (sh) S 1", "42 (sh) S 1 x 1 1 1 1 1"] {
            assert_eq!(Stat::parse(line.as_bytes()), None, "{line}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_a_start_time_and_an_era() {
        let own = i32::try_from(std::process::id()).unwrap();
        let stat = Stat::of(own).unwrap();
        assert!(stat.started > 0);
        assert!(stat.is_alive());
        assert_eq!(era(), era());
        assert!(era().is_some());
        assert!(others().all(|pid| pid != own));
    }
}
