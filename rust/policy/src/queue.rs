//! What waits for one direction of a link: first in, first out, with tail drop.
//!
//! Acknowledgements of lossless sessions overtake data. Lossless packets are always taken, since
//! their windows bound how many there can be; others meet the limits.

use std::collections::VecDeque;

use nextmini_wire::control::Drops;
use nextmini_wire::packet::Packet;

use crate::drops::DropCause;

/// Packets that leave at once at most.
pub const MAX_BATCH: usize = 256;

/// How much may wait; the default is 1,000 packets or 4 MiB, whichever comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Packets.
    pub packets: usize,
    /// Bytes on the emulated wire.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { packets: 1_000, bytes: 4 << 20 }
    }
}

/// Whether the link carries packets at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkUp {
    /// It does.
    Yes,
    /// It does not: ordinary packets are dropped, lossless ones wait.
    No,
    /// It never will again: everything is dropped.
    Ended,
}

/// What has passed so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Bytes that left, on the emulated wire.
    pub bytes: u64,
    /// Packets that left.
    pub packets: u64,
    /// Packets that were dropped.
    pub drops: Drops,
}

/// The queue of one direction of a link.
#[derive(Debug)]
pub struct LinkQueue {
    mtu: u16,
    limits: Limits,
    up: LinkUp,
    urgent: VecDeque<Packet>,
    data: VecDeque<Packet>,
    waiting_bytes: u64,
    counters: Counters,
}

impl LinkQueue {
    /// An empty queue of a link with this MTU in bytes.
    pub fn new(mtu: u16, limits: Limits) -> Self {
        Self {
            mtu,
            limits,
            up: LinkUp::Yes,
            urgent: VecDeque::new(),
            data: VecDeque::new(),
            waiting_bytes: 0,
            counters: Counters::default(),
        }
    }

    /// Takes a packet, or drops and counts it.
    pub fn push(&mut self, packet: Packet) {
        if let Some(cause) = self.refusal(&packet) {
            self.count_drop(cause, 1);
            return;
        }
        self.waiting_bytes += packet.wire_bytes(self.mtu);
        if packet.is_urgent() {
            self.urgent.push_back(packet);
        } else {
            self.data.push_back(packet);
        }
    }

    /// Moves packets to `out`, at most [`MAX_BATCH`] and `most_bytes` of payload but at least one; counts
    /// them as sent.
    pub fn pop_into(&mut self, out: &mut Vec<Packet>, most_bytes: usize) {
        let mut payload = 0;
        while out.len() < MAX_BATCH
            && let Some(packet) = self.next_within(payload, most_bytes)
        {
            payload += packet.payload.len();
            let wire_bytes = packet.wire_bytes(self.mtu);
            self.waiting_bytes -= wire_bytes;
            self.counters.bytes += wire_bytes;
            self.counters.packets += 1;
            out.push(packet);
        }
    }

    /// Marks the link up, down or ended. When it ends, what waits is dropped and counted.
    pub fn set_up(&mut self, up: LinkUp) {
        self.up = up;
        if up == LinkUp::Ended {
            let waiting = self.len() as u64;
            self.urgent.clear();
            self.data.clear();
            self.waiting_bytes = 0;
            self.count_drop(DropCause::Down, waiting);
        }
    }

    /// Counts packets that were lost on their way into or out of this queue.
    pub fn count_drop(&mut self, cause: DropCause, packets: u64) {
        *cause.counter(&mut self.counters.drops) += packets;
    }

    /// Packets that wait.
    pub fn len(&self) -> usize {
        self.urgent.len() + self.data.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.data.is_empty()
    }

    /// Bytes that wait, on the emulated wire.
    pub fn waiting_bytes(&self) -> u64 {
        self.waiting_bytes
    }

