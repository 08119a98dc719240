//! What links and tunnels carry: bytes to types and back.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use nextmini_wire::frame;
use nextmini_wire::handshake::{Exchange, Hello, LinkKey, Role};
use nextmini_wire::id::{LinkId, NodeId};
use nextmini_wire::packet::Packet;
use nextmini_wire::tunnel::{Reader, Record};

use super::Work;
use super::packets::{ack, chunk};

const FRAMES: u64 = 500;

pub(super) fn encode_chunks() -> Work {
    encode((0..FRAMES).map(|number| chunk(number, 1_400)).collect())
}

pub(super) fn encode_acks() -> Work {
    encode((0..FRAMES).map(ack).collect())
}

pub(super) fn decode_chunks() -> Work {
    decode((0..FRAMES).map(|number| chunk(number, 1_400)))
}

pub(super) fn decode_acks() -> Work {
    decode((0..FRAMES).map(ack))
}

/// The headers, as a writer has them in front of payloads that are not copied.
fn encode(packets: Vec<Packet>) -> Work {
    let mut out = Vec::with_capacity(FRAMES as usize * frame::MAX_OVERHEAD);
    Box::new(move || packets.iter().for_each(|packet| frame::encode_headers(black_box(packet), &mut out)))
}

fn decode(packets: impl Iterator<Item = Packet>) -> Work {
    let mut bytes = Vec::new();
    for packet in packets {
        frame::encode_headers(&packet, &mut bytes);
        bytes.extend_from_slice(&packet.payload);
    }
    let mut buffer = BytesMut::from(&bytes[..]);
    Box::new(move || {
        for _ in 0..FRAMES {
            black_box(frame::decode(&mut buffer).unwrap().unwrap());
        }
    })
}

/// Both ends of a link prove themselves, ten times.
pub(super) fn handshake() -> Work {
    let key = LinkKey::from_hex(&"5a".repeat(32)).unwrap();
    Box::new(move || {
        for number in 0..10 {
            let hello = Hello { link: LinkId(number), node: NodeId(3), nonce: [1; 32] };
            let heard = Hello::decode(&black_box(hello).encode()).unwrap();
            let exchange = Exchange { hello: heard, nonce: [2; 32] };
            for role in [Role::Listener, Role::Dialler] {
                let proof = exchange.proof(&key, role);
                exchange.verify(&key, role, black_box(&proof)).unwrap();
            }
        }
    })
}

/// Data of a tunnel, in records of 1,000 bytes that come in pieces of 600.
pub(super) fn read_records() -> Work {
    let record = Record::Data(Bytes::from(vec![7; 1_000])).encode().unwrap();
    let stream = Bytes::from(record.repeat(FRAMES as usize));
    let pieces: Vec<Bytes> =
        (0..stream.len()).step_by(600).map(|at| stream.slice(at..(at + 600).min(stream.len()))).collect();
    let mut reader = Reader::default();
    Box::new(move || {
        for piece in &pieces {
            reader.read(piece.clone(), |record| drop(black_box(record))).unwrap();
        }
    })
}
