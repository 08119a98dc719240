//! Network namespaces of nodes (network_namespaces(7)), with names that ip-netns(8) knows.
//!
//! A thread is in one namespace, and sockets stay in the one that they were opened in. Whatever goes into a
//! namespace here does so on a thread of its own, which ends there.
//!
//! - [`create()`], [`remove`]: many at once, each with its device
//! - [`enter_for_command`]: where a command of a user finds itself
//! - [`within`], [`enter`]: a look inside
//! - [`allow_foreign`]: connections in it from addresses of others

mod command;
mod create;
#[cfg(test)]
pub(crate) mod fixture;
mod foreign;
mod remove;
mod sysctl;

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

pub use command::{EnterError, enter_for_command};
pub use create::{CreateError, Device, NodeNamespace, create};
pub use foreign::allow_foreign;
pub use remove::{RemoveError, remove};

/// Where the namespaces that have names are, as iproute2 has it.
pub const DIRECTORY: &str = "/run/netns";

/// The namespace that the thread which looks is in.
const OWN: &str = "/proc/thread-self/ns/net";

/// The file of the namespace of that name.
pub fn path(name: &str) -> PathBuf {
    Path::new(DIRECTORY).join(name)
}

/// The same, if the name can be that of a file in that directory.
fn checked_path(name: &str) -> io::Result<PathBuf> {
    if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "this is not the name of a file"));
    }
    Ok(path(name))
}

/// Moves the calling thread into a namespace. Who is in it already stays, and needs no right to go there: in a
/// container without CAP_SYS_ADMIN nobody has it.
///
/// # Errors
/// The kernel's answer: there is no such file, it is not a network namespace, or this user may not.
pub fn enter(path: &Path) -> io::Result<()> {
    let file = File::open(path)?;
    let (there, here) = (file.metadata()?, fs::metadata(OWN)?);
    if (there.dev(), there.ino()) == (here.dev(), here.ino()) {
        return Ok(());
    }
    Ok(move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?)
}

/// Does `work` inside a namespace, on a thread of its own. The calling thread waits for it.
///
/// # Errors
/// As [`enter`] says, or that no thread could be started.
pub fn within<T: Send>(path: &Path, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let inside = thread::Builder::new()
            .name("namespace".to_owned())
            .spawn_scoped(scope, || enter(path).map(|()| work()))?;
        inside.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// The number by which /proc/PID/ns/net names a namespace.
///
/// # Errors
/// The kernel's answer: there is no such file.
pub fn identity(path: &Path) -> io::Result<u64> {
    Ok(fs::metadata(path)?.ino())
}

/// How many packets a device of a namespace has dropped that were to leave by it: nobody had read those
/// before them.
///
/// # Errors
/// As [`within`] says, or that there is no such device.
pub fn tx_dropped(path: &Path, device: &str) -> io::Result<u64> {
    let text = within(path, || fs::read_to_string("/proc/thread-self/net/dev"))??;
    dropped(&text, device)
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("there is no device {device}")))
}

/// The fourth number of those that are about transmission, which are the last eight of the line (proc(5)).
fn dropped(text: &str, device: &str) -> Option<u64> {
    let numbers = text.lines().find_map(|line| line.trim_start().strip_prefix(device)?.strip_prefix(':'))?;
    numbers.split_whitespace().nth(11)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

    use super::fixture::{Nodes, node};
    use super::*;
    use crate::tun;

    #[test]
    fn a_namespace_is_entered_by_one_thread() {
        let nodes = Nodes::create(&[node(1), node(2)]);
        let here = identity(Path::new("/proc/thread-self/ns/net")).unwrap();
        let there = || identity(Path::new("/proc/thread-self/ns/net"));
        for position in [0, 1] {
            let path = nodes.path(position);
            assert_eq!(within(&path, there).unwrap().unwrap(), identity(&path).unwrap());
        }
        assert_ne!(identity(&nodes.path(0)).unwrap(), identity(&nodes.path(1)).unwrap());
        assert_eq!(there().unwrap(), here);
        assert_eq!(identity(Path::new("/proc/self/ns/net")).unwrap(), here);
    }

    #[test]
    fn who_may_not_enter_namespaces_stays_in_its_own() {
        let nodes = Nodes::create(&[node(1)]);
        let path = nodes.path(0);
        thread::scope(|scope| {
            let poor = scope.spawn(|| {
                enter(&path).unwrap();
                let mut sets = capabilities(None).unwrap();
                sets.effective.remove(CapabilitySet::SYS_ADMIN);
                set_capabilities(None, sets).unwrap();
                enter(&path).unwrap();
                enter(Path::new(OWN)).unwrap();
                enter(Path::new("/proc/1/ns/net")).unwrap_err().kind()
            });
            assert_eq!(poor.join().unwrap(), io::ErrorKind::PermissionDenied);
        });
    }

    #[test]
    fn what_is_no_namespace_is_not_entered() {
        assert_eq!(within(&path("of nobody"), || ()).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(within(Path::new("/etc/hosts"), || ()).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn what_nobody_reads_is_counted() {
        let mut namespace = node(1);
        namespace.device.as_mut().unwrap().tx_queue = 4;
        let nodes = Nodes::create(&[namespace]);
        let files = tun::attach(&nodes.path(0), "nm0", 1, tun::Offload::Off).unwrap();
        let before = tx_dropped(&nodes.path(0), "nm0").unwrap();
        let socket = within(&nodes.path(0), || UdpSocket::bind("0.0.0.0:0")).unwrap().unwrap();
        for _ in 0..100 {
            socket.send_to(b"x", "10.99.0.2:9").unwrap();
        }
        assert!(tx_dropped(&nodes.path(0), "nm0").unwrap() - before >= 96);
        drop(files);
        assert_eq!(tx_dropped(&nodes.path(0), "nm1").unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn the_number_of_dropped_packets_is_the_twelfth() {
        let text = "Inter-|   Receive ...\n face |bytes ...\n\
                    \x20   lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n\
                    tun12: 1 2 3 4 5 6 7 8 9 10 11 99 13 14 15 16\n\
                    \x20tun1:1 2 3 4 5 6 7 8 9 10 11 98 13 14 15 16\n";
        assert_eq!(dropped(text, "tun1"), Some(98));
        assert_eq!(dropped(text, "tun12"), Some(99));
        assert_eq!(dropped(text, "tun"), None);
    }
}
