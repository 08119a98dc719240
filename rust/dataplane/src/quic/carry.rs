//! Packets of a link over a QUIC connection, until it breaks.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use nextmini_policy::link::LinkUp;
use nextmini_wire::frame::{self, FrameError};
use nextmini_wire::packet::Packet;
use quinn::{Connection, ConnectionError, ReadError, RecvStream, SendStream, VarInt, WriteError};
use thiserror::Error;
use tokio::task::JoinSet;

use super::datagrams::{self, NotAgreed};
use crate::ingress::Ingress;
use crate::link::Outgoing;
use crate::link::carriage::Unreliable;
use crate::link::path;
use crate::link::reader::FrameReader;
use crate::link::status::Status;
use crate::link::stream::{End, PeerClock, UnderWay, spawn_scoped, stamp};
use crate::timers::Alarm;

/// Streams that a link's packets are spread over: each flow keeps to one.
const LANES: usize = 8;
/// Pieces that are taken from a stream at once, a packet of the connection each: whoever takes one shuts everybody else
/// out of the connection meanwhile.
const PIECES: usize = 64;

/// Why a connection ended.
#[derive(Debug, Error)]
pub enum QuicError {
    /// It broke, or the peer closed it.
    #[error("the connection ended ({0})")]
    Connection(#[from] ConnectionError),
    /// A stream did.
    #[error("a stream of the connection cannot be written ({0})")]
    Write(#[from] WriteError),
    /// A stream did.
    #[error("a stream of the connection cannot be read ({0})")]
    Read(#[from] ReadError),
    /// The peer ended a stream.
    #[error("the peer ended a stream")]
    Ended,
    /// The peer sent something that is not a frame.
    #[error("the peer sent {0}")]
    Frame(#[from] FrameError),
    /// The peer sent a datagram that is something else.
    #[error("the peer sent a datagram of {0} bytes that is not one frame")]
    Datagram(usize),
    /// The peer takes no datagrams.
    #[error(transparent)]
    NotAgreed(#[from] NotAgreed),
    /// An address is unknown.
    #[error("the connection has no address ({0})")]
    Address(#[from] io::Error),
}

/// Carries packets in both directions; see [`End::carry`].
///
/// # Cancel safety
/// Dropping it ends both directions.
pub async fn carry(end: &End, connection: Connection, status: &Status) -> QuicError {
    end.outgoing.set_up(LinkUp::Yes);
    // Not before: whoever hears of it may send.
    status.up();
    let _closing = Closing(&connection);
    let clock = connection
        .local_ip()
        .map_or(PeerClock::Foreign, |here| PeerClock::between(here, connection.remote_address().ip()));
    let receiving = receive(connection.clone(), end.ingress.clone(), Arc::clone(&end.outgoing), clock);
    let sender = match end.carriage.unreliable {
        Unreliable::Datagrams => Some(datagrams::Sender::new(&connection, &end.outgoing)),
        Unreliable::Streams => None,
    };
    let error = tokio::select! {
        error = spawn_scoped(receiving) => error,
        error = receive_datagrams(end, &connection, clock) => error,
        error = send(&connection, &end.outgoing, sender, end.timers.alarm()) => error,
        never = path::watch(end, || Some(connection.rtt())) => match never {},
    };
    end.outgoing.set_up(LinkUp::No);
    match error {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

/// Has the peer hear at once that nobody is here any more.
struct Closing<'a>(&'a Connection);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close(VarInt::from_u32(0), b"the link ended");
    }
}

async fn send(
    connection: &Connection,
    outgoing: &Outgoing,
    mut datagrams: Option<datagrams::Sender<'_>>,
    mut alarm: Alarm,
) -> Result<Infallible, QuicError> {
    let mut batch = UnderWay { packets: Vec::new(), outgoing };
    let mut lanes: [Option<SendStream>; LANES] = Default::default();
    let mut chunks: [Vec<Bytes>; LANES] = Default::default();
    loop {
        outgoing.take(&mut batch.packets, &mut alarm).await;
        batch.packets.retain_mut(|packet| !packet.redeem());
        if let Some(datagrams) = &mut datagrams {
            datagrams.send(&mut batch.packets).await?;
        }
        encode(&batch.packets, &mut chunks);
        for (lane, chunks) in lanes.iter_mut().zip(&mut chunks).filter(|(_, chunks)| !chunks.is_empty()) {
            let stream = match lane {
                Some(stream) => stream,
                None => lane.insert(connection.open_uni().await?),
            };
            stream.write_all_chunks(chunks).await?;
            chunks.clear();
        }
        batch.packets.clear();
    }
}

/// The frames of packets, by lane.
fn encode(packets: &[Packet], chunks: &mut [Vec<Bytes>; LANES]) {
    let mut headers = Vec::new();
    for packet in packets {
        let lane = &mut chunks[packet.label as usize % LANES];
        headers.clear();
        frame::encode_headers(packet, &mut headers);
        lane.push(Bytes::copy_from_slice(&headers));
        if !packet.payload.is_empty() {
            lane.push(packet.payload.clone());
        }
    }
}

/// Nothing comes in datagrams where the link does not ask for them: the connection would end.
async fn receive_datagrams(
    end: &End,
    connection: &Connection,
    clock: PeerClock,
) -> Result<Infallible, QuicError> {
    match end.carriage.unreliable {
        Unreliable::Datagrams => {
            let (ingress, arrives_at) = (end.ingress.clone(), Arc::clone(&end.outgoing));
            spawn_scoped(datagrams::receive(connection.clone(), ingress, arrives_at, clock)).await
        }
        Unreliable::Streams => std::future::pending().await,
    }
}

async fn receive(
    connection: Connection,
    ingress: Ingress,
    arrives_at: Arc<Outgoing>,
    clock: PeerClock,
) -> Result<Infallible, QuicError> {
    let mut lanes = JoinSet::new();
    loop {
        tokio::select! {
            stream = connection.accept_uni() => {
                lanes.spawn(read(stream?, ingress.clone(), Arc::clone(&arrives_at), clock));
            }
            Some(ended) = lanes.join_next() => match ended {
                Ok(outcome) => outcome.map(|never| match never {})?,
                Err(error) => if let Ok(panic) = error.try_into_panic() {
                    std::panic::resume_unwind(panic)
                },
            },
        }
    }
}

async fn read(
    mut stream: RecvStream,
    ingress: Ingress,
    arrives_at: Arc<Outgoing>,
    clock: PeerClock,
) -> Result<Infallible, QuicError> {
    let (mut reader, mut batch) = (FrameReader::default(), Vec::new());
    let mut pieces = vec![Bytes::new(); PIECES];
    while let Some(count) = stream.read_chunks(&mut pieces).await? {
        for piece in &mut pieces[..count] {
            reader.put(&std::mem::take(piece), &mut batch)?;
        }
        if clock == PeerClock::Foreign {
            stamp(&mut batch);
        }
        if !batch.is_empty() {
            ingress.submit(&mut batch, &arrives_at).await;
        }
    }
    Err(QuicError::Ended)
}
