//! An end of a TCP connection, with a stack of its own: a stack looks at all of its sockets for every packet.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use nextmini_policy::time::Instant;
use nextmini_wire::control::Congestion;
use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer, State};
use smoltcp::time;
use smoltcp::wire::{HardwareAddress, IpCidr, IpEndpoint};
use thiserror::Error;

use super::device::Device;
use super::reading::{Before, Itself, Reading};
use super::recovery::Recovery;
use super::scoreboard::{Scoreboard, Use};
use super::segment::{RST, SYN, Segment, is_behind};
use super::track::Track;
use crate::routes::Outbound;

/// Packets that a stack makes before others have their turn.
pub const PACKETS: usize = 64;
/// A peer that does not answer for so long is gone.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// When a sender sends less than a packet holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partial {
    /// At once.
    AtOnce,
    /// When nothing is under way that would bring more room (Nagle, RFC 896).
    WhenAlone,
}

/// How an end is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Bytes of the largest packet.
    pub mtu: usize,
    /// Bytes that may have arrived and not been read.
    pub receive: usize,
    /// Bytes that may have been written and not been acknowledged.
    pub send: usize,
    /// What the sender does about losses.
    pub congestion: Congestion,
    /// When it sends less than a packet holds.
    pub partial: Partial,
    /// Where its numbers begin.
    pub seed: u64,
}

/// A connection cannot be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("its addresses are none of a connection")]
pub struct BeginError;

fn stack_time(now: Instant, pace: u32) -> time::Instant {
    time::Instant::from_micros((now.0.saturating_mul(pace.into()) / 1_000) as i64)
}

/// A time, by the process's clock and by the stack's.
#[derive(Clone, Copy)]
struct Moment {
    own: Instant,
    stack: time::Instant,
}

/// An end.
pub struct Endpoint {
    device: Device,
    interface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    pace: u32,
    track: Track,
    recovery: Recovery,
    board: Scoreboard<Outbound>,
    /// An acknowledgement that the socket is to hear later.
    held: Option<(Segment, Bytes)>,
    /// So many of the packets that are to leave were looked at.
    noted: usize,
    changed: bool,
    /// What has arrived and was not read yet.
    arrived: VecDeque<(Segment, Bytes)>,
}

/// How fast the stack's clock runs. It takes a segment for lost after a second at the least (RFC 6298, section 2.4),
/// which Linux does after 200 ms (TCP_RTO_MIN) and which a network of one machine has time for hundreds of times. Cubic
/// reckons with the time itself.
fn pace(congestion: Congestion) -> u32 {
    match congestion {
        Congestion::None | Congestion::Reno => 5,
        Congestion::Cubic => 1,
    }
}

impl Endpoint {
    fn new(own: IpAddr, shape: &Shape, now: Instant) -> Self {
        let mut device = Device::new(shape.mtu, PACKETS);
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = shape.seed;
        let pace = pace(shape.congestion);
        let mut interface = Interface::new(config, &mut device, stack_time(now, pace));
        interface.update_ip_addrs(|addresses| {
            // Whoever is to be reached is reached by the one device. There is room for one address.
            let _room = addresses.push(IpCidr::new(own.into(), 0));
        });
        let buffer = |bytes: usize| SocketBuffer::new(vec![0; bytes]);
        let mut socket = Socket::new(buffer(shape.receive), buffer(shape.send));
        // A second segment may never come, and a network of one machine has no use for fewer packets.
        socket.set_ack_delay(None);
        socket.set_nagle_enabled(shape.partial == Partial::WhenAlone);
        socket.set_timeout(Some(time::Duration::from_millis((PATIENCE * pace).as_millis() as u64)));
        socket.set_congestion_control(match shape.congestion {
            Congestion::None => CongestionControl::None,
            Congestion::Reno => CongestionControl::Reno,
            Congestion::Cubic => CongestionControl::Cubic,
        });
        let mut sockets = SocketSet::new(Vec::with_capacity(1));
        let handle = sockets.add(socket);
        let recovery = Recovery::new(shape.congestion);
        Self {
            device,
            interface,
            sockets,
            handle,
            pace,
            track: Track::default(),
            recovery,
            board: Scoreboard::default(),
            held: None,
            noted: 0,
            changed: false,
            arrived: VecDeque::new(),
        }
    }

    /// An end that connects.
    ///
    /// # Errors
    /// [`BeginError`].
    pub fn connect(own: SocketAddr, to: SocketAddr, shape: &Shape, now: Instant) -> Result<Self, BeginError> {
        let mut endpoint = Self::new(own.ip(), shape, now);
        let socket = endpoint.sockets.get_mut::<Socket<'_>>(endpoint.handle);
        let (own, to) = (IpEndpoint::from(own), IpEndpoint::from(to));
        socket.connect(endpoint.interface.context(), to, own).map_err(|_| BeginError)?;
        Ok(endpoint)
    }

