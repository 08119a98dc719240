//! Settings of new namespaces, which are files under /proc/sys/net (proc(5)).
//!
//! Every namespace has directories `net` and `ipv4` of its own there, and the kernel's cache of names keeps those of all
//! namespaces under one hash: who looks one up passes the others, as long as the procfs is there. So settings are written
//! through one that is mounted nowhere (fsopen(2), fsmount(2)), and another one after a few hundred namespaces.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

/// Namespaces whose settings are written through the same procfs.
const BATCH: usize = 256;

/// Where the settings of many namespaces are written, by several threads.
pub(super) struct Settings {
    current: Mutex<Batch>,
}

#[derive(Default)]
struct Batch {
    procfs: Option<Procfs>,
    namespaces: usize,
}

/// A procfs to write through; it is gone when the last one who has it is done.
#[derive(Clone)]
pub(super) enum Procfs {
    /// One that nobody else sees.
    Own(Arc<OwnedFd>),
    /// That of the machine, where the kernel is older than Linux 5.2, or a container may not have another one. It is the
    /// same, but for the time that it takes.
    Machine,
}

impl Settings {
    pub(super) fn new() -> Self {
        Self { current: Mutex::new(Batch::default()) }
    }

    /// The procfs for one more namespace.
    pub(super) fn next(&self) -> Procfs {
        let mut batch = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if batch.namespaces == BATCH {
            *batch = Batch::default();
        }
        batch.namespaces += 1;
        batch.procfs.get_or_insert_with(Procfs::new).clone()
    }
}

impl Procfs {
    fn new() -> Self {
        unmounted().map_or(Self::Machine, |file| Self::Own(Arc::new(file)))
    }

    /// Sets `setting`, a path below /proc/sys/net, in the calling thread's namespace.
    pub(super) fn set(&self, setting: &str, value: &str) -> io::Result<()> {
        let below = Path::new("sys/net").join(setting);
        let file = match self {
            Self::Own(root) => openat(root, below, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()),
            Self::Machine => {
                openat(CWD, Path::new("/proc").join(below), OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())
            }
        };
        File::from(file?).write_all(value.as_bytes())
    }
}

/// A procfs of this process's numbers that is mounted nowhere.
fn unmounted() -> rustix::io::Result<OwnedFd> {
    let context = fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(&context)?;
    let harmless = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, harmless)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::fixture::{Nodes, node};
    use super::super::within;
    use super::*;

    const SETTING: &str = "ipv4/ip_forward";
    const FILE: &str = "/proc/sys/net/ipv4/ip_forward";

    #[test]
    fn settings_are_those_of_the_namespace_that_the_thread_is_in() {
        let nodes = Nodes::create(&[node(1), node(2)]);
        let settings = Settings::new();
        let shared = settings.next();
        let here = fs::read_to_string(FILE).unwrap();
        for (position, value) in [(0, "1"), (1, "0"), (0, "0"), (1, "1")] {
            for procfs in [&shared, &Procfs::Machine] {
                within(&nodes.path(position), || procfs.set(SETTING, value)).unwrap().unwrap();
                let read = within(&nodes.path(position), || fs::read_to_string(FILE)).unwrap().unwrap();
                assert_eq!(read.trim(), value);
            }
        }
        assert_eq!(fs::read_to_string(FILE).unwrap(), here);
        assert_eq!(shared.set("ipv4/nothing", "1").unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_procfs_serves_a_batch_and_is_mounted_nowhere() {
        let before = fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
        let settings = Settings::new();
        let root = || match settings.next() {
            Procfs::Own(file) => file,
            Procfs::Machine => panic!("root may have a procfs of its own"),
        };
        let first = root();
        for _ in 1..BATCH {
            assert!(Arc::ptr_eq(&first, &root()));
        }
        let second = root();
        assert!(!Arc::ptr_eq(&first, &second));
        assert_eq!(Arc::strong_count(&first), 1, "it is gone with whoever has it");
        assert_eq!(before, fs::read_to_string("/proc/thread-self/mountinfo").unwrap());
    }
}