    /// What has passed so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn refusal(&self, packet: &Packet) -> Option<DropCause> {
        match self.up {
            LinkUp::Ended => Some(DropCause::Down),
            _ if packet.is_lossless() => None,
            LinkUp::No => Some(DropCause::Down),
            LinkUp::Yes => {
                let full = self.len() >= self.limits.packets
                    || self.waiting_bytes + packet.wire_bytes(self.mtu) > self.limits.bytes;
                full.then_some(DropCause::Queue)
            }
        }
    }

    fn next_within(&mut self, payload: usize, most_bytes: usize) -> Option<Packet> {
        if let Some(packet) = self.urgent.pop_front() {
            return Some(packet);
        }
        let fits = self
            .data
            .front()
            .is_some_and(|first| payload == 0 || payload + first.payload.len() <= most_bytes);
        if fits { self.data.pop_front() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use nextmini_wire::id::{FlowId, RouteId};
    use nextmini_wire::packet::{Ack, Chunk, Content};
    use proptest::prelude::*;

    use super::*;

    fn packet(content: Content, length: usize) -> Packet {
        let payload = Bytes::from(vec![0; length]);
        Packet { route: RouteId(1), position: 0, hop_limit: 1, label: 0, content, payload }
    }

    fn chunk(offset: u64, length: usize) -> Packet {
        packet(Content::Chunk(Chunk { flow: FlowId(1), offset, sent_at: 0, last: false, ask: false }), length)
    }

    fn ack(cumulative: u64) -> Packet {
        packet(Content::Ack(Ack { flow: FlowId(1), cumulative, latest: 0, echo: 0, complete: None }), 0)
    }

    fn queue() -> LinkQueue {
        LinkQueue::new(1500, Limits { packets: 2, bytes: 10_000 })
    }

    fn drain(queue: &mut LinkQueue, most: usize) -> Vec<Packet> {
        let mut out = Vec::new();
        queue.pop_into(&mut out, most);
        out
    }

    #[test]
    fn acknowledgements_overtake_data() {
        let mut queue = queue();
        queue.push(chunk(0, 10));
        queue.push(ack(1));
        queue.push(chunk(10, 10));
        assert_eq!(drain(&mut queue, 1_000), [ack(1), chunk(0, 10), chunk(10, 10)]);
        assert!(queue.is_empty());
    }

    #[test]
    fn lossless_packets_are_taken_beyond_the_limits_and_while_the_link_is_down() {
        let mut queue = queue();
        queue.set_up(LinkUp::No);
        (0..100).for_each(|n| queue.push(chunk(n, 1_000)));
        assert_eq!(queue.len(), 100);
        assert_eq!(queue.counters().drops, Drops::default());
    }

    #[test]
    fn the_end_of_a_link_counts_what_waited() {
        let mut queue = queue();
        queue.push(chunk(0, 10));
        queue.push(ack(1));
        queue.set_up(LinkUp::Ended);
        queue.push(chunk(1, 10));
        assert_eq!((queue.len(), queue.waiting_bytes()), (0, 0));
        assert_eq!(queue.counters().drops.down, 3);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_reordered_and_every_byte_is_counted(
            lengths in prop::collection::vec(0_usize..70_000, 0..40), most in 1_usize..300_000,
        ) {
            let mut queue = queue();
            let sent: Vec<Packet> = lengths.iter().zip(0..).map(|(&length, n)| chunk(n, length)).collect();
            sent.iter().cloned().for_each(|packet| queue.push(packet));
            let mut received = Vec::new();
            while !queue.is_empty() {
                let batch = drain(&mut queue, most);
                prop_assert!(!batch.is_empty());
                let payload: usize = batch.iter().map(|packet| packet.payload.len()).sum();
                let first = batch.iter().take_while(|packet| packet.payload.is_empty()).count() + 1;
                prop_assert!(payload <= most || batch.len() == first);
                received.extend(batch);
            }
            let counted: u64 = sent.iter().map(|packet| packet.wire_bytes(1500)).sum();
            prop_assert_eq!(queue.counters().bytes, counted);
            prop_assert_eq!(queue.waiting_bytes(), 0);
            prop_assert_eq!(received, sent);
        }
    }
}
