//! How much goes on at once: the unit of work of nodes, of links, and of those who send over them.

use std::sync::atomic::{AtomicUsize, Ordering};

use nextmini_wire::packet::Packet;

/// Payload that one wake-up of a writer, or of who sends, moves at most, in bytes. What a hop holds should stay in
/// the processor's cache.
pub const BATCH_BYTES: usize = 256 * 1024;

static MOST: AtomicUsize = AtomicUsize::new(BATCH_BYTES);

/// What nodes, links, lossless flows and tunnels of a process move at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Batching {
    /// All that there is, up to [`BATCH_BYTES`].
    #[default]
    On,
    /// One packet, to be compared with: each is looked up, queued, written and carried on alone. A connection is
    /// still read by the largest frame, and a TUN device or the TCP of a flow asked for all that it has.
    Off,
}

impl Batching {
    /// Puts it in force for all of this process, before there are links.
    pub fn apply(self) {
        let bytes = match self {
            Self::On => BATCH_BYTES,
            // One packet is always moved, whatever its length.
            Self::Off => 1,
        };
        MOST.store(bytes, Ordering::Relaxed);
    }
}

/// Payload that one wake-up moves at most, in bytes; one packet in any case.
#[must_use]
pub fn batch_bytes() -> usize {
    MOST.load(Ordering::Relaxed)
}

/// Has `work` done to the whole batch, or to one packet of it after the other; each leaves nothing behind.
pub(super) fn pieces(batch: &mut Vec<Packet>, mut work: impl FnMut(&mut Vec<Packet>)) {
    if batch_bytes() > 1 || batch.len() < 2 {
        return work(batch);
    }
    let mut one = Vec::with_capacity(1);
    for packet in batch.drain(..) {
        one.push(packet);
        work(&mut one);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use nextmini_wire::id::{FlowId, RouteId};
    use nextmini_wire::packet::{Content, Datagram, Ecn};

    use super::*;

    fn packet(sequence: u64) -> Packet {
        let datagram = Datagram { flow: FlowId(1), sequence, sent_at: 0, last: false, ecn: Ecn::default() };
        Packet::new(RouteId(1), 9, 0, Content::Datagram(datagram), Bytes::new())
    }

    fn sizes(batching: Batching) -> Vec<usize> {
        let mut batch: Vec<_> = (0..3).map(packet).collect();
        let (mut sizes, mut seen) = (Vec::new(), Vec::new());
        batching.apply();
        pieces(&mut batch, |piece| {
            sizes.push(piece.len());
            seen.append(piece);
        });
        Batching::On.apply();
        assert_eq!(batch, []);
        assert_eq!(seen, (0..3).map(packet).collect::<Vec<_>>());
        sizes
    }

    #[test]
    fn a_batch_goes_as_a_whole_or_packet_by_packet() {
        assert_eq!(sizes(Batching::On), [3]);
        assert_eq!(sizes(Batching::Off), [1, 1, 1]);
    }
}
