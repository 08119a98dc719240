//! Packets in datagrams of a QUIC connection (RFC 9221), one frame in each: what is lost is not sent again and holds up
//! nobody.
//!
//! Whatever either end's library drops is counted: it tells how many datagrams have left and have come, and we know how
//! many we gave and got. What is lost between the two is seen by flows only.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use nextmini_policy::drops::DropCause;
use nextmini_wire::frame;
use nextmini_wire::packet::{Content, Packet};
use quinn::{Connection, SendDatagramError};
use thiserror::Error;

use super::carry::QuicError;
use crate::ingress::Ingress;
use crate::link::carriage::Unreliable;
use crate::link::stream::{End, PeerClock, UnderWay, stamp};
use crate::link::{Outgoing, batch_bytes};

/// The peer does not take datagrams: it has not been told yet, or not any more.
#[derive(Clone, Copy, Debug, Error)]
#[error("the link is to have datagrams, and the other end takes none yet")]
pub struct NotAgreed;

/// Whether `connection` carries what `end` is to send.
///
/// # Errors
/// [`NotAgreed`].
pub fn agreed(end: &End, connection: &Connection) -> Result<(), NotAgreed> {
    match end.carriage.unreliable {
        Unreliable::Datagrams if connection.max_datagram_size().is_none() => Err(NotAgreed),
        Unreliable::Datagrams | Unreliable::Streams => Ok(()),
    }
}

/// Whether no session sends it again.
fn is_unreliable(packet: &Packet) -> bool {
    match packet.content {
        Content::Datagram(_) | Content::Ip(_) => true,
        Content::Chunk(_) | Content::Ack(_) | Content::Credit(_) => false,
    }
}

/// The sending end of a connection's datagrams.
pub struct Sender<'a> {
    connection: &'a Connection,
    outgoing: &'a Outgoing,
    waiting: UnderWay<'a>,
    headers: Vec<u8>,
    /// What the library says is free when nothing waits.
    room: usize,
    /// Datagrams that the library was given.
    given: u64,
    /// Those of them that it dropped.
    dropped: u64,
}

impl<'a> Sender<'a> {
    /// That of `connection`, which has sent none yet, for what leaves by `outgoing`.
    pub fn new(connection: &'a Connection, outgoing: &'a Outgoing) -> Self {
        let waiting = UnderWay { packets: Vec::new(), outgoing };
        let room = connection.datagram_send_buffer_space();
        Self { connection, outgoing, waiting, headers: Vec::new(), room, given: 0, dropped: 0 }
    }

    /// Sends those of `packets` that are for datagrams and fit, waiting for room; others stay, in their order.
    ///
    /// # Errors
    /// The connection has ended.
    pub async fn send(&mut self, packets: &mut Vec<Packet>) -> Result<(), QuicError> {
        let before = self.given;
        let mut oversized = self.choose(packets);
        while let Some(packet) = self.waiting.packets.last() {
            let frame = encode(packet, &mut self.headers);
            match self.connection.send_datagram_wait(frame).await {
                Ok(()) => {
                    self.given += 1;
                    self.waiting.packets.pop();
                }
                // The path carries less than it did.
                Err(SendDatagramError::TooLarge) => {
                    packets.extend(self.waiting.packets.pop());
                    oversized += 1;
                }
                Err(SendDatagramError::ConnectionLost(error)) => return Err(error.into()),
                Err(SendDatagramError::UnsupportedByPeer | SendDatagramError::Disabled) => {
                    return Err(NotAgreed.into());
                }
            }
        }
        self.outgoing.count_datagrams(self.given - before, oversized);
        self.settle();
        Ok(())
    }

    /// Has those wait that are to go, the first of them at the end; how many others were too large.
    fn choose(&mut self, packets: &mut Vec<Packet>) -> u64 {
        let most = self.connection.max_datagram_size().unwrap_or(0);
        let mut oversized = 0;
        let chosen = packets.extract_if(.., |packet| {
            if !is_unreliable(packet) {
                return false;
            }
            self.headers.clear();
            frame::encode_headers(packet, &mut self.headers);
            let fits = self.headers.len() + packet.payload.len() <= most;
            oversized += u64::from(!fits);
            fits
        });
        self.waiting.packets.extend(chosen);
        self.waiting.packets.reverse();
        oversized
    }

    /// Counts what the library has dropped because the path came to carry less. Only an empty buffer tells.
    fn settle(&mut self) {
        if self.connection.datagram_send_buffer_space() < self.room {
            return;
        }
        let gone = self.not_sent();
        if gone > 0 {
            self.outgoing.count_drop(DropCause::Mtu, gone);
            self.dropped += gone;
        }
    }

