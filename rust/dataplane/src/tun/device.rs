//! A node's device, as those see it who have packets for it.

use std::io::IoSlice;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use nextmini_sys::tun::Tun;
use nextmini_wire::ip::Ip;
use nextmini_wire::ttl::Patch;
use nextmini_wire::vnet::VnetHeader;

/// A device with one queue or more.
#[derive(Clone, Debug)]
pub struct Device {
    queues: Arc<[Tun]>,
}

impl Device {
    /// The device that these are the queues of, at least one.
    pub fn new(queues: Vec<OwnedFd>) -> Self {
        Self { queues: queues.into_iter().map(Tun::new).collect() }
    }

    /// Its queues.
    pub fn queues(&self) -> &Arc<[Tun]> {
        &self.queues
    }

    /// Gives a packet to the kernel, the beginning of its header as in `patch`. Whether it took it.
    pub fn write(&self, header: &VnetHeader, payload: &[u8], patch: Option<&Patch>) -> bool {
        let header = header.encode();
        let patch = patch.map_or(&[][..], Patch::bytes);
        let rest = payload.get(patch.len()..).unwrap_or_default();
        let slices = [IoSlice::new(&header), IoSlice::new(patch), IoSlice::new(rest)];
        let queue = match &*self.queues {
            [] => return false,
            [only] => only,
            // The kernel has the queue that a flow came by send the rest of it too.
            all => &all[Ip::parse(payload).map_or(0, |ip| ip.flow_key().label() as usize) % all.len()],
        };
        match queue.write(&slices) {
            Ok(_) => true,
            Err(error) => {
                tracing::trace!(%error, bytes = payload.len(), "the kernel does not take a packet");
                false
            }
        }
    }
}
