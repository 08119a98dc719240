//! A node's device, as those see it who have packets for it.

use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use nextmini_sys::tun::AsyncTun;
use nextmini_wire::ip::Ip;
use nextmini_wire::ttl::Patch;
use nextmini_wire::vnet::VnetHeader;

/// A device with one queue or more.
#[derive(Clone, Debug)]
pub struct Device {
    queues: Arc<[AsyncTun]>,
}

impl Device {
    /// The device that these are the queues of, at least one.
    ///
    /// # Errors
    /// The runtime cannot watch one.
    pub fn new(queues: Vec<OwnedFd>) -> io::Result<Self> {
        let queues: Vec<_> = queues.into_iter().map(AsyncTun::new).collect::<io::Result<_>>()?;
        Ok(Self { queues: queues.into() })
    }

    /// Its queues.
    pub fn queues(&self) -> &Arc<[AsyncTun]> {
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
