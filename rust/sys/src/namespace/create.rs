//! New namespaces, each with a TUN device in it (Documentation/networking/tuntap.rst of the kernel's sources).

use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, mount_bind, mount_bind_recursive, mount_change};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use thiserror::Error;

use super::sysctl::{Procfs, Settings};
use super::{DIRECTORY, checked_path, remove};
use crate::netlink::{LOOPBACK, Netlink, Request};
use crate::tun::device;
use crate::workers::for_all;

/// A namespace to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeNamespace {
    /// Its name for ip-netns(8), which is that of a file in [`DIRECTORY`].
    pub name: String,
    /// What it has besides the loopback device; nothing, where others are to be put in.
    pub device: Option<Device>,
}

/// A TUN device to be. It stays when nobody has it open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its name, of up to 15 bytes.
    pub name: String,
    /// Its address, and the length of the prefix of which all addresses are reached by it.
    pub v4: (Ipv4Addr, u8),
    /// The same for IPv6, if it is to have such an address. It has none that nobody asked for.
    pub v6: Option<(Ipv6Addr, u8)>,
    /// Bytes of the largest packet.
    pub mtu: u32,
    /// How many files it can be read from at the same time. The kernel keeps 256 queues in store for a device
    /// that has more than 1, which are 4 MB of memory and make it ten times as slow to create.
    pub queues: u16,
    /// How many packets wait for each file to be read; more are dropped.
    pub tx_queue: u32,
}

/// Why namespaces cannot be created.
#[derive(Debug, Error)]
pub enum CreateError {
    /// There is one of that name.
    #[error("there is a network namespace {0} already")]
    Taken(String),
    /// The kernel has no TUN devices, or the file is not there.
    #[error(
        "the kernel offers no TUN devices: cannot open {} ({source}); try \"modprobe tun\"",
        device::FILE
    )]
    NoTun {
        /// The kernel's answer.
        source: io::Error,
    },
    /// This user may not.
    #[error("only root may {step} ({source})")]
    Forbidden {
        /// What was tried.
        step: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Something else is in the way.
    #[error("cannot {step} ({source})")]
    Step {
        /// What was tried.
        step: String,
        /// The kernel's answer.
        source: io::Error,
    },
}

impl CreateError {
    fn new(step: String, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::PermissionDenied => Self::Forbidden { step, source },
            _ => Self::Step { step, source },
        }
    }
}

impl From<io::Error> for CreateError {
    fn from(source: io::Error) -> Self {
        Self::new("start a thread".to_owned(), source)
    }
}

/// Creates them all, on `threads` threads. When one cannot be created, none is there afterwards.
///
/// # Errors
/// See [`CreateError`].
pub fn create(all: &[NodeNamespace], threads: usize) -> Result<(), CreateError> {
    set_up_directory().map_err(|source| CreateError::new(format!("set up {DIRECTORY}"), source))?;
    let quiet_v6 = Path::new("/proc/sys/net/ipv6").exists();
    let settings = Settings::new();
    let begun = Mutex::new(Vec::with_capacity(all.len()));
    let result = for_all("namespaces", all, threads, |namespace| {
        namespace.file()?;
        begun.lock().unwrap_or_else(PoisonError::into_inner).push(namespace.name.clone());
        namespace.fill(&settings.next(), quiet_v6)
    });
    if result.is_err() {
        // What went wrong first is what matters.
        let _ = remove(&begun.into_inner().unwrap_or_else(PoisonError::into_inner));
    }
    result.map(drop)
}

/// Makes the directory a mount point of which other mount namespaces hear, as iproute2 does, under the same lock:
/// a namespace that is removed is then removed everywhere.
fn set_up_directory() -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o755).create(DIRECTORY)?;
    let lock = File::open(DIRECTORY)?;
    flock(&lock, FlockOperation::LockExclusive)?;
    let share = || mount_change(DIRECTORY, MountPropagationFlags::SHARED | MountPropagationFlags::REC);
    match share() {
        Err(Errno::INVAL) => {
            mount_bind_recursive(DIRECTORY, DIRECTORY)?;
            Ok(share()?)
        }
        result => Ok(result?),
    }
}

/// What is not as on a new machine, or would be as on this one (Documentation/networking/ip-sysctl.rst of the
/// kernel's sources).
const SETTINGS: [(&str, &str); 4] = [
    // Everybody may ping.
    ("ipv4/ping_group_range", "0 2147483647"),
    // What a node says to its own programs, of packets that go nowhere, comes from its own address.
    ("ipv4/conf/all/accept_local", "1"),
    // Packets come by whatever way: the network's routes need not be the same in both directions.
    ("ipv4/conf/all/rp_filter", "0"),
    // The network forwards, not the node's kernel.
    ("ipv4/ip_forward", "0"),
];

