//! The sending end of a TCP flow.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nextmini_policy::lossless::{Checksum, Pattern};
use nextmini_policy::time::Instant;
use nextmini_wire::control::Flow;
use nextmini_wire::tcp_flow::{PREFACE_BYTES, RECEIPT_BYTES, Receipt, encode_preface};
use smoltcp::socket::tcp::Socket;
use thiserror::Error;

use super::endpoint::{BeginError, Endpoint, PACKETS, PATIENCE, Shape};
use crate::flow::checksum_text;
use crate::flow::source::seconds;
use crate::flow::terms::{Pace, Terms};

/// See [`piece`].
const PIECE: Duration = Duration::from_millis(10);
/// See [`piece`].
const LEAST: usize = 100;
/// What a packet carries at an MTU of 1,500 bytes.
const PACKET: usize = 1_460;

/// Bytes that are made and summed up at a time: they stay in a core's first cache in between.
const SLICE: usize = 16 * 1024;
/// Bytes of a large burst.
const BURST_BYTES: usize = 128 * 1024;

/// Why a flow did not arrive.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ClientError {
    /// The other end refused, or did not answer.
    #[error("no connection to its destination: it was refused, or not answered within {PATIENCE:?}")]
    NoConnection,
    /// The connection ended.
    #[error("its connection was reset, or not answered for {PATIENCE:?}")]
    Broken,
    /// Something else arrived.
    #[error("checksum mismatch: {ours} was sent and {theirs} arrived")]
    Checksum {
        /// Of what was sent.
        ours: String,
        /// Of what arrived.
        theirs: String,
    },
    /// The node lost everything that it knew.
    #[error("its node went down")]
    Down,
}

/// What a flow sends.
pub struct Client {
    endpoint: Endpoint,
    flow: Flow,
    terms: Arc<Terms>,
    pattern: Pattern,
    pace: Pace,
    ends_at: Option<Instant>,
    burst: usize,
    preface: usize,
    written: u64,
    size: u64,
    checksum: Checksum,
    receipt: Vec<u8>,
    established: bool,
    closed: bool,
}

/// What a flow with a rate writes at a time: a packet, or less if that would take longer than [`PIECE`], but not so little
/// that headers are most of it.
fn piece(rate: u64) -> usize {
    let bytes = u128::from(rate) * PIECE.as_nanos() / 8_000_000_000;
    usize::try_from(bytes).unwrap_or(PACKET).clamp(LEAST, PACKET)
}

/// What may be written and not yet sent: whole packets, as many as leave at once. What waits in a buffer for longer is not
/// in the core's cache any more when its turn comes.
fn burst(mtu: usize, own: SocketAddr) -> usize {
    let segment = mtu.saturating_sub(if own.is_ipv4() { 40 } else { 60 }).max(1);
    segment * (BURST_BYTES / segment).clamp(2, PACKETS)
}

impl Client {
    /// The client of `flow`, which begins now.
    ///
    /// # Errors
    /// [`BeginError`].
    pub fn new(
        (flow, terms): (Flow, Arc<Terms>),
        (own, to): (SocketAddr, SocketAddr),
        shape: &Shape,
        pattern: Pattern,
        now: Instant,
    ) -> Result<Self, BeginError> {
        let pace = Pace::new(terms.rate(), now);
        Ok(Self {
            endpoint: Endpoint::connect(own, to, shape, now)?,
            ends_at: flow.duration.map(|duration| now + seconds(duration)),
            size: flow.size.unwrap_or(u64::MAX),
            burst: burst(shape.mtu, own),
            flow,
            terms,
            pattern,
            pace,
            preface: 0,
            written: 0,
            checksum: Checksum::default(),
            receipt: Vec::with_capacity(RECEIPT_BYTES),
            established: false,
            closed: false,
        })
    }

    /// Its connection.
    pub fn endpoint(&mut self) -> &mut Endpoint {
        &mut self.endpoint
    }

    /// Whether it has, or had, a connection.
    pub fn is_connected(&self) -> bool {
        self.established
    }

    /// Bytes of data that were written.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Bytes of data that the other end has acknowledged.
    pub fn acknowledged(&mut self) -> u64 {
        let waiting = self.endpoint.socket().send_queue() as u64;
        self.written.saturating_sub(waiting)
    }

