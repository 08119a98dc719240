//! From a queue of a device to the first link, or as far as packets go at once.

use std::io;

use bytes::{Buf as _, Bytes, BytesMut};
use nextmini_policy::drops::DropCause;
use nextmini_sys::tun::Tun;
use nextmini_wire::packet::Packet;
use nextmini_wire::vnet::{VNET_BYTES, VnetHeader};

use super::buffers::Buffers;
use crate::link::onward;
use crate::node::Node;
use crate::routes::Outbound;

/// The largest packet, with its header.
pub(super) const LARGEST: usize = VNET_BYTES + 65_536;
/// From so many bytes on, packets are passed on: a super-packet goes alone, and is still in the cache of the core that
/// has read it when it is written again.
pub(super) const BATCH_BYTES: usize = 32 * 1024;
/// Packets passed on together at most.
const BATCH: usize = 128;
/// Packets of up to so many bytes get memory of their own, or one that waits long would keep a whole buffer.
const SMALL: usize = 2_048;

/// Whether a queue has more packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// It has none.
    Nothing,
    /// It may have some.
    Perhaps,
}

/// What a thread reads with.
#[derive(Debug, Default)]
pub(super) struct Reader {
    buffers: Buffers,
    outbound: Vec<Outbound>,
    packets: Vec<Packet>,
}

impl Reader {
    /// Reads what the programs of `node` send by the queue `tun`, until there is nothing left or enough to be passed
    /// on, which it then is.
    ///
    /// # Errors
    /// The kernel's answer: the device has gone.
    pub(super) fn read(&mut self, node: &Node, tun: &Tun) -> io::Result<Left> {
        let mut buffer = self.buffers.take();
        let outcome = self.fill(&mut buffer, node, tun);
        self.buffers.give(buffer);
        onward::depart(&mut self.outbound, &mut self.packets, node);
        outcome
    }

    fn fill(&mut self, buffer: &mut BytesMut, node: &Node, tun: &Tun) -> io::Result<Left> {
        let mut bytes = 0;
        while bytes < BATCH_BYTES && self.outbound.len() < BATCH {
            buffer.reserve(LARGEST);
            let Some(read) = tun.read(buffer)? else { return Ok(Left::Nothing) };
            bytes += read;
            self.take(buffer, node);
        }
        Ok(Left::Perhaps)
    }

    /// Takes the packet that `buffer` holds out of it.
    fn take(&mut self, buffer: &mut BytesMut, node: &Node) {
        let header = VnetHeader::parse(buffer);
        let (Ok(header), true) = (header, buffer.len() > VNET_BYTES) else {
            // The kernel's own header cannot be read: whatever this was is nowhere to go.
            buffer.clear();
            return node.charge(DropCause::Local, None);
        };
        let payload = if buffer.len() <= SMALL {
            let payload = Bytes::copy_from_slice(&buffer[VNET_BYTES..]);
            buffer.clear();
            payload
        } else {
            buffer.advance(VNET_BYTES);
            buffer.split().freeze()
        };
        self.outbound.push(Outbound { header, payload });
    }
}
