//! Namespaces for tests, which are removed also when the test fails.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Device, NodeNamespace, create, path, remove};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A namespace of a name that no other has, whose device has the addresses 10.99.0.N and fd00::N.
pub(crate) fn node(number: u8) -> NodeNamespace {
    let unique = NEXT.fetch_add(1, Ordering::Relaxed);
    NodeNamespace {
        name: format!("nmtest-{}-{unique}", process::id()),
        device: Some(Device {
            name: "nm0".to_owned(),
            v4: (Ipv4Addr::new(10, 99, 0, number), 24),
            v6: Some((Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, number.into()), 64)),
            mtu: 1400,
            queues: 1,
            tx_queue: 500,
        }),
    }
}

/// Namespaces for the time of a test.
pub(crate) struct Nodes {
    pub(crate) names: Vec<String>,
}

impl Nodes {
    pub(crate) fn create(all: &[NodeNamespace]) -> Self {
        let nodes = Self { names: all.iter().map(|namespace| namespace.name.clone()).collect() };
        create(all, 2).unwrap();
        nodes
    }

    pub(crate) fn path(&self, position: usize) -> PathBuf {
        path(&self.names[position])
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        let _ = remove(&self.names);
    }
}

/// Whether something is mounted on the file of that name.
pub(crate) fn mounted(name: &str) -> bool {
    let wanted = format!(" {} ", path(name).display());
    fs::read_to_string("/proc/self/mountinfo").unwrap().contains(&wanted)
}
