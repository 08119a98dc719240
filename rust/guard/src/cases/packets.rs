//! Packets that several cases send.

use bytes::Bytes;
use nextmini_wire::id::{FlowId, RouteId};
use nextmini_wire::packet::{Ack, Chunk, Content, Datagram, Ecn, Packet};

/// A piece of a lossless session with so many bytes.
pub(super) fn chunk(number: u64, bytes: usize) -> Packet {
    let chunk = Chunk {
        flow: FlowId(7),
        offset: number * bytes as u64,
        sent_at: 1_000 + number,
        last: false,
        ask: number.is_multiple_of(2),
    };
    let payload = Bytes::from(vec![number as u8; bytes]);
    Packet { due: number, ..Packet::new(RouteId(3), 64, 12_345, Content::Chunk(chunk), payload) }
}

/// An acknowledgement of such a piece.
pub(super) fn ack(number: u64) -> Packet {
    let ack = Ack {
        flow: FlowId(7),
        cumulative: number,
        latest: number,
        echo: 1_000 + number,
        complete: number.is_multiple_of(16).then_some(number),
    };
    Packet::new(RouteId(4), 64, 12_345, Content::Ack(ack), Bytes::new())
}

/// A packet of one of so many flows, which queues may drop or mark. On the emulated wire it has 1,500 bytes.
pub(super) fn datagram(number: u64, flows: u64, sent_at: u64) -> Packet {
    let flow = number % flows;
    let datagram =
        Datagram { flow: FlowId(flow as u32), sequence: number, sent_at, last: false, ecn: Ecn::Capable };
    let payload = Bytes::from_static(&[0; 1_472]);
    let packet = Packet::new(RouteId(1), 64, flow as u32, Content::Datagram(datagram), payload);
    Packet { weight: 1 + flow as u16 % 4, due: sent_at, ..packet }
}
