//! The receiving end of a TCP flow.

use std::net::SocketAddr;

use nextmini_policy::lossless::Checksum;
use nextmini_policy::time::Instant;
use nextmini_wire::control::{FlowChange, FlowEnd, FlowStatus};
use nextmini_wire::id::FlowId;
use nextmini_wire::tcp_flow::{PREFACE_BYTES, Receipt, decode_preface};

use super::endpoint::{BeginError, Endpoint, Shape};
use crate::flow::checksum_text;

/// Where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// More is to come.
    Open,
    /// All of it has come, and the other end was told.
    Complete,
    /// The connection is over.
    Over,
}

/// What has arrived.
pub struct Server {
    endpoint: Endpoint,
    number: u32,
    preface: Vec<u8>,
    flow: Option<FlowId>,
    bytes: u64,
    checksum: Checksum,
    began: Instant,
    phase: Phase,
}

impl Server {
    /// A server at `own`, whose client's numbers begin with `number`.
    ///
    /// # Errors
    /// [`BeginError`].
    pub fn new((own, number): (SocketAddr, u32), shape: &Shape, now: Instant) -> Result<Self, BeginError> {
        Ok(Self {
            endpoint: Endpoint::listen(own, shape, now)?,
            number,
            preface: Vec::with_capacity(PREFACE_BYTES),
            flow: None,
            bytes: 0,
            checksum: Checksum::default(),
            began: now,
            phase: Phase::Open,
        })
    }

    /// Its connection.
    pub fn endpoint(&mut self) -> &mut Endpoint {
        &mut self.endpoint
    }

    /// The first of its client's sequence numbers.
    pub fn began_with(&self) -> u32 {
        self.number
    }

    /// Where it is.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Reads what has come; whether there was anything.
    pub fn serve(&mut self) -> bool {
        let mut progress = false;
        let (preface, checksum, total) = (&mut self.preface, &mut self.checksum, &mut self.bytes);
        let socket = self.endpoint.socket();
        while socket.can_recv() {
            let read = socket.recv(|bytes| {
                let mut data: &[u8] = bytes;
                if preface.len() < PREFACE_BYTES {
                    let (more, rest) = data.split_at(data.len().min(PREFACE_BYTES - preface.len()));
                    preface.extend_from_slice(more);
                    data = rest;
                }
                checksum.write(data);
                *total += data.len() as u64;
                (bytes.len(), ())
            });
            progress = true;
            if read.is_err() {
                break;
            }
        }
        if self.flow.is_none()
            && let Some(&preface) = self.preface.first_chunk()
        {
            self.flow = Some(decode_preface(preface));
        }
        self.advance() || progress
    }

    fn advance(&mut self) -> bool {
        let receipt = Receipt { bytes: self.bytes, checksum: self.checksum.finish() };
        let known = self.flow.is_some();
        let socket = self.endpoint.socket();
        match self.phase {
            // The client has sent its FIN, and nothing is left to read.
            Phase::Open if known && socket.is_active() && !socket.may_recv() => {
                // A buffer that nothing was written to has room for it.
                let sent = socket.send_slice(&receipt.encode());
                socket.close();
                self.phase = if sent.is_ok() { Phase::Complete } else { Phase::Over };
                true
            }
            Phase::Open | Phase::Complete if !socket.is_open() => {
                self.phase = Phase::Over;
                true
            }
            _ => false,
        }
    }

    /// What is to be reported of it, if it is known which flow it is.
    pub fn report(&self, now: Instant) -> Option<FlowChange> {
        let complete = self.phase == Phase::Complete;
        Some(FlowChange {
            flow: self.flow?,
            end: FlowEnd::Sink,
            status: if complete { FlowStatus::Completed } else { FlowStatus::Stopped },
            bytes: self.bytes,
            seconds: now.since(self.began).as_secs_f64(),
            retransmitted: 0,
            timeouts: 0,
            reordered: 0,
            checksum: complete.then(|| checksum_text(self.checksum.finish())),
            route: None,
            reason: None,
            datagrams: None,
        })
    }
}