    /// Datagrams that neither left nor are known to have been dropped.
    fn not_sent(&self) -> u64 {
        let left = self.connection.stats().frame_tx.datagram;
        self.given.saturating_sub(left + self.dropped)
    }
}

impl Drop for Sender<'_> {
    fn drop(&mut self) {
        // The connection has ended, and nobody sends them.
        let gone = self.not_sent();
        if gone > 0 {
            self.outgoing.count_drop(DropCause::Down, gone);
        }
    }
}

fn encode(packet: &Packet, headers: &mut Vec<u8>) -> Bytes {
    headers.clear();
    frame::encode_headers(packet, headers);
    let mut frame = BytesMut::with_capacity(headers.len() + packet.payload.len());
    frame.extend_from_slice(headers);
    frame.extend_from_slice(&packet.payload);
    frame.freeze()
}

/// The receiving end of a connection's datagrams.
struct Receiver<'a> {
    connection: &'a Connection,
    arrives_at: &'a Outgoing,
    /// Datagrams that were read.
    read: u64,
    /// Those that came and were dropped by the library, since nobody read them in time.
    overrun: u64,
}

impl Receiver<'_> {
    /// Waits for datagrams and moves a batch of their packets to `batch`.
    async fn read(&mut self, batch: &mut Vec<Packet>) -> Result<(), QuicError> {
        let mut frames = BytesMut::new();
        let mut next = Some(self.connection.read_datagram().await?);
        // Before they are read: what comes meanwhile can then not be taken for lost.
        let came = self.connection.stats().frame_rx.datagram;
        while let Some(datagram) = next {
            self.read += 1;
            if frame::frame_bytes(&datagram)? != Some(datagram.len()) {
                return Err(QuicError::Datagram(datagram.len()));
            }
            frames.extend_from_slice(&datagram);
            if frames.len() >= batch_bytes() {
                return unpack(frames, batch);
            }
            next = tokio::select! {
                biased;
                datagram = self.connection.read_datagram() => Some(datagram?),
                () = ready(()) => None,
            };
        }
        self.count(came, DropCause::Overrun);
        unpack(frames, batch)
    }

    /// Of datagrams that came, those that were not read are gone.
    fn count(&mut self, came: u64, cause: DropCause) {
        let gone = came.saturating_sub(self.read + self.overrun);
        if gone > 0 {
            self.arrives_at.count_drop(cause, gone);
            self.overrun += gone;
        }
    }
}

impl Drop for Receiver<'_> {
    fn drop(&mut self) {
        self.count(self.connection.stats().frame_rx.datagram, DropCause::Down);
    }
}

fn unpack(mut frames: BytesMut, batch: &mut Vec<Packet>) -> Result<(), QuicError> {
    while let Some(packet) = frame::decode(&mut frames)? {
        batch.push(packet);
    }
    Ok(())
}

