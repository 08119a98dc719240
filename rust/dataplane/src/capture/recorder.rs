//! Packets on their way into a capture.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nextmini_policy::addresses::AddressBook;
use nextmini_policy::link::{Fate, Observed};
use nextmini_policy::route::{RouteTable, Ttl};
use nextmini_policy::time::Instant;
use nextmini_wire::capture::Request;
use nextmini_wire::id::NodeId;
use nextmini_wire::packet::{Content, Packet};
use nextmini_wire::pcapng::{self, Direction, Seen};
use nextmini_wire::shown::{self, View};
use tokio::sync::Notify;

use crate::clock;
use crate::routes::Routes;

/// What may wait for whoever watches, in bytes.
const MOST_WAITING: usize = 8 << 20;
/// What a packet takes beside its bytes, at most: its block, and a comment.
const OVERHEAD: usize = 256;

/// One capture of a process.
#[derive(Debug)]
pub(super) struct Recorder {
    request: Request,
    routes: Arc<Routes>,
    state: Mutex<State>,
    /// Rings when there is something to write, or nothing more to come.
    filled: Notify,
}

#[derive(Debug)]
struct State {
    /// Of the file, as far as nobody has taken them.
    blocks: Vec<u8>,
    scratch: Vec<u8>,
    counts: Vec<Counts>,
    open: bool,
}

/// Packets of one interface.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    seen: u64,
    missed: u64,
}

impl Recorder {
    pub(super) fn new(request: Request, routes: Arc<Routes>) -> Self {
        let mut blocks = Vec::new();
        pcapng::section(&mut blocks);
        for link in &request.links {
            pcapng::interface(&mut blocks, &link.name, &link.description, request.kept);
        }
        let counts = vec![Counts::default(); request.links.len()];
        let state = Mutex::new(State { blocks, scratch: Vec::new(), counts, open: true });
        Self { request, routes, state, filled: Notify::new() }
    }

    pub(super) fn request(&self) -> &Request {
        &self.request
    }

    /// Takes note of packets, or breaks if nobody wants them any more.
    pub(super) fn record(&self, interface: u32, way: Direction, observed: &[Observed]) -> ControlFlow<()> {
        let (table, addresses, ttl) = (self.routes.load(), self.routes.addresses(), self.routes.ttl());
        let mut state = self.lock();
        if !state.open {
            return ControlFlow::Break(());
        }
        let was_empty = state.blocks.is_empty();
        for one in observed {
            let view = self.view(&one.packet, &table, &addresses, ttl);
            state.record(one, self.stamp(one.at), &view, (interface, way));
        }
        let filled = was_empty && !state.blocks.is_empty();
        drop(state);
        if filled {
            self.filled.notify_one();
        }
        ControlFlow::Continue(())
    }

    /// Nothing is recorded any more.
    pub(super) fn close(&self) {
        self.lock().open = false;
        self.filled.notify_one();
    }

    /// Waits until there may be something to take.
    ///
    /// # Cancel safety
    /// What it would have returned for is there for the next call.
    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Exchanges what waits for `blocks`, which is empty; whether more may come.
    pub(super) fn take(&self, blocks: &mut Vec<u8>) -> bool {
        let mut state = self.lock();
        std::mem::swap(&mut state.blocks, blocks);
        state.open
    }

    /// The last blocks: how many packets there were.
    pub(super) fn statistics(&self) -> Vec<u8> {
        let (state, at) = (self.lock(), self.stamp(clock::now()));
        let mut blocks = Vec::new();
        for (interface, counts) in (0..).zip(&state.counts) {
            pcapng::statistics(&mut blocks, interface, at, (counts.seen, counts.missed));
        }
        blocks
    }

    fn stamp(&self, at: Instant) -> u64 {
        self.request.epoch_ns.saturating_add(at.0)
    }

