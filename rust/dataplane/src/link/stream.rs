//! A link over one connection: a task that reads and one that writes, until either fails.

use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Duration;

use nextmini_policy::drops::DropCause;
use nextmini_policy::link::LinkUp;
use nextmini_sys::socket::{LinkSocket, SocketError, round_trip};
use nextmini_wire::frame::{self, FrameError};
use nextmini_wire::packet::Packet;
use thiserror::Error;
use tokio::net::TcpStream;

use super::Outgoing;
use super::carriage::Carriage;
use super::carrier::{Carrier, Reading, Writing};
use super::path;
use super::reader::FrameReader;
use super::status::Status;
use crate::clock;
use crate::ingress::Ingress;
use crate::timers::{Alarm, Timers};

/// Bytes in each of the kernel's two buffers.
const SOCKET_BUFFER: usize = 256 * 1024;
/// A peer that acknowledges nothing for so long is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why a connection ended.
#[derive(Debug, Error)]
pub enum StreamError {
    /// The peer closed it.
    #[error("the peer closed the connection")]
    Closed,
    /// The kernel reported a failure.
    #[error("the connection broke ({0})")]
    Io(#[from] io::Error),
    /// The peer sent something that is not a frame.
    #[error("the peer sent {0}")]
    Frame(#[from] FrameError),
    /// The socket cannot be set as the link asks.
    #[error(transparent)]
    Socket(#[from] SocketError),
}

/// One end of a link.
#[derive(Clone, Debug)]
pub struct End {
    /// This node's direction of the link.
    pub outgoing: Arc<Outgoing>,
    /// Where this node's packets go in.
    pub ingress: Ingress,
    /// How its connection is to be set.
    pub carriage: Carriage,
    /// The process's deadlines.
    pub timers: Timers,
}

/// Whose clock the moments in a peer's packets are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeerClock {
    /// This machine's.
    Ours,
    /// Another one's: they mean nothing here.
    Foreign,
}

impl PeerClock {
    fn of(stream: &TcpStream) -> io::Result<Self> {
        Ok(Self::between(stream.local_addr()?.ip(), stream.peer_addr()?.ip()))
    }

    /// Of a connection between these addresses, of which the first is here.
    pub(crate) fn between(here: IpAddr, there: IpAddr) -> Self {
        let ours = there.is_loopback() || here == there || (is_underlay(here) && is_underlay(there));
        if ours { Self::Ours } else { Self::Foreign }
    }
}

/// Whether an address is one of those that nodes with a process each have for their links, all on one machine:
/// the addresses for tests of devices (RFC 2544, appendix C.2.2), which nobody routes.
fn is_underlay(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(v4) if v4.octets()[0] == 198 && v4.octets()[1] & 0xfe == 18)
}

impl End {
    /// Sets the options that a link's socket has.
    ///
    /// # Errors
    /// See [`SocketError`].
    pub fn tune(&self, stream: &TcpStream) -> Result<(), SocketError> {
        // Between sites what a path has under way may be much more.
        let buffer = if self.carriage.apart { None } else { Some(SOCKET_BUFFER) };
        let options = LinkSocket { congestion: &self.carriage.congestion, buffer, patience: PATIENCE };
        options.apply(stream)
    }

    /// Carries packets over `stream` in both directions until it breaks. `status` is told when it does, and is for
    /// the caller to be told when it does not any more.
    ///
    /// # Cancel safety
    /// Dropping it ends both directions.
    pub async fn carry(&self, stream: impl Carrier, status: &Status) -> StreamError {
        self.outgoing.set_up(LinkUp::Yes);
        // Not before: whoever hears of it may send.
        status.up();
        let clock = match PeerClock::of(stream.socket()) {
            Ok(clock) => clock,
            Err(error) => {
                self.outgoing.set_up(LinkUp::No);
                return error.into();
            }
        };
        let socket =
            if self.carriage.apart { stream.socket().as_fd().try_clone_to_owned().ok() } else { None };
        let (incoming, mut outgoing) = stream.split();
        let reading = spawn_scoped(read(incoming, self.ingress.clone(), Arc::clone(&self.outgoing), clock));
        let error = tokio::select! {
            error = reading => error,
            error = write(&mut outgoing, &self.outgoing, self.timers.alarm()) => error,
            never = path::watch(self, || round_trip(socket.as_ref()?).ok()) => match never {},
        };
        self.outgoing.set_up(LinkUp::No);
        match error {
            Ok(never) => match never {},
            Err(error) => error,
        }
    }
}

/// Runs `future` as a task of its own, which ends when the returned future is dropped.
pub(crate) async fn spawn_scoped<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(future);
    match tasks.join_next().await {
        Some(Ok(output)) => output,
        // A panic goes on where the task's owner hears of it; nobody else can abort the task.
        Some(Err(error)) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

async fn read(
    mut stream: impl Reading,
    ingress: Ingress,
    arrives_at: Arc<Outgoing>,
    clock: PeerClock,
) -> Result<Infallible, StreamError> {
    let mut reader = FrameReader::default();
    let mut batch = Vec::new();
    while reader.read(&mut stream).await? > 0 {
        reader.take(&mut batch)?;
        if clock == PeerClock::Foreign {
            stamp(&mut batch);
        }
        if !batch.is_empty() {
            ingress.submit(&mut batch, &arrives_at).await;
        }
    }
    Err(StreamError::Closed)
}

/// Packets from another machine came when they arrived.
pub(crate) fn stamp(batch: &mut [Packet]) {
    let now = clock::now();
    batch.iter_mut().filter(|packet| packet.due != 0).for_each(|packet| packet.due = now.0);
}

async fn write(
    stream: &mut impl Writing,
    outgoing: &Outgoing,
    mut alarm: Alarm,
) -> Result<Infallible, StreamError> {
    let mut batch = UnderWay { packets: Vec::new(), outgoing };
    let mut headers = Vec::new();
    loop {
        outgoing.take(&mut batch.packets, &mut alarm).await;
        batch.packets.retain_mut(|packet| !packet.redeem());
        headers.clear();
        write_batch(stream, &batch.packets, &mut headers).await?;
        batch.packets.clear();
    }
}

/// Packets that are being written. When the connection ends first, how many of them reached the peer
/// is unknown: all count as dropped, and senders hear that the link broke.
pub(crate) struct UnderWay<'a> {
    pub(crate) packets: Vec<Packet>,
    pub(crate) outgoing: &'a Outgoing,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if !self.packets.is_empty() {
            self.outgoing.count_drop(DropCause::Down, self.packets.len() as u64);
        }
    }
}

async fn write_batch(stream: &mut impl Writing, batch: &[Packet], headers: &mut Vec<u8>) -> io::Result<()> {
    let mut ends = Vec::with_capacity(batch.len());
    for packet in batch {
        frame::encode_headers(packet, headers);
        ends.push(headers.len());
    }
    let mut slices = Vec::with_capacity(2 * batch.len());
    let mut start = 0;
    for (packet, &end) in batch.iter().zip(&ends) {
        slices.push(IoSlice::new(&headers[start..end]));
        if !packet.payload.is_empty() {
            slices.push(IoSlice::new(&packet.payload));
        }
        start = end;
    }
    stream.write(&mut slices).await
}
