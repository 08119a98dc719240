//! Peers that know what a handshake looks like, and those that have the key and misuse it, over TCP and over QUIC.

use std::convert::Infallible;
use std::io;
use std::net::UdpSocket;
use std::sync::{Arc, Mutex};

use nextmini_dataplane::event::Event;
use nextmini_dataplane::link::authenticate;
use nextmini_dataplane::link::carrier::Carrier;
use nextmini_dataplane::link::tls::Tls;
use nextmini_dataplane::tls::identity::Identity;
use nextmini_wire::control::{Apply, LinkStatus, Mapping, Transport};
use nextmini_wire::handshake::{CHALLENGE_BYTES, HELLO_BYTES, PROOF_BYTES};
use nextmini_wire::id::{LinkId, NodeId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::peers::{assert_still_works, of_kind, until_closed};
use crate::quic::claim;
use crate::testbed::{PATIENCE, Testbed, key, link};

/// What a dialler has said, as somebody on its way has heard it.
type Recording<T> = Arc<Mutex<Vec<T>>>;

/// Two nodes whose link is dialled at `peer`.
pub async fn bed_by_way_of(transport: Transport, proxy: impl AsyncFnOnce(&str) -> String) -> Testbed {
    let mut bed = Testbed::start().await;
    bed.nodes(2, 1, Mapping::Sequential);
    let way = proxy(&bed.address).await;
    bed.add_links(vec![link(1, 1, 2, transport, &way)]);
    bed.routes(&[1, 2], 1);
    bed.until_up().await;
    bed
}

/// Passes on one connection to `to`, and records the handshake of who dials.
async fn tcp_proxy(to: &str, recording: Recording<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, to) = (listener.local_addr().unwrap().to_string(), to.to_owned());
    tokio::spawn(async move {
        let mut dialler = listener.accept().await?.0;
        let mut listener = TcpStream::connect(to).await?;
        let (mut hello, mut proof) = ([0; HELLO_BYTES], [0; PROOF_BYTES]);
        dialler.read_exact(&mut hello).await?;
        listener.write_all(&hello).await?;
        let mut challenge = [0; CHALLENGE_BYTES];
        listener.read_exact(&mut challenge).await?;
        dialler.write_all(&challenge).await?;
        dialler.read_exact(&mut proof).await?;
        recording.lock().unwrap().extend(hello.iter().chain(&proof));
        listener.write_all(&proof).await?;
        tokio::io::copy_bidirectional(&mut dialler, &mut listener).await
    });
    address
}

/// Passes on the datagrams of one dialler to `to` and back, and records the dialler's.
async fn udp_proxy(to: &str, recording: Recording<Vec<u8>>) -> String {
    let near = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let far = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    far.connect(to).await.unwrap();
    let address = near.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        pass_on(&near, &far, &recording).await.unwrap();
    });
    address
}