    fn view(&self, packet: &Packet, table: &RouteTable, addresses: &AddressBook, ttl: Ttl) -> View {
        let real = matches!(packet.content, Content::Ip(_));
        let ends = if real { None } else { table.ends(packet.route, packet.source) };
        let address = |node: NodeId| match addresses.of(node).map(|known| known.v4) {
            Some(IpAddr::V4(address)) => address,
            _ => Ipv4Addr::UNSPECIFIED,
        };
        View {
            source: ends.map_or(Ipv4Addr::UNSPECIFIED, |(source, _)| address(source)),
            destination: ends.map_or(Ipv4Addr::UNSPECIFIED, |(_, destination)| address(destination)),
            // The node that a packet begins at is a host, and hosts count nothing down.
            routers: if ttl == Ttl::Counted { packet.position.saturating_sub(1) } else { 0 },
            kept: self.request.kept as usize,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A block is there as a whole or not at all: nothing between panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn record(&mut self, one: &Observed, at: u64, view: &View, (interface, direction): (u32, Direction)) {
        let Some(counts) = self.counts.get_mut(interface as usize) else { return };
        counts.seen += 1;
        let most = one.packet.payload.len().min(view.kept) + OVERHEAD;
        if self.blocks.len() + most > MOST_WAITING {
            counts.missed += 1;
            return;
        }
        let length = shown::show(&one.packet, view, &mut self.scratch);
        let comment = comment(one);
        let seen = Seen { interface, at, direction, length, bytes: &self.scratch, comment: &comment };
        pcapng::packet(&mut self.blocks, &seen);
    }
}

/// What became of it, and what it is if its bytes do not tell.
fn comment(one: &Observed) -> String {
    let fate = match one.fate {
        Fate::Left => String::new(),
        Fate::Corrupted => "corrupted".to_owned(),
        Fate::Duplicated => "duplicate".to_owned(),
        Fate::Dropped(cause) => format!("dropped: {}", cause.name()),
    };
    match shown::describe(&one.packet) {
        Some(what) if fate.is_empty() => what,
        Some(what) => format!("{fate}; {what}"),
        None => fate,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use nextmini_policy::drops::DropCause;
    use nextmini_policy::link::Observed;
    use nextmini_wire::capture::WantedLink;
    use nextmini_wire::id::{FlowId, LinkId, RouteId};
    use nextmini_wire::packet::{Datagram, Ecn};
    use tokio::sync::mpsc;

    use super::*;

    fn recorder(kept: u32) -> Recorder {
        let link =
            WantedLink { link: LinkId(7), from: NodeId(1), name: "a-b".into(), description: String::new() };
        let request = Request { epoch_ns: 1_000_000, kept, links: vec![link] };
        let (events, _) = mpsc::unbounded_channel();
        Recorder::new(request, Arc::new(Routes::new(events)))
    }

    fn observed(bytes: usize, fate: Fate) -> Observed {
        let datagram =
            Datagram { flow: FlowId(3), sequence: 9, sent_at: 0, last: false, ecn: Ecn::NotCapable };
        let payload = Bytes::from(vec![0; bytes]);
        let packet = Packet::new(RouteId(1), 8, 0, Content::Datagram(datagram), payload);
        Observed { packet, at: Instant(234), fate }
    }

    fn taken(recorder: &Recorder) -> Vec<u8> {
        let mut blocks = Vec::new();
        recorder.take(&mut blocks);
        blocks
    }

    #[test]
    fn a_packet_is_written_with_its_time_and_fate() {
        let recorder = recorder(40);
        let mut header = Vec::new();
        pcapng::section(&mut header);
        pcapng::interface(&mut header, "a-b", "", 40);
        assert_eq!(taken(&recorder), header);
        let seen = [observed(100, Fate::Dropped(DropCause::Red))];
        assert!(recorder.record(0, Direction::Inbound, &seen).is_continue());
        let mut bytes = Vec::new();
        let nowhere = Ipv4Addr::UNSPECIFIED;
        let view = View { source: nowhere, destination: nowhere, routers: 0, kept: 40 };
        let length = shown::show(&seen[0].packet, &view, &mut bytes);
        let mut block = Vec::new();
        let comment = "dropped: red; flow 3: packet 9";
        let packet = Seen {
            interface: 0,
            at: 1_000_234,
            direction: Direction::Inbound,
            length,
            bytes: &bytes,
            comment,
        };
        pcapng::packet(&mut block, &packet);
        assert_eq!((length, taken(&recorder)), (128, block));
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let recorder = recorder(u32::MAX);
        taken(&recorder);
        let packets = 9;
        let large = MOST_WAITING / 8;
        for _ in 0..packets {
            assert!(recorder.record(0, Direction::Outbound, &[observed(large, Fate::Left)]).is_continue());
        }
        assert!(taken(&recorder).len() <= MOST_WAITING);
        let statistics = |seen, missed| {
            let mut blocks = Vec::new();
            pcapng::statistics(&mut blocks, 0, 0, (seen, missed));
            blocks.split_off(20)
        };
        assert_eq!(recorder.statistics()[20..], statistics(9, 2));
        recorder.close();
        assert!(recorder.record(0, Direction::Outbound, &[observed(1, Fate::Left)]).is_break());
        assert_eq!((taken(&recorder), &recorder.statistics()[20..]), (vec![], &statistics(9, 2)[..]));
    }
}
