//! Captures: what passes links is shown to whoever asks, and never waits for them.

use std::collections::BTreeMap;

use crate::testbed::{PATIENCE, Testbed, datagrams, flow, link};
use nextmini_dataplane::capture::{Asked, accept, listen};
use nextmini_wire::capture::{Request, WantedLink};
use nextmini_wire::control::{Apply, Mapping, Transport, encode};
use nextmini_wire::id::{LinkId, NodeId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

const PACKET: u32 = 6;
const STATISTICS: u32 = 5;
const OUTBOUND: u32 = 2;

/// Number of the interface and flags of each packet; packets seen and missed by interface.
#[derive(Debug, Default)]
struct File {
    packets: Vec<(u32, u32)>,
    counts: BTreeMap<u32, (u64, u64)>,
}

impl File {
    fn parse(mut rest: &[u8]) -> Self {
        let mut file = Self::default();
        while !rest.is_empty() {
            let (block, more) = rest.split_at(word(rest, 4) as usize);
            match word(block, 0) {
                // Before the end of options and the second length, flags are the last option.
                PACKET => file.packets.push((word(block, 8), word(block, block.len() - 12))),
                STATISTICS => {
                    let counts = (u64::from(word(block, 24)), u64::from(word(block, 36)));
                    file.counts.insert(word(block, 8), counts);
                }
                _ => {}
            }
            rest = more;
        }
        file
    }

    fn packets(&self, interface: u32, outbound: bool) -> u64 {
        let those = |packet: &&(u32, u32)| packet.0 == interface && (packet.1 == OUTBOUND) == outbound;
        self.packets.iter().filter(those).count() as u64
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// The links of a line of nodes, each from its first to its second node.
fn request(links: u32) -> Request {
    let wanted = |id| WantedLink {
        link: LinkId(id),
        from: NodeId(id),
        name: format!("link {id}"),
        description: String::new(),
    };
    Request { epoch_ns: 0, kept: 100, links: (1..=links).map(wanted).collect() }
}

fn capture(bed: &mut Testbed, links: u32) -> UnixStream {
    let (here, stream) = UnixStream::pair().unwrap();
    bed.host.capture(Asked { request: request(links), stream });
    here
}

/// All that there is, once nothing more is wanted.
async fn rest(stream: &mut UnixStream) -> File {
    stream.shutdown().await.unwrap();
    let mut bytes = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.unwrap().unwrap();
    File::parse(&bytes)
}

async fn line(nodes: u32, transport: Transport) -> Testbed {
    let mut bed = Testbed::start().await;
    bed.chunk = 1_460;
    bed.nodes(nodes, 1, Mapping::Sequential);
    bed.links((1..nodes).map(|id| (id, id + 1)), transport);
    bed.until_up().await;
    bed.routes(&(1..=nodes).collect::<Vec<_>>(), 1);
    bed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_packet_of_both_directions_is_shown() {
    let mut bed = line(3, Transport::Tcp).await;
    let mut first = capture(&mut bed, 2);
    let mut second = capture(&mut bed, 1);
    bed.flows(vec![flow(1, 1, 3, 1_000_000), datagrams(2, 3, 1, 100_000_000)]);
    bed.until_ended(2).await;
    // A last acknowledgement may still be under way.
    let before = bed.link_counters();
    let (first, second) = (rest(&mut first).await, rest(&mut second).await);
    for (before, after) in before.iter().zip(bed.link_counters()) {
        let outbound = before.node.0 == before.link.0;
        let there = before.packets..=after.packets;
        assert!(there.contains(&first.packets(before.link.0 - 1, outbound)), "{before:?} {after:?}");
        assert!(before.link != LinkId(1) || there.contains(&second.packets(0, outbound)), "{before:?}");
    }
    let seen: u64 = first.counts.values().map(|counts| counts.0).sum();
    assert_eq!(seen, first.packets.len() as u64);
    assert!(first.counts.values().all(|counts| counts.1 == 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_is_carried_otherwise_is_watched_as_before() {
    let mut bed = line(2, Transport::Memory).await;
    let mut watching = capture(&mut bed, 1);
    bed.apply(Apply { links: vec![link(1, 1, 2, Transport::Tcp, &bed.address)], ..Apply::default() });
    bed.flows(vec![flow(1, 1, 2, 100_000)]);
    bed.until_ended(1).await;
    let file = rest(&mut watching).await;
    assert!(file.packets(0, true) > 0 && file.packets(0, false) > 0, "{file:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_misses_packets_and_delays_nobody() {
    let mut bed = line(2, Transport::Memory).await;
    let mut watching = capture(&mut bed, 1);
    let gone = capture(&mut bed, 1);
    drop(gone);
    let chunks = 100_000;
    bed.flows(vec![flow(1, 1, 2, chunks * 1_460)]);
    bed.until_ended(1).await;
    bed.assert_complete(1, chunks * 1_460);
    let file = rest(&mut watching).await;
    let (seen, missed) = file.counts[&0];
    assert!(missed > 0 && file.packets.len() as u64 == seen - missed, "{seen} seen, {missed} missed");
    // Those who are gone are forgotten with the next packet.
    let mut again = capture(&mut bed, 1);
    bed.flows(vec![flow(2, 1, 2, 1_460)]);
    bed.until_ended(2).await;
    assert!(rest(&mut again).await.packets(0, true) > 0);
}

#[tokio::test]
async fn captures_are_asked_for_at_a_socket_however_long_its_path_is() {
    let folder = std::env::temp_dir().join(format!("nextmini-{}", std::process::id())).join("x".repeat(150));
    std::fs::create_dir_all(&folder).unwrap();
    let (sender, mut asked) = mpsc::channel(1);
    let accepting = tokio::spawn(accept(listen(&folder.join("capture-0")).unwrap(), sender));
    let open = std::fs::File::open(&folder).unwrap();
    let short =
        format!("/proc/{}/fd/{}/capture-0", std::process::id(), std::os::fd::AsRawFd::as_raw_fd(&open));
    let _silent = UnixStream::connect(&short).await.unwrap();
    let mut stream = UnixStream::connect(&short).await.unwrap();
    let request = request(3);
    let bytes = encode(&request).unwrap();
    stream.write_u32(bytes.len() as u32).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    let heard = timeout(PATIENCE, asked.recv()).await.unwrap().unwrap();
    assert_eq!(heard.request, request);
    assert!(listen(&folder.join("capture-0")).is_err());
    accepting.abort();
    std::fs::remove_dir_all(folder.parent().unwrap()).unwrap();
}
