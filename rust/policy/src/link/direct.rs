//! The queue of a direction that is asked for nothing: first in, first out, without a clock, and without a move
//! too many. It is the way of most packets of a fast network.

use std::collections::VecDeque;

use nextmini_wire::packet::Packet;

use super::{Counters, MAX_BATCH};

/// What waits; acknowledgements overtake data.
#[derive(Debug, Default)]
pub(super) struct Direct {
    urgent: VecDeque<Packet>,
    data: VecDeque<Packet>,
    bytes: u64,
}

impl Direct {
    pub(super) fn push(&mut self, packet: Packet, wire_bytes: u64) {
        self.bytes += wire_bytes;
        if packet.is_urgent() {
            self.urgent.push_back(packet);
        } else {
            self.data.push_back(packet);
        }
    }

    /// See [`super::LinkQueue::pop_into`].
    pub(super) fn pop_into(
        &mut self,
        out: &mut Vec<Packet>,
        most_bytes: usize,
        mtu: u16,
        counters: &mut Counters,
    ) {
        let mut payload = 0;
        while out.len() < MAX_BATCH
            && let Some(packet) = self.next_within(payload, most_bytes)
        {
            payload += packet.payload.len();
            let wire_bytes = packet.wire_bytes(mtu);
            self.bytes -= wire_bytes;
            counters.bytes += wire_bytes;
            counters.packets += 1;
            out.push(packet);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.urgent.len() + self.data.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.data.is_empty()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// All that waits, in the order in which it would go.
    pub(super) fn into_packets(self) -> impl Iterator<Item = Packet> {
        self.urgent.into_iter().chain(self.data)
    }

    fn next_within(&mut self, payload: usize, most_bytes: usize) -> Option<Packet> {
        if let Some(packet) = self.urgent.pop_front() {
            return Some(packet);
        }
        let first = self.data.front()?;
        if payload > 0 && payload + first.payload.len() > most_bytes {
            return None;
        }
        self.data.pop_front()
    }
}
