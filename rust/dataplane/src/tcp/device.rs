//! The network device of a TCP stack: what arrived for it, and what it has to send.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use nextmini_wire::checksum::Sum;
use nextmini_wire::ip::protocol;
use nextmini_wire::vnet::VnetHeader;
use smoltcp::phy::{self, Checksum, ChecksumCapabilities, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

use crate::routes::Outbound;

/// Where the checksum is in a TCP header.
const CHECKSUM_OFFSET: u16 = 16;

/// Packets in and out.
#[derive(Debug)]
pub struct Device {
    mtu: usize,
    arrived: VecDeque<Bytes>,
    /// What is to leave, in order.
    pub leaving: Vec<Outbound>,
    /// So many packets may be in there; the stack waits when they are.
    most: usize,
    /// What packets are made in, many in one piece of memory.
    memory: BytesMut,
}

/// Bytes of such a piece.
const MEMORY: usize = 60 * 1024;

impl Device {
    /// A device whose packets have up to `mtu` bytes, `most` of which it makes before they are fetched.
    pub fn new(mtu: usize, most: usize) -> Self {
        Self { mtu, arrived: VecDeque::new(), leaving: Vec::new(), most, memory: BytesMut::new() }
    }

    /// Takes a packet that came for the stack.
    pub fn take(&mut self, packet: Bytes) {
        self.arrived.push_back(packet);
    }

    /// Moves what is to leave to `batch`. A stack that is silent has no memory for packets.
    pub fn fetch(&mut self, batch: &mut Vec<Outbound>) {
        if !self.is_full() {
            self.memory = BytesMut::new();
        }
        batch.append(&mut self.leaving);
    }

    /// Whether the stack has to wait until packets are fetched.
    pub fn is_full(&self) -> bool {
        self.leaving.len() >= self.most
    }
}

impl phy::Device for Device {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Received, Sending<'_>)> {
        // An answer needs room.
        if self.is_full() {
            return None;
        }
        let received = Received(self.arrived.pop_front()?);
        Some((received, Sending { leaving: &mut self.leaving, memory: &mut self.memory }))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Sending<'_>> {
        (!self.is_full()).then_some(Sending { leaving: &mut self.leaving, memory: &mut self.memory })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        // Links that damage packets say so, and whoever captures them completes their sums.
        capabilities.checksum = ChecksumCapabilities::ignored();
        capabilities.checksum.ipv4 = Checksum::Tx;
        capabilities
    }
}

/// A packet that arrived.
#[derive(Debug)]
pub struct Received(Bytes);

impl phy::RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

/// Room for a packet.
#[derive(Debug)]
pub struct Sending<'a> {
    leaving: &'a mut Vec<Outbound>,
    memory: &'a mut BytesMut,
}

impl phy::TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        if self.memory.capacity() < length {
            *self.memory = BytesMut::with_capacity(MEMORY.max(length));
        }
        self.memory.resize(length, 0);
        let result = write(self.memory);
        let header = sum_to_complete(self.memory);
        self.leaving.push(Outbound { header, payload: self.memory.split().freeze() });
        result
    }
}

/// Leaves the checksum to be completed by whoever needs it, as the kernel does to devices that can. The stack makes IP
/// headers without options or extensions.
fn sum_to_complete(packet: &mut [u8]) -> VnetHeader {
    let (addresses, start, number) = match packet.first().map(|first| first >> 4) {
        Some(4) => (12..20, 20, packet.get(9)),
        Some(6) => (8..40, 40, packet.get(6)),
        _ => return VnetHeader::default(),
    };
    let sum_at = start + usize::from(CHECKSUM_OFFSET);
    if number != Some(&protocol::TCP) || packet.len() < sum_at + 2 {
        return VnetHeader::default();
    }
    // The same as `Sum::pseudo_header`, whose addresses are in the packet in this order.
    let mut sum = Sum::default();
    sum.add(&packet[addresses]);
    sum.add(&((packet.len() - start) as u32).to_be_bytes());
    sum.add(&[0, protocol::TCP]);
    packet[sum_at..sum_at + 2].copy_from_slice(&sum.folded().to_be_bytes());
    VnetHeader {
        needs_checksum: true,
        checksum_start: start as u16,
        checksum_offset: CHECKSUM_OFFSET,
        ..VnetHeader::default()
    }
}

#[cfg(test)]
mod tests {
    use nextmini_wire::segment::complete_checksum;
    use nextmini_wire::tcp_flow::is_intact;

    use super::*;

    #[test]
    fn whoever_completes_a_sum_finds_it_right() {
        let mut v4 = vec![0; 45];
        (v4[0], v4[3], v4[9], v4[32]) = (0x45, 45, 6, 0x50);
        v4[12..20].copy_from_slice(&[10, 0, 0, 1, 10, 9, 8, 7]);
        let mut v6 = vec![0; 67];
        (v6[0], v6[5], v6[6], v6[52]) = (0x60, 27, 6, 0x50);
        v6[8..40].fill(0xfd);
        for mut packet in [v4, v6] {
            packet[44] = 3;
            let mut header = sum_to_complete(&mut packet);
            assert!(header.needs_checksum && !is_intact(&packet));
            complete_checksum(&mut packet, &mut header).unwrap();
            assert!(is_intact(&packet));
        }
    }

    #[test]
    fn what_has_no_such_sum_is_left_alone() {
        let mut icmp = vec![0; 60];
        (icmp[0], icmp[9]) = (0x45, 1);
        let mut cut = vec![0; 30];
        (cut[0], cut[9]) = (0x45, 6);
        for mut packet in [icmp, cut, vec![]] {
            let before = packet.clone();
            assert_eq!((sum_to_complete(&mut packet), packet), (VnetHeader::default(), before));
        }
    }
}