    /// Sends no more than was written.
    pub fn finish(&mut self) {
        self.size = self.size.min(self.written);
    }

    /// The flow's own checksum.
    pub fn checksum(&self) -> String {
        checksum_text(self.checksum.finish())
    }

    /// When there is more to do, whatever the connection does.
    pub fn wakes_at(&mut self, now: Instant) -> Option<Instant> {
        let room = self.endpoint.socket().can_send() && self.written < self.size;
        let ready = self.pace.ready().filter(|&at| room && at > now);
        ready.into_iter().chain(self.ends_at.filter(|&at| at > now && !self.closed)).min()
    }

    /// Writes what there is room for, and reads what has come; whether there was anything.
    pub fn serve(&mut self, now: Instant) -> bool {
        if self.ends_at.is_some_and(|at| now >= at) {
            self.finish();
        }
        self.pace.set(self.terms.rate(), now);
        let written = self.write(now);
        let read = self.read();
        let done = self.written >= self.size && self.preface == PREFACE_BYTES;
        if done && !self.closed {
            self.endpoint.socket().close();
            self.closed = true;
            return true;
        }
        written || read
    }

    fn write(&mut self, now: Instant) -> bool {
        let mut progress = false;
        self.established |= self.endpoint.socket().may_send();
        while self.endpoint.socket().can_send() && !self.closed {
            if self.preface < PREFACE_BYTES {
                let preface = encode_preface(self.flow.id);
                let Ok(sent) = self.endpoint.socket().send_slice(&preface[self.preface..]) else { break };
                self.preface += sent;
                progress = true;
                continue;
            }
            let left = (self.size - self.written).min(self.room().min(SLICE) as u64) as usize;
            if left == 0 || self.pace.ready().is_some_and(|ready| ready > now) {
                break;
            }
            let written = self.write_data(left);
            self.pace.spend(written as u64, now);
            progress |= written > 0;
            if written == 0 {
                break;
            }
        }
        progress
    }

    /// What else may be written before it has to be sent.
    fn room(&mut self) -> usize {
        let under_way = self.endpoint.recovery().under_way();
        let unsent = self.endpoint.socket().send_queue().saturating_sub(under_way);
        self.burst.saturating_sub(unsent)
    }

    fn write_data(&mut self, most: usize) -> usize {
        let most = self.pace.rate().map_or(most, |rate| most.min(piece(rate)));
        let (pattern, checksum) = (&self.pattern, &mut self.checksum);
        let (flow, offset) = (self.flow.id, self.written);
        let socket: &mut Socket<'_> = self.endpoint.socket();
        let sent = socket.send(|room| {
            let length = most.min(room.len());
            let data = pattern.slice(flow, offset, length);
            checksum.write(&data);
            room[..length].copy_from_slice(&data);
            (length, length)
        });
        let sent = sent.unwrap_or(0);
        self.written += sent as u64;
        sent
    }

    fn read(&mut self) -> bool {
        let receipt = &mut self.receipt;
        let socket = self.endpoint.socket();
        if !socket.can_recv() {
            return false;
        }
        let read = socket.recv(|bytes| {
            receipt.extend_from_slice(&bytes[..bytes.len().min(RECEIPT_BYTES - receipt.len())]);
            (bytes.len(), ())
        });
        read.is_ok()
    }

    /// What became of the flow, once that is known.
    pub fn verdict(&mut self) -> Option<Result<(), ClientError>> {
        if let Some(&receipt) = self.receipt.first_chunk() {
            let receipt = Receipt::decode(receipt);
            let (ours, theirs) = (self.checksum(), checksum_text(receipt.checksum));
            let whole = receipt.bytes == self.written && ours == theirs;
            return Some(if whole { Ok(()) } else { Err(ClientError::Checksum { ours, theirs }) });
        }
        let established = self.established;
        let error = if established { ClientError::Broken } else { ClientError::NoConnection };
        (!self.endpoint.socket().is_active()).then_some(Err(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_of_whole_packets() {
        let (v4, v6) = (([10, 0, 0, 1], 1).into(), "[fd00::1]:1".parse().unwrap());
        assert_eq!((burst(1_500, v4), burst(1_500, v6)), (PACKETS * 1_460, PACKETS * 1_440));
        assert_eq!((burst(9_000, v4), burst(65_535, v4)), (14 * 8_960, 2 * 65_495));
    }
}
