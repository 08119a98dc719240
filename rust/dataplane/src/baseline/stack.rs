//! The TCP of synthetic flows by itself: both ends of a connection in one thread, with nothing in between.

use std::time::Duration;

use nextmini_policy::lossless::{Checksum, Pattern};
use nextmini_policy::time::Instant;
use nextmini_wire::control::Congestion;
use nextmini_wire::id::FlowId;

use super::BaselineError;
use crate::clock;
use crate::process::keep_freed_memory;
use crate::routes::Outbound;
use crate::tcp::endpoint::{Endpoint, Partial, Shape};

/// Bytes that are made at a time.
const PIECE: usize = 16 * 1024;

/// Gbit/s from one end to the other for so many seconds, in packets of up to `mtu` bytes, with `window` bytes of buffers
/// and the settings that flows have. Data are made as flows make them, and summed up at both ends.
///
/// # Errors
/// [`BaselineError::Stack`], also if something else arrived than was sent.
pub fn stack_loopback(mtu: u16, window: usize, seconds: f64) -> Result<f64, BaselineError> {
    keep_freed_memory();
    let congestion = Congestion::None;
    let (receive, send, partial) = (window, window, Partial::WhenAlone);
    let shape = Shape { mtu: mtu.into(), receive, send, congestion, partial, seed: 7 };
    let (client, server) = (([10, 0, 0, 1], 4_000).into(), ([10, 0, 0, 2], 80).into());
    let began = clock::now();
    let mut server_end = Endpoint::listen(server, &shape, began).map_err(|_| BaselineError::Stack)?;
    let mut client_end =
        Endpoint::connect(client, server, &shape, began).map_err(|_| BaselineError::Stack)?;
    let (pattern, mut sent, mut received) = (Pattern::new(7), Stream::default(), Stream::default());
    let mut packets = Vec::new();
    let ends_at = began + Duration::try_from_secs_f64(seconds).unwrap_or_default();
    let mut now = began;
    while now < ends_at || received.bytes < sent.bytes {
        while now < ends_at && client_end.socket().can_send() {
            sent.write(&mut client_end, &pattern)?;
        }
        pass(&mut client_end, &mut server_end, &mut packets, now);
        while server_end.socket().can_recv() {
            received.read(&mut server_end)?;
        }
        pass(&mut server_end, &mut client_end, &mut packets, now);
        now = clock::now();
    }
    if received.checksum.finish() != sent.checksum.finish() {
        return Err(BaselineError::Stack);
    }
    Ok(received.bytes as f64 * 8.0 / now.since(began).as_secs_f64() / 1e9)
}

/// What an end has sent or received.
#[derive(Default)]
struct Stream {
    bytes: u64,
    checksum: Checksum,
}

impl Stream {
    fn write(&mut self, end: &mut Endpoint, pattern: &Pattern) -> Result<(), BaselineError> {
        let sent = end.socket().send(|room| {
            let data = pattern.slice(FlowId(1), self.bytes, room.len().min(PIECE));
            self.checksum.write(&data);
            room[..data.len()].copy_from_slice(&data);
            (data.len(), data.len())
        });
        self.bytes += sent.map_err(|_| BaselineError::Stack)? as u64;
        Ok(())
    }

    fn read(&mut self, end: &mut Endpoint) -> Result<(), BaselineError> {
        let read = end.socket().recv(|bytes| {
            self.checksum.write(bytes);
            (bytes.len(), bytes.len())
        });
        self.bytes += read.map_err(|_| BaselineError::Stack)? as u64;
        Ok(())
    }
}

fn pass(from: &mut Endpoint, to: &mut Endpoint, packets: &mut Vec<Outbound>, now: Instant) {
    from.poll(now);
    from.fetch(packets, now);
    for packet in packets.drain(..) {
        to.take(packet.payload, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_get_from_one_end_to_the_other() {
        assert!(stack_loopback(1_500, 256 * 1024, 0.2).unwrap() > 0.0);
    }
}