    /// An end that waits for a connection.
    ///
    /// # Errors
    /// [`BeginError`].
    pub fn listen(own: SocketAddr, shape: &Shape, now: Instant) -> Result<Self, BeginError> {
        let mut endpoint = Self::new(own.ip(), shape, now);
        endpoint.socket().listen(IpEndpoint::from(own)).map_err(|_| BeginError)?;
        Ok(endpoint)
    }

    /// Its socket.
    pub fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.handle)
    }

    /// What its segments tell of the path.
    pub fn track(&self) -> &Track {
        &self.track
    }

    /// What its segments tell of how its stack takes losses.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Takes a packet that came for it.
    pub fn take(&mut self, packet: Bytes, now: Instant) {
        let Some(segment) = Segment::parse(&packet) else { return };
        let ending = matches!(self.socket().state(), State::FinWait1 | State::Closing | State::LastAck);
        if ending && self.track.under_way() == 0 && self.track.has_heard(&segment) {
            // Only the FIN is under way. Upon duplicates smoltcp 0.14 stops its timer to send data again, of which there
            // is none, and never sends the FIN again. The socket itself does not know yet what else has arrived.
            return;
        }
        self.track.hears(&segment, now);
        self.arrived.push_back((segment, packet));
    }

    /// Does what there is to do. Whether the socket may have changed.
    pub fn poll(&mut self, now: Instant) -> bool {
        let now = Moment { own: now, stack: stack_time(now, self.pace) };
        self.release(now);
        while let Some((segment, packet)) = self.arrived.pop_front() {
            self.read(segment, packet, now);
        }
        self.mend(now);
        self.run(now);
        std::mem::take(&mut self.changed)
    }

    /// Has the stack do what it has to.
    fn run(&mut self, now: Moment) {
        let result = self.interface.poll(now.stack, &mut self.device, &mut self.sockets);
        self.changed |= result == PollResult::SocketStateChanged;
        while let Some(packet) = self.device.leaving.get(self.noted) {
            if let Some(segment) = Segment::parse(&packet.payload) {
                let timeouts = self.recovery.timeouts();
                self.recovery.sends(&segment, now.stack);
                if self.recovery.timeouts() > timeouts {
                    self.board.timed_out();
                }
                let numbered = segment.length() > 0 && segment.flags & (SYN | RST) == 0;
                if numbered && self.board.sends(&segment, packet, now.own) == Use::Known {
                    self.device.leaving.remove(self.noted);
                    continue;
                }
                self.track.sends(&segment, now.own);
            }
            self.noted += 1;
        }
    }

    /// Sends again what is lost.
    fn mend(&mut self, now: Moment) {
        let Some((next, most)) = self.recovery.repairs() else { return };
        while !self.device.is_full()
            && let Some(packet) = self.board.resend(next, most, now.own)
        {
            if let Some(segment) = Segment::parse(&packet.payload) {
                self.track.sends(&segment, now.own);
            }
            self.device.leaving.push(packet);
            self.noted += 1;
        }
    }

    /// Has the socket hear what it was to hear later, if it is.
    fn release(&mut self, now: Moment) {
        let held_until = self.recovery.holds_until();
        if held_until.is_none_or(|until| now.stack >= until)
            && let Some((segment, packet)) = self.held.take()
        {
            self.hear(segment, packet, now);
        }
    }

    fn read(&mut self, mut segment: Segment, mut packet: Bytes, now: Moment) {
        let news = self.board.hears(&segment, now.own);
        if self.recovery.repairs_beyond(&segment) && segment.acknowledges != self.recovery.acknowledged() {
            self.board.first_is_lost();
        }
        let Reading { before, itself, again, window } =
            Reading::of(&segment, &self.recovery, news, now.stack);
        if let Itself::Held(number) = itself {
            let later = |(held, _): &(Segment, Bytes)| is_behind(segment.acknowledges, held.acknowledges);
            if segment.acknowledges != number && self.held.as_ref().is_none_or(later) {
                self.held = Some((segment, packet.clone()));
            }
            if again > 0 {
                let window = window.unwrap_or(segment.window);
                packet = segment.with(&packet, number, window);
                segment = Segment { acknowledges: number, window, ..segment };
            }
        } else if let Some(window) = window.filter(|&window| window != segment.window) {
            packet = segment.with(&packet, segment.acknowledges, window);
            segment.window = window;
        }
        if let Some(Before { first, each }) = before {
            let mut number = first;
            while is_behind(segment.acknowledges, number) {
                let packet = segment.with(&packet, number, segment.window);
                self.hear(Segment { acknowledges: number, ..segment }, packet, now);
                number = number.wrapping_add(each);
            }
        }
        if itself == Itself::Heard {
            let as_much = |(held, _): &(Segment, Bytes)| !is_behind(held.acknowledges, segment.acknowledges);
            if self.held.as_ref().is_some_and(as_much) {
                self.held = None;
            }
        }
        for _ in 0..again {
            self.hear(segment, packet.clone(), now);
        }
        if itself == Itself::Heard {
            self.hear(segment, packet, now);
        }
    }

    fn hear(&mut self, segment: Segment, packet: Bytes, now: Moment) {
        self.recovery.hears(&segment, now.stack);
        self.device.take(packet);
        if self.recovery.is_fast() {
            // Duplicates that come after what is sent again now make the window larger.
            self.run(now);
        }
    }

    /// Moves what it has to send to `batch`.
    pub fn fetch(&mut self, batch: &mut Vec<Outbound>) {
        self.noted = 0;
        self.device.fetch(batch);
    }

    /// When it is to be polled again, if nothing arrives before.
    pub fn next(&mut self, now: Instant) -> Option<Instant> {
        let next = self.interface.poll_at(stack_time(now, self.pace), &self.sockets);
        let held = self.held.as_ref().and_then(|_| self.recovery.holds_until());
        let next = next.into_iter().chain(held).min()?;
        let micros = next.total_micros().max(0) as u64;
        // Not before it is time for the stack.
        Some(Instant(micros.saturating_mul(1_000).div_ceil(u64::from(self.pace))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::scoreboard::News;

    fn at(milliseconds: u64) -> Instant {
        Instant(1 + milliseconds * 1_000_000)
    }

    fn address(last: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, last], port))
    }

    /// What an end has to say at that time.
    fn says(end: &mut Endpoint, now: Instant) -> Vec<Bytes> {
        let mut batch = Vec::new();
        end.poll(now);
        end.fetch(&mut batch);
        batch.into_iter().map(|packet| packet.payload).collect()
    }

    fn hears(end: &mut Endpoint, packets: Vec<Bytes>, now: Instant) {
        packets.into_iter().for_each(|packet| end.take(packet, now));
    }

    #[test]
    fn what_was_never_sent_is_not_acknowledged_piece_by_piece() {
        let shape = Shape {
            mtu: 1_500,
            receive: 65_536,
            send: 65_536,
            congestion: Congestion::Cubic,
            partial: Partial::AtOnce,
            seed: 1,
        };
        let mut client = Endpoint::connect(address(1, 1_024), address(2, 80), &shape, at(0)).unwrap();
        let mut server = Endpoint::listen(address(2, 80), &shape, at(0)).unwrap();
        says(&mut client, at(0)).into_iter().for_each(|packet| server.take(packet, at(0)));
        let answer = says(&mut server, at(0)).pop().unwrap();
        let segment = Segment::parse(&answer).unwrap();
        assert!(client.recovery().grows(), "an acknowledgement of data would be read piece by piece");
        for far in [2, 10_000, 1 << 30] {
            let stale = segment.with(&answer, segment.acknowledges.wrapping_add(far), segment.window);
            let stale = Segment::parse(&stale).unwrap();
            let reading = Reading::of(&stale, client.recovery(), News::default(), time::Instant::ZERO);
            assert_eq!(reading.before, None);
        }
    }

    #[test]
    fn a_lost_fin_is_sent_again_whatever_arrived_twice() {
        let shape = Shape {
            mtu: 1_500,
            receive: 65_536,
            send: 65_536,
            congestion: Congestion::Cubic,
            partial: Partial::AtOnce,
            seed: 1,
        };
        let mut client = Endpoint::connect(address(1, 1_024), address(2, 80), &shape, at(0)).unwrap();
        let mut server = Endpoint::listen(address(2, 80), &shape, at(0)).unwrap();
        for _ in 0..3 {
            let (there, back) = (says(&mut client, at(0)), says(&mut server, at(0)));
            hears(&mut server, there, at(0));
            hears(&mut client, back, at(0));
        }
        client.socket().send_slice(&[7; 1_000]).unwrap();
        let data = says(&mut client, at(1));
        hears(&mut server, data, at(1));
        client.socket().close();
        assert_eq!(says(&mut client, at(1)).len(), 1, "this FIN is lost");
        let acknowledgement = says(&mut server, at(2));
        assert_eq!(acknowledgement.len(), 1);
        // All of them before the stack looks at one.
        for _ in 0..4 {
            hears(&mut client, acknowledgement.clone(), at(2));
        }
        assert!(says(&mut client, at(2)).is_empty());
        let later = client.next(at(2)).unwrap();
        assert!(later < at(10_000), "{later:?}");
        let again = says(&mut client, later);
        hears(&mut server, again, later);
        server.poll(later);
        assert_eq!(server.socket().state(), State::CloseWait);
    }
}