async fn pass_on(
    near: &tokio::net::UdpSocket,
    far: &tokio::net::UdpSocket,
    recording: &Mutex<Vec<Vec<u8>>>,
) -> io::Result<Infallible> {
    let (mut there, mut back, mut dialler) = (vec![0; 65_536], vec![0; 65_536], None);
    loop {
        tokio::select! {
            got = near.recv_from(&mut there) => {
                let (length, from) = got?;
                dialler = Some(from);
                recording.lock().unwrap().push(there[..length].to_vec());
                far.send(&there[..length]).await?;
            }
            got = far.recv(&mut back) => {
                let length = got?;
                if let Some(dialler) = dialler {
                    near.send_to(&back[..length], dialler).await?;
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_that_was_right_once_is_worth_nothing_again() {
    let recording = Recording::default();
    let recorded = Arc::clone(&recording);
    let mut bed = bed_by_way_of(Transport::Tcp, async move |to| tcp_proxy(to, recorded).await).await;
    let mut again = TcpStream::connect(&bed.address).await.unwrap();
    let said = recording.lock().unwrap().clone();
    assert_eq!(said.len(), HELLO_BYTES + PROOF_BYTES);
    again.write_all(&said).await.unwrap();
    assert_eq!(until_closed(&mut again).await.len(), CHALLENGE_BYTES, "no verdict");
    bed.until_counted("the refusal", |bed| bed.host.refused() == 1).await;
    assert_eq!(bed.links[&LinkId(1)], LinkStatus::Up);
    assert_still_works(&mut bed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quic_handshake_that_was_right_once_is_worth_nothing_again() {
    let recording = Recording::default();
    let recorded = Arc::clone(&recording);
    let mut bed = bed_by_way_of(Transport::Quic, async move |to| udp_proxy(to, recorded).await).await;
    let said = recording.lock().unwrap().clone();
    // Where the connection still is, and where nobody has heard of it.
    let mut other = bed_with_a_waiting_quic_link().await;
    let again = UdpSocket::bind("127.0.0.1:0").unwrap();
    for datagram in &said {
        again.send_to(datagram, &bed.address).unwrap();
        again.send_to(datagram, &other.address).unwrap();
    }
    assert_still_works(&mut bed).await;
    assert_eq!((bed.host.refused(), bed.links[&LinkId(1)]), (0, LinkStatus::Up));
    other.until_counted("the refusal", |other| other.host.refused() == 1).await;
    assert_still_works(&mut other).await;
}

/// Two nodes with a link that works, and a third whose QUIC link waits for its dialler.
async fn bed_with_a_waiting_quic_link() -> Testbed {
    let mut bed = Testbed::start().await;
    bed.nodes(3, 1, Mapping::Sequential);
    bed.links([(1, 2)], Transport::Quic);
    bed.until_up().await;
    let mut waiting = link(2, 3, 2, Transport::Quic, &bed.address);
    waiting.dial = false;
    bed.apply(Apply { links: vec![waiting], ..Apply::default() });
    bed.routes(&[1, 2], 1);
    bed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_frame_ends_its_quic_connection_with_a_reason_and_no_other() {
    let mut bed = bed_with_a_waiting_quic_link().await;
    for (bytes, reason) in [
        (&u32::MAX.to_be_bytes()[..], "4294967295 bytes"),
        (&of_kind(77), "unknown kind 77"),
        (&of_kind(2), "kind 2 with 18 bytes"),
    ] {
        let (connection, verdict) = claim(&bed, &key(), LinkId(2), NodeId(3)).await.unwrap();
        assert_eq!(verdict, 1);
        let mut lane = connection.open_uni().await.unwrap();
        lane.write_all(bytes).await.unwrap();
        timeout(PATIENCE, connection.closed()).await.unwrap();
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

/// Is node 1 at its end of link 1 until the other end hangs up.
async fn stay<C: Carrier>(stream: TcpStream) {
    let mut stream = C::dial(stream, &Identity::new(key()).unwrap()).await.unwrap();
    authenticate::dial(&mut stream, &key(), LinkId(1), NodeId(1)).await.unwrap();
    until_closed(&mut stream).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_claims_an_end_that_is_taken_has_it_until_the_other_one_comes_again() {
    for transport in [Transport::Tcp, Transport::Tls, Transport::Quic] {
        let mut bed = Testbed::start().await;
        bed.nodes(2, 1, Mapping::Sequential);
        bed.links([(1, 2)], transport);
        bed.routes(&[1, 2], 1);
        bed.until_up().await;
        if transport == Transport::Quic {
            let (second, verdict) = claim(&bed, &key(), LinkId(1), NodeId(1)).await.unwrap();
            assert_eq!(verdict, 1);
            timeout(PATIENCE, second.closed()).await.unwrap();
        } else {
            let second = TcpStream::connect(&bed.address).await.unwrap();
            match transport {
                Transport::Tls => stay::<Tls>(second).await,
                _ => stay::<TcpStream>(second).await,
            }
        }
        bed.until("that it broke", |bed| bed.links[&LinkId(1)] == LinkStatus::Down).await;
        bed.until_up().await;
        assert_still_works(&mut bed).await;
        assert_eq!(bed.host.refused(), 0);
    }
}
