//! Peers that are silent, strange, hostile or broken: each is cut off with a reason, and nobody waits for them.

use std::io;

use crate::testbed::{PATIENCE, Testbed, flow, key, link};
use nextmini_dataplane::event::Event;
use nextmini_dataplane::link::authenticate::{self, AuthenticateError};
use nextmini_wire::control::{Apply, LinkStatus, Mapping, Transport};
use nextmini_wire::frame::{HEADER_BYTES, LENGTH_BYTES};
use nextmini_wire::handshake::{CHALLENGE_BYTES, HandshakeError, Hello, LinkKey, PROOF_BYTES};
use nextmini_wire::id::{LinkId, NodeId};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

async fn connect(bed: &Testbed) -> TcpStream {
    TcpStream::connect(&bed.address).await.unwrap()
}

/// Waits for the other end to close; what it still says is returned.
pub async fn until_closed(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut said = Vec::new();
    match timeout(PATIENCE, stream.read_to_end(&mut said)).await.unwrap() {
        Ok(_) => {}
        // Inside TLS, an end that was not announced.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
    }
    said
}

/// Two nodes with a link that works, and a third whose link waits for its dialler.
async fn bed_with_a_waiting_link() -> Testbed {
    let mut bed = Testbed::start().await;
    bed.nodes(3, 1, Mapping::Sequential);
    bed.links([(1, 2)], Transport::Tcp);
    bed.until_up().await;
    let mut waiting = link(2, 3, 2, Transport::Tcp, &bed.address);
    waiting.dial = false;
    bed.apply(Apply { links: vec![waiting], ..Apply::default() });
    bed.routes(&[1, 2], 1);
    bed
}

pub async fn assert_still_works(bed: &mut Testbed) {
    bed.flows(vec![flow(1, 1, 2, 3_000_000)]);
    bed.until_ended(1).await;
    bed.assert_complete(1, 3_000_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_peers_are_cut_off_and_delay_nobody() {
    let mut bed = Testbed::start().await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(connect(&bed).await);
    }
    let mut half = connect(&bed).await;
    half.write_all(b"NML").await.unwrap();
    bed.nodes(2, 1, Mapping::Sequential);
    bed.links([(1, 2)], Transport::Tcp);
    bed.until_up().await;
    bed.routes(&[1, 2], 1);
    assert_still_works(&mut bed).await;
    silent.push(half);
    for stream in &mut silent {
        assert_eq!(until_closed(stream).await, b"");
    }
}

#[tokio::test]
async fn strangers_and_other_versions_learn_nothing() {
    let bed = Testbed::start().await;
    let mut browser = connect(&bed).await;
    browser.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n").await.unwrap();
    assert_eq!(until_closed(&mut browser).await, b"");
    let mut newer = Hello { link: LinkId(1), node: NodeId(1), nonce: [0; 32] }.encode();
    newer[5] = 99;
    let mut peer = connect(&bed).await;
    peer.write_all(&newer).await.unwrap();
    assert_eq!(until_closed(&mut peer).await, b"");
}

#[tokio::test]
async fn only_the_experiments_key_opens_a_link() {
    let mut bed = bed_with_a_waiting_link().await;
    let other = LinkKey::from_hex(&"00".repeat(32)).unwrap();
    let error = authenticate::dial(&mut connect(&bed).await, &other, LinkId(2), NodeId(3)).await.unwrap_err();
    assert!(matches!(error, AuthenticateError::Peer(HandshakeError::Proof)), "{error}");

    let mut forger = connect(&bed).await;
    forger.write_all(&Hello { link: LinkId(2), node: NodeId(3), nonce: [1; 32] }.encode()).await.unwrap();
    let mut challenge = [0; CHALLENGE_BYTES];
    forger.read_exact(&mut challenge).await.unwrap();
    forger.write_all(&[7; PROOF_BYTES]).await.unwrap();
    assert_eq!(until_closed(&mut forger).await, b"");

    for (link, node) in [(LinkId(9), NodeId(3)), (LinkId(2), NodeId(1))] {
        let error = authenticate::dial(&mut connect(&bed).await, &key(), link, node).await.unwrap_err();
        assert!(matches!(error, AuthenticateError::Peer(HandshakeError::Refused)), "{error}");
    }
    // All but the one for a link that may be still to come.
    bed.until_counted("the refusals", |bed| bed.host.refused() == 3).await;
}

/// A frame that ends with its header.
pub fn of_kind(kind: u8) -> [u8; HEADER_BYTES] {
    let mut frame = [0; HEADER_BYTES];
    (frame[3], frame[4]) = ((HEADER_BYTES - LENGTH_BYTES) as u8, kind);
    frame
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_frame_ends_its_connection_with_a_reason_and_no_other() {
    let mut bed = bed_with_a_waiting_link().await;
    for (bytes, reason) in [
        (&u32::MAX.to_be_bytes()[..], "4294967295 bytes"),
        (&of_kind(77), "unknown kind 77"),
        (&of_kind(2), "kind 2 with 18 bytes"),
    ] {
        let mut peer = connect(&bed).await;
        authenticate::dial(&mut peer, &key(), LinkId(2), NodeId(3)).await.unwrap();
        peer.write_all(bytes).await.unwrap();
        assert_eq!(until_closed(&mut peer).await, b"");
        let mut states = Vec::new();
        while states.last() != Some(&LinkStatus::Down) {
            match timeout(PATIENCE, bed.events.recv()).await.unwrap() {
                Some(Event::Link(change)) if change.link == LinkId(2) => {
                    states.push(change.state);
                    let said = change.reason.unwrap_or_default();
                    assert!(change.state == LinkStatus::Up || said.contains(reason), "{said}");
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(states, [LinkStatus::Up, LinkStatus::Down]);
    }
    assert_still_works(&mut bed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_stops_in_the_middle_of_a_frame_delays_nobody() {
    let mut bed = bed_with_a_waiting_link().await;
    let mut peer = connect(&bed).await;
    authenticate::dial(&mut peer, &key(), LinkId(2), NodeId(3)).await.unwrap();
    peer.write_all(&[0, 1, 0, 0, 1]).await.unwrap();
    assert_still_works(&mut bed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_fails_takes_nobody_with_it() {
    let mut bed = Testbed::start().await;
    bed.nodes(4, 1, Mapping::Sequential);
    bed.links([(1, 2), (2, 3), (3, 4)], Transport::Memory);
    bed.until_up().await;
    bed.routes(&[1, 2, 3], 1);
    bed.routes(&[3, 4], 1);
    let mut endless = flow(2, 1, 3, 0);
    endless.size = None;
    bed.flows(vec![endless]);
    bed.host.fail_node(NodeId(2));
    bed.flows(vec![flow(1, 3, 4, 3_000_000)]);
    bed.until("the other flow", |bed| bed.ended.len() == 2).await;
    bed.assert_complete(1, 3_000_000);
}
