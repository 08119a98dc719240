//! The TCP of synthetic flows by itself: both ends of a connection in one thread, with nothing in between.

use std::time::Duration;

use nextmini_policy::time::Instant;
use nextmini_wire::control::Congestion;

use super::BaselineError;
use crate::clock;
use crate::routes::Outbound;
use crate::tcp::endpoint::{Endpoint, Partial, Shape};

/// Bytes that are written and read at a time.
const PIECE: usize = 64 * 1024;

/// Gbit/s from one end to the other for so many seconds, in packets of up to `mtu` bytes, with `window` bytes of buffers
/// and the settings that flows have.
///
/// # Errors
/// [`BaselineError::Stack`].
pub fn stack_loopback(mtu: u16, window: usize, seconds: f64) -> Result<f64, BaselineError> {
    let congestion = Congestion::None;
    let (receive, send, partial) = (window, window, Partial::WhenAlone);
    let shape = Shape { mtu: mtu.into(), receive, send, congestion, partial, seed: 7 };
    let (client, server) = (([10, 0, 0, 1], 4_000).into(), ([10, 0, 0, 2], 80).into());
    let began = clock::now();
    let mut server_end = Endpoint::listen(server, &shape, began).map_err(|_| BaselineError::Stack)?;
    let mut client_end =
        Endpoint::connect(client, server, &shape, began).map_err(|_| BaselineError::Stack)?;
    let (data, mut packets, mut bytes) = (vec![7; PIECE], Vec::new(), 0_u64);
    let ends_at = began + Duration::try_from_secs_f64(seconds).unwrap_or_default();
    let mut now = began;
    while now < ends_at {
        while client_end.socket().can_send()
            && client_end.socket().send_slice(&data).is_ok_and(|sent| sent > 0)
        {}
        pass(&mut client_end, &mut server_end, &mut packets, now);
        while server_end.socket().can_recv() {
            let read = server_end.socket().recv(|bytes| (bytes.len(), bytes.len()));
            bytes += read.map_err(|_| BaselineError::Stack)? as u64;
        }
        pass(&mut server_end, &mut client_end, &mut packets, now);
        now = clock::now();
    }
    Ok(bytes as f64 * 8.0 / now.since(began).as_secs_f64() / 1e9)
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