/// Has what comes in datagrams go on, for ever.
///
/// # Errors
/// The connection has ended, or the peer sent something that is not a frame.
pub(crate) async fn receive(
    connection: Connection,
    ingress: Ingress,
    arrives_at: Arc<Outgoing>,
    clock: PeerClock,
) -> Result<Infallible, QuicError> {
    let mut receiver = Receiver { connection: &connection, arrives_at: &arrives_at, read: 0, overrun: 0 };
    let mut batch = Vec::new();
    loop {
        receiver.read(&mut batch).await?;
        if clock == PeerClock::Foreign {
            stamp(&mut batch);
        }
        ingress.submit(&mut batch, &arrives_at).await;
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use nextmini_policy::link::{LinkQueue, LinkSeed};
    use nextmini_wire::handshake::LinkKey;
    use nextmini_wire::id::{FlowId, LinkId, NodeId, RouteId};
    use nextmini_wire::packet::{Datagram, Ecn};
    use quinn::{ClientConfig, Endpoint};

    use super::*;
    use crate::link::carriage::Carriage;
    use crate::quic::identity::QuicIdentity;
    use crate::quic::settings::DATAGRAM_BUFFER;
    use crate::quic::{settings, sockets};
    use crate::tls::identity::{Identity, SERVER_NAME};

    const BYTES: usize = 1_000;
    /// More than the buffer takes.
    const MANY: usize = 2 * DATAGRAM_BUFFER / BYTES;

    fn outgoing() -> Outgoing {
        let (link, from, to) = (LinkId(1), NodeId(1), NodeId(2));
        let seed = LinkSeed { seed: 1, link: link.0, from: from.0 };
        Outgoing::new(link, from, to, LinkQueue::new(1_500, seed))
    }

    fn packets(count: usize, bytes: usize) -> Vec<Packet> {
        let packet = |sequence| {
            let (flow, ecn) = (FlowId(1), Ecn::NotCapable);
            let datagram = Datagram { flow, sequence, sent_at: 0, last: false, ecn };
            Packet::new(RouteId(1), 8, 0, Content::Datagram(datagram), Bytes::from(vec![7; bytes]))
        };
        (0..count as u64).map(packet).collect()
    }

    fn sequences(packets: &[Packet]) -> Vec<u64> {
        let sequence = |packet: &Packet| match packet.content {
            Content::Datagram(datagram) => datagram.sequence,
            _ => panic!("{packet:?}"),
        };
        packets.iter().map(sequence).collect()
    }

    /// Both ends of a connection with datagrams, and their sockets.
    async fn connected() -> (Connection, Connection, [Endpoint; 2]) {
        let carriage = Carriage { unreliable: Unreliable::Datagrams, ..Carriage::default() };
        let key = LinkKey::from_hex(&"0f".repeat(32)).unwrap();
        let identity = QuicIdentity::new(&Identity::new(key).unwrap()).unwrap();
        let server = sockets::listening(UdpSocket::bind("127.0.0.1:0").unwrap(), &identity).unwrap();
        let to = server.local_addr().unwrap();
        server.set_server_config(Some(sockets::serving(to, &identity, &carriage)));
        let client = sockets::dialling(to).unwrap();
        let mut config = ClientConfig::new(identity.client);
        config.transport_config(Arc::new(settings::transport(Some(to.ip()), &carriage)));
        let connecting = client.connect_with(config, to, SERVER_NAME).unwrap();
        let accepting = async { server.accept().await.unwrap().await };
        let (here, there) = tokio::join!(connecting, accepting);
        (here.unwrap(), there.unwrap(), [client, server])
    }

    #[tokio::test]
    async fn packets_come_in_their_order_and_those_that_do_not_fit_stay_in_theirs() {
        let (here, there, _sockets) = connected().await;
        let (outgoing, most) = (outgoing(), here.max_datagram_size().unwrap());
        let mut sender = Sender::new(&here, &outgoing);
        let overhead = encode(&packets(1, 0)[0], &mut Vec::new()).len();
        let mut all = packets(6, most - overhead);
        for large in [1, 2, 4] {
            all[large].payload = Bytes::from(vec![7; most - overhead + 1]);
        }
        sender.send(&mut all).await.unwrap();
        assert_eq!((sequences(&all), outgoing.datagrams()), (vec![1, 2, 4], (3, 3)));
        let mut receiver = Receiver { connection: &there, arrives_at: &outgoing, read: 0, overrun: 0 };
        let mut batch = Vec::new();
        while batch.len() < 3 {
            receiver.read(&mut batch).await.unwrap();
        }
        assert_eq!(sequences(&batch), [0, 3, 5]);
        drop((sender, receiver));
        assert_eq!(outgoing.counters().0.drops, Default::default());
    }

    #[tokio::test]
    async fn who_sends_waits_for_room_and_what_never_left_is_counted() {
        let (here, _there, _sockets) = connected().await;
        let outgoing = outgoing();
        let mut sender = Sender::new(&here, &outgoing);
        let mut all = packets(MANY, BYTES);
        // Nothing leaves meanwhile: the connection has no turn before this task waits.
        let done = tokio::select! {
            biased;
            _ = sender.send(&mut all) => true,
            () = ready(()) => false,
        };
        assert!(!done && all.is_empty());
        assert!(sender.given < MANY as u64 / 2);
        drop(sender);
        assert_eq!(here.stats().frame_tx.datagram, 0);
        assert_eq!(outgoing.counters().0.drops.down, MANY as u64);
    }

    #[tokio::test]
    async fn what_comes_faster_than_it_is_read_is_counted() {
        let (here, there, _sockets) = connected().await;
        let (outgoing, arrives_at) = (outgoing(), outgoing());
        let mut sender = Sender::new(&here, &outgoing);
        sender.send(&mut packets(MANY, BYTES)).await.unwrap();
        // Streams come after datagrams.
        let mut end = here.open_uni().await.unwrap();
        end.write_all(b"all").await.unwrap();
        assert_eq!(
            there.accept_uni().await.unwrap().read_chunk(3, true).await.unwrap().unwrap().bytes,
            "all"
        );
        let mut receiver = Receiver { connection: &there, arrives_at: &arrives_at, read: 0, overrun: 0 };
        let mut batch = Vec::new();
        while receiver.overrun == 0 {
            receiver.read(&mut batch).await.unwrap();
        }
        let came = there.stats().frame_rx.datagram;
        assert_eq!(came, receiver.read + receiver.overrun);
        assert_eq!(
            (batch.len() as u64, arrives_at.counters().0.drops.overrun),
            (receiver.read, receiver.overrun)
        );
        assert!(batch.len() * BYTES < DATAGRAM_BUFFER);
    }
}