impl NodeNamespace {
    /// Creates the file on which the namespace will be mounted.
    fn file(&self) -> Result<(), CreateError> {
        let create = |path| OpenOptions::new().write(true).create_new(true).mode(0o0).open(path);
        match checked_path(&self.name).and_then(create) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(CreateError::Taken(self.name.clone()))
            }
            Err(error) => Err(CreateError::new(format!("create the file {DIRECTORY}/{}", self.name), error)),
        }
    }

    /// Moves the calling thread into a new namespace, gives it its name and what is to be in it.
    fn fill(&self, procfs: &Procfs, quiet_v6: bool) -> Result<(), CreateError> {
        let name = &self.name;
        let step = |step: String, result: io::Result<()>| {
            result.map_err(|source| CreateError::new(format!("{step} the network namespace {name}"), source))
        };
        step("make".to_owned(), new_namespace())?;
        let mounted = mount_bind("/proc/thread-self/ns/net", super::path(name));
        step("mount the file of".to_owned(), mounted.map_err(Into::into))?;
        for (setting, value) in SETTINGS {
            step(format!("set net.{} in", setting.replace('/', ".")), procfs.set(setting, value))?;
        }
        let Some(Device { name: device, queues, .. }) = &self.device else {
            return self.set_up(quiet_v6);
        };
        let tun = match device::open() {
            Err(source) if no_tun(&source) => return Err(CreateError::NoTun { source }),
            Err(source) => return step(format!("open {} for", device::FILE), Err(source)),
            Ok(tun) => tun,
        };
        let made = device::attach(&tun, device, *queues).and_then(|()| device::keep(&tun));
        step(format!("make the device {device} in"), made.map_err(Into::into))?;
        drop(tun);
        self.set_up(quiet_v6)
    }

    /// Brings up the devices of the calling thread's namespace.
    fn set_up(&self, quiet_v6: bool) -> Result<(), CreateError> {
        let refused = |step: String, error: Errno| CreateError::Step {
            step: format!("{step} in the network namespace {}", self.name),
            source: error.into(),
        };
        let netlink = Netlink::open().map_err(|error| refused("open netlink".to_owned(), error))?;
        let mut requests = vec![Request::Up { index: LOOPBACK }];
        if let Some(device) = &self.device {
            let index = netlink
                .index(&device.name)
                .map_err(|error| refused(format!("find the device {}", device.name), error))?;
            requests.extend(device.requests(index, quiet_v6));
        }
        netlink.apply(&requests).map_err(|(position, error)| {
            let step = match requests.get(position) {
                Some(Request::Settings { mtu, tx_queue, .. }) => {
                    format!("set an MTU of {mtu} and a queue of {tx_queue} for its device")
                }
                Some(Request::Address { ip, prefix, .. }) => format!("give {ip}/{prefix} to its device"),
                _ => "bring up the devices".to_owned(),
            };
            refused(step, error)
        })
    }
}

impl Device {
    /// What makes it ready, once it is there with this number.
    fn requests(&self, index: u32, quiet_v6: bool) -> Vec<Request> {
        let mut requests = vec![
            Request::Settings { index, mtu: self.mtu, tx_queue: self.tx_queue, quiet_v6 },
            Request::Up { index },
            Request::Address { index, ip: self.v4.0.into(), prefix: self.v4.1 },
        ];
        requests.extend(self.v6.map(|(ip, prefix)| Request::Address { index, ip: ip.into(), prefix }));
        requests
    }
}

/// Whether the file is not there, or nothing is behind it.
fn no_tun(error: &io::Error) -> bool {
    let absent = [Errno::NOENT, Errno::NODEV, Errno::NXIO];
    Errno::from_io_error(error).is_some_and(|error| absent.contains(&error))
}

