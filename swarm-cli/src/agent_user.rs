//! Whom agents in containers run as.

use rustix::process::{getegid, geteuid};

/// Whom they run as if swarm runs as root and nobody called it with sudo: agents never are root.
const NOBODY_SPECIAL: (u32, u32) = (1000, 1000);

/// The user of swarm, so that what agents write into a mount belongs to that user.
#[expect(
    clippy::disallowed_methods,
    reason = "these say who called, and are no configuration"
)]
pub(crate) fn agent_user() -> (u32, u32) {
    let id = |name| std::env::var(name).ok()?.parse().ok();
    let caller = id("SUDO_UID").zip(id("SUDO_GID"));
    choose((geteuid().as_raw(), getegid().as_raw()), caller)
}

/// `own` unless that is root; then the `caller` of sudo unless that is root, too. The group of root counts as root.
fn choose(own: (u32, u32), caller: Option<(u32, u32)>) -> (u32, u32) {
    let without_root =
        |(uid, gid): (u32, u32)| (uid != 0).then_some((uid, if gid == 0 { uid } else { gid }));
    without_root(own)
        .or_else(|| caller.and_then(without_root))
        .unwrap_or(NOBODY_SPECIAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_their_user_and_never_root() {
        for (own, caller, agents) in [
            ((1234, 100), None, (1234, 100)),
            ((1234, 0), None, (1234, 1234)),
            ((0, 0), Some((1234, 100)), (1234, 100)),
            ((1234, 100), Some((0, 0)), (1234, 100)),
            ((0, 0), Some((0, 0)), (1000, 1000)),
            ((0, 100), None, (1000, 1000)),
        ] {
            assert_eq!(choose(own, caller), agents, "{own:?} {caller:?}");
        }
    }
}
