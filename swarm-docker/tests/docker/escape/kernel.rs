//! What an agent asks of the kernel.

use std::{fs, os::unix::fs::PermissionsExt as _};

use bollard::models::HostConfig;
use serde_json::json;

use super::attempt::{Attempt, none_succeeds, proven, told};
use crate::support::Bench;

const DENIED: &str = "ermission denied|not permitted|Read-only";

#[rustfmt::skip]
const ATTEMPTS: &[Attempt] = &[
    // File systems.
    proven("it mounts a file system", "mkdir /tmp/m && mount -t tmpfs none /tmp/m"),
    proven("it mounts /proc afresh, without what is masked", "mkdir /tmp/p && mount -t proc proc /tmp/p"),
    proven("it binds a folder to another place", "mkdir /tmp/b && mount --bind /etc /tmp/b"),
    proven("it makes the root writable", "mount -o remount,rw /"),
    proven("it unmounts what the engine mounted", "umount /dev/shm"),
    proven("it changes its root", "mkdir -p /tmp/c/bin && cp /bin/busybox /tmp/c/bin && chroot /tmp/c /bin/busybox true"),
    told("it swaps its root", "mkdir -p /tmp/r/o && pivot_root /tmp/r /tmp/r/o", DENIED),
    proven("it changes a program of the image", "touch /bin/forged"),
    proven("it adds a user", "echo forged::0:0::/:/bin/sh >> /etc/passwd"),
    proven("it changes what the engine wrote for it", "echo 10.0.0.1 forged >> /etc/hosts"),
    told("it overwrites the program of the engine that started it", ": >> /proc/1/exe", "ermission denied|Read-only|busy"),
    // Namespaces.
    proven("it becomes root of a user namespace", "unshare -r true"),
    proven("it makes a mount namespace", "unshare -m true"),
    proven("it makes a network namespace", "unshare -n true"),
    proven("it makes a process namespace", "unshare -p -f true"),
    proven("it enters the namespaces of its first process", "nsenter -t 1 -m true"),
    // Devices.
    proven("it makes a disk", "mknod /tmp/disk b 254 0"),
    proven("it makes the device of the memory", "mknod /tmp/memory c 1 1"),
    proven("it finds a disk", "for d in /dev/*; do [ -b $d ] && exit 0; done; exit 1"),
    proven("it opens the log device", ": < /dev/kmsg"),
    // Secrets and switches of the kernel.
    proven("it learns which pages of the memory are whose", "head -c 8 /proc/kpageflags | grep -q ."),
    proven("it reads the log of the kernel", "dmesg | grep -q ."),
    proven("it reads the keys of the kernel", "grep -q . /proc/keys"),
    proven("it reads the timers of the kernel", "grep -q . /proc/timer_list"),
    told("it presses the emergency key", ": >> /proc/sysrq-trigger", "Read-only|ermission denied|nonexistent"),
    proven("it has its crashes handled on the host", ": >> /proc/sys/kernel/core_pattern"),
    proven("it switches forwarding on", ": >> /proc/sys/net/ipv4/ip_forward"),
    proven("it tunes the kernel", "for f in /sys/kernel/mm/*/*; do ( : >> $f ) && exit 0; done; exit 1"),
    told("it loads a module", "echo x > /tmp/x.ko; insmod /tmp/x.ko", DENIED),
    told("it swaps to a file", "head -c 65536 /dev/zero > /tmp/s; mkswap /tmp/s; swapon /tmp/s", DENIED),
    told("it sets the time", "out=$(date -s @$(date +%s) 2>&1); echo $out; case $out in *\"not permitted\"*) exit 1;; esac", DENIED),
    proven("it takes another name for the machine", "hostname forged && [ $(hostname) = forged ]"),
    // Control groups.
    told("it raises its own limit", "for f in /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max; do \
        [ -e $f ] && echo max > $f && exit 0; done; exit 1", DENIED),
    told("it makes a group of its own", "for d in /sys/fs/cgroup/pids /sys/fs/cgroup; do \
        [ -d $d ] && mkdir $d/own && exit 0; done; exit 1", DENIED),
    told("it has a program run on the host when a group is empty",
        "mkdir /tmp/g && mount -t cgroup -o memory cgroup /tmp/g", DENIED),
    // Rights.
    told("it becomes root by a program of root's", "/data/busybox su -c true root", "must be suid"),
    proven("it gives a file away", "touch /tmp/f && chown 4242 /tmp/f"),
    told("it will not be killed when memory is short", "echo -1000 > /proc/self/oom_score_adj", DENIED),
    proven("it goes before all others", "renice -n -20 $$"),
    told("it makes raw packets", "arping -c 1 -I lo 127.0.0.1", DENIED),
    proven("it changes its network", "ip addr add 10.99.99.1/32 dev lo"),
    told("it fills the shared memory", "head -c 100000000 /dev/zero > /dev/shm/x", "No space left|I/O error"),
];

#[tokio::test]
async fn nothing_that_an_agent_asks_of_the_kernel_gets_it_out() {
    let bench = Bench::new().await;
    let data = tempfile::tempdir().unwrap();
    let program = data.path().join("busybox");
    fs::copy("/bin/busybox", &program).unwrap();
    // As root's: a test that is not root's proves no less, the agent is somebody else.
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).unwrap();
    fs::set_permissions(data.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let sandbox = json!({"mounts": [{"host_path": data.path(), "container_path": "/data"}]});
    none_succeeds(
        &bench,
        sandbox,
        ATTEMPTS,
        HostConfig {
            network_mode: Some("none".to_owned()),
            ..HostConfig::default()
        },
    )
    .await;
}