/// Moves the calling thread into a new namespace.
fn new_namespace() -> io::Result<()> {
    // SAFETY: the thread goes on to share its file descriptors with all others of this process.
    Ok(unsafe { unshare_unsafe(UnshareFlags::NEWNET) }?)
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::{slice, thread};

    use rustix::mount::{MountFlags, mount};
    use rustix::process::Uid;
    use rustix::thread::set_thread_res_uid;

    use super::super::fixture::{Nodes, mounted, node};
    use super::super::{enter_for_command, path, within};
    use super::*;

    #[test]
    fn devices_are_as_they_are_asked_to_be() {
        let nodes = Nodes::create(&[node(1)]);
        let read = |file: &str| within(&nodes.path(0), || fs::read_to_string(file)).unwrap().unwrap();
        let addresses = read("/proc/thread-self/net/if_inet6");
        let mut devices: Vec<_> = addresses.lines().map(|line| line.split_whitespace().collect()).collect();
        devices.sort_by_key(|fields: &Vec<_>| fields[5]);
        assert_eq!(devices.len(), 2, "{addresses}");
        assert_eq!((devices[0][0], devices[0][5]), ("00000000000000000000000000000001", "lo"));
        // Prefix length, global scope, and permanent but not tentative.
        assert_eq!(devices[1][0], "fd000000000000000000000000000001");
        assert_eq!((devices[1][2], devices[1][3], devices[1][4]), ("40", "00", "82"));
        let routes = read("/proc/thread-self/net/route");
        let route: Vec<_> = routes.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!((route[0], route[1], route[7], route[8]), ("nm0", "0000630A", "00FFFFFF", "0"));
        assert_eq!(read("/proc/sys/net/ipv4/ping_group_range"), "0\t2147483647\n");
        assert_eq!(read("/proc/sys/net/ipv6/conf/nm0/mtu"), "1400\n");
        let listed = Command::new("ip").args(["netns", "list"]).output();
        if let Ok(listed) = listed {
            assert!(String::from_utf8_lossy(&listed.stdout).contains(&nodes.names[0]));
        }
    }

    #[test]
    fn a_taken_name_is_refused_and_nothing_remains_of_the_others() {
        let nodes = Nodes::create(&[node(1)]);
        let (before, after) = (node(2), node(3));
        let taken = NodeNamespace { name: nodes.names[0].clone(), ..node(4) };
        let all = [before.clone(), taken, after.clone()];
        for threads in [1, 2] {
            let error = create(&all, threads).unwrap_err();
            assert!(matches!(&error, CreateError::Taken(name) if *name == nodes.names[0]), "{error}");
            for namespace in [&before, &after] {
                assert!(!path(&namespace.name).exists());
                assert!(!mounted(&namespace.name));
            }
        }
        assert!(mounted(&nodes.names[0]));
    }

    #[test]
    fn a_refusal_names_the_step_and_nothing_remains() {
        let good = node(1);
        let with = |change: fn(&mut Device)| {
            let mut namespace = node(2);
            change(namespace.device.as_mut().unwrap());
            namespace
        };
        for (bad, what) in [
            (with(|device| device.mtu = 7), "set an MTU of 7"),
            (with(|device| device.v4.1 = 33), "give 10.99.0.2/33"),
            (with(|device| device.name = "a-name-of-16-byte".to_owned()), "make the device a-name"),
            (with(|device| device.name = "nm%d".to_owned()), "make the device nm%d"),
            (NodeNamespace { name: "../escape".to_owned(), ..node(2) }, "create the file"),
        ] {
            let error = create(&[good.clone(), bad.clone()], 1).unwrap_err();
            assert!(matches!(error, CreateError::Step { .. }), "{error:?}");
            assert!(error.to_string().contains(what), "{error}");
            assert!(error.to_string().contains(&bad.name), "{error}");
            assert!(!path(&good.name).exists() && !mounted(&good.name));
            assert!(!path(&bad.name).exists() && !mounted(&bad.name));
        }
    }

    /// What comes of it on a thread that `change` has changed.
    fn refused_after(change: impl FnOnce() + Send) -> CreateError {
        let namespace = node(1);
        let error = thread::scope(|scope| {
            let changed = scope.spawn(|| {
                change();
                create(slice::from_ref(&namespace), 1).unwrap_err()
            });
            changed.join().unwrap()
        });
        assert!(!path(&namespace.name).exists() && !mounted(&namespace.name));
        error
    }

    #[test]
    fn who_may_not_is_told() {
        let nobody = Uid::from_raw(65_534);
        let error = refused_after(|| set_thread_res_uid(nobody, nobody, nobody).unwrap());
        assert!(matches!(error, CreateError::Forbidden { .. }), "{error}");
        assert!(error.to_string().starts_with("only root may "), "{error}");
    }

    #[test]
    fn that_there_is_no_tun_is_told() {
        let error = refused_after(|| {
            let here = Path::new("/proc/thread-self/ns/net");
            enter_for_command(here, &[]).unwrap();
            mount("tmpfs", "/dev/net", "tmpfs", MountFlags::empty(), None).unwrap();
        });
        assert!(matches!(error, CreateError::NoTun { .. }), "{error}");
        assert!(error.to_string().contains("/dev/net/tun"), "{error}");
    }
}
