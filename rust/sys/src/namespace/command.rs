//! Where a command of a user finds itself (mount_namespaces(7)): what `ip netns exec` does.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{StatVfsMountFlags, statvfs};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_bind, mount_change};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use thiserror::Error;

use super::enter;

const SYSFS: &str = "/sys";

/// Why a thread cannot be where a command is to be.
#[derive(Debug, Error)]
pub enum EnterError {
    /// The namespace cannot be entered.
    #[error("cannot enter the network namespace {} ({source})", .path.display())]
    Namespace {
        /// Its file.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The thread cannot see other files than the rest of the machine does.
    #[error("cannot {step} ({source})")]
    Mount {
        /// What was tried.
        step: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A file cannot be exchanged.
    #[error("cannot put {} in the place of {} ({source})", .file.display(), .place.display())]
    File {
        /// The other file.
        file: PathBuf,
        /// Where it was to be.
        place: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
}

/// Moves the calling thread into a network namespace, and into a mount namespace in which /sys is about that
/// network, and there are other `files` than elsewhere: each with the place where it is to be, such as /etc/hosts.
/// Nobody else sees those mounts, and what is mounted elsewhere later is seen here. Processes that the thread starts from then on are where it is. It does not come back, so
/// it had better be one for nothing else.
///
/// /sys/fs/cgroup is not in that /sys, as it is not for `ip netns exec`. Where the kernel does not let /sys be
/// mounted, as in some containers, it stays as it is: programs that read /sys/class/net see the wrong devices
/// there, while most ask the kernel by netlink.
///
/// # Errors
/// See [`EnterError`]. The thread may be half-way then.
pub fn enter_for_command(path: &Path, files: &[(PathBuf, PathBuf)]) -> Result<(), EnterError> {
    enter(path).map_err(|source| EnterError::Namespace { path: path.to_owned(), source })?;
    let step = |step: &'static str, result: rustix::io::Result<()>| {
        result.map_err(|source| EnterError::Mount { step, source: source.into() })
    };
    // SAFETY: the thread goes on to share its file descriptors with all others of this process.
    step("have mounts of its own", unsafe { unshare_unsafe(UnshareFlags::NEWNS) })?;
    let slave = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
    step("keep mounts to itself", mount_change("/", slave))?;
    match mount("sysfs", SYSFS, "sysfs", sysfs_flags(), None) {
        // Busy: that of this network is there already.
        Err(Errno::PERM | Errno::ACCESS | Errno::BUSY) => {}
        result => step("mount /sys", result)?,
    }
    for (file, place) in files {
        mount_bind(file, place).map_err(|source| EnterError::File {
            file: file.clone(),
            place: place.clone(),
            source: source.into(),
        })?;
    }
    Ok(())
}

/// Where /sys may only be read, as in containers, it stays so.
fn sysfs_flags() -> MountFlags {
    let read_only = statvfs(SYSFS).is_ok_and(|found| found.f_flag.contains(StatVfsMountFlags::RDONLY));
    if read_only { MountFlags::RDONLY } else { MountFlags::empty() }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::{env, fs, process};

    use super::super::fixture::{Nodes, node};
    use super::*;

    const HOSTS: &str = "/etc/hosts";

    #[test]
    fn a_command_sees_its_own_devices_and_hosts() {
        let nodes = Nodes::create(&[node(1)]);
        let hosts = env::temp_dir().join(format!("nextmini-hosts-{}", process::id()));
        fs::write(&hosts, "10.99.0.1 one\n").unwrap();
        let before = (fs::read(HOSTS).unwrap(), fs::read_to_string("/proc/self/mountinfo").unwrap());
        let seen = thread::scope(|scope| {
            let inside = scope.spawn(|| {
                enter_for_command(&nodes.path(0), &[(hosts.clone(), HOSTS.into())]).unwrap();
                let output = process::Command::new("ls").arg("/sys/class/net").output().unwrap();
                (fs::read_to_string(HOSTS).unwrap(), String::from_utf8(output.stdout).unwrap())
            });
            inside.join()
        });
        fs::remove_file(&hosts).unwrap();
        let (names, devices) = seen.unwrap();
        assert_eq!(names, "10.99.0.1 one\n");
        let mut devices: Vec<_> = devices.lines().collect();
        devices.sort_unstable();
        assert_eq!(devices, ["lo", "nm0"]);
        let after = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert_eq!(fs::read(HOSTS).unwrap(), before.0);
        let of_sys = |text: &str| text.lines().filter(|line| line.contains(" /sys ")).count();
        assert_eq!(of_sys(&after), of_sys(&before.1));
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = |namespace: &Path, files: &[(PathBuf, PathBuf)]| {
            thread::scope(|scope| scope.spawn(|| enter_for_command(namespace, files).unwrap_err()).join())
                .unwrap()
                .to_string()
        };
        let missing = Path::new("/nowhere/at-all");
        assert!(error(missing, &[]).contains("enter the network namespace /nowhere/at-all"));
        let nodes = Nodes::create(&[node(1)]);
        assert!(
            error(&nodes.path(0), &[(missing.to_owned(), HOSTS.into())])
                .contains("put /nowhere/at-all in the place of /etc/hosts")
        );
    }
}
