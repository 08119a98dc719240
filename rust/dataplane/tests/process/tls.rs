//! Links inside TLS: what they carry, what is seen of it on the way, and whom they refuse.

use std::sync::{Arc, Mutex};

use nextmini_dataplane::link::authenticate::{self, AuthenticateError};
use nextmini_dataplane::link::carrier::Carrier;
use nextmini_dataplane::link::tls::Tls;
use nextmini_dataplane::tls::identity::Identity;
use nextmini_policy::lossless::Pattern;
use nextmini_wire::control::{Apply, LinkStatus, Mapping, Transport};
use nextmini_wire::handshake::{HandshakeError, LinkKey};
use nextmini_wire::id::{LinkId, NodeId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::hostile::bed_by_way_of;
use crate::peers::{assert_still_works, until_closed};
use crate::testbed::{Testbed, flow, key, line, link};

const SIZE: u64 = 20_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_byte_arrives_over_links_of_all_kinds() {
    for transports in [[Transport::Tls; 3], [Transport::Tcp, Transport::Tls, Transport::Quic]] {
        let mut bed = line(transports).await;
        bed.flows((1..=4).map(|id| flow(id, 1, 4, SIZE)).collect());
        bed.until_ended(4).await;
        bed.assert_complete(4, SIZE);
        bed.assert_nothing_dropped();
    }
}

/// What is on the wire between a dialler and its listener.
#[derive(Clone, Default)]
struct Wire {
    seen: Arc<Mutex<Vec<u8>>>,
    cut: Arc<Notify>,
}

impl Wire {
    /// Passes on connections to `to`, one after the other, until each is cut.
    async fn tap(&self, to: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, to, wire) = (listener.local_addr().unwrap().to_string(), to.to_owned(), self.clone());
        tokio::spawn(async move {
            loop {
                let (dialler, _) = listener.accept().await.unwrap();
                let target = TcpStream::connect(&to).await.unwrap();
                tokio::select! {
                    () = wire.pass_on(dialler, target) => {}
                    () = wire.cut.notified() => {}
                }
            }
        });
        address
    }

    async fn pass_on(&self, dialler: TcpStream, target: TcpStream) {
        let ((mut from, mut back), (mut answers, mut to)) = (dialler.into_split(), target.into_split());
        let there = async {
            let mut bytes = vec![0; 65_536];
            while let Ok(length @ 1..) = from.read(&mut bytes).await {
                self.seen.lock().unwrap().extend(&bytes[..length]);
                if to.write_all(&bytes[..length]).await.is_err() {
                    break;
                }
            }
        };
        tokio::select! {
            () = there => {}
            _ = tokio::io::copy(&mut answers, &mut back) => {}
        }
    }

    fn shows(&self, what: &[u8]) -> bool {
        self.seen.lock().unwrap().windows(what.len()).any(|window| window == what)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_on_the_way_sees_nothing_of_what_a_flow_carries() {
    let carried = Pattern::new(1).slice(nextmini_wire::id::FlowId(1), 0, 64);
    for (transport, seen) in [(Transport::Tcp, true), (Transport::Tls, false)] {
        let wire = Wire::default();
        let mut bed = bed_by_way_of(transport, async |to| wire.tap(to).await).await;
        assert_still_works(&mut bed).await;
        assert!(wire.seen.lock().unwrap().len() > 3_000_000);
        assert_eq!(wire.shows(&carried), seen, "{transport:?}");
        assert_eq!(wire.shows(b"NMLK"), seen, "{transport:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_is_made_again() {
    let wire = Wire::default();
    let mut bed = bed_by_way_of(Transport::Tls, async |to| wire.tap(to).await).await;
    wire.cut.notify_one();
    bed.until("that it broke", |bed| bed.links[&LinkId(1)] == LinkStatus::Down).await;
    bed.until_up().await;
    assert_still_works(&mut bed).await;
    assert_eq!(bed.host.refused(), 0);
}

/// A node whose links 1, over TCP, and 2, inside TLS, wait for their diallers.
async fn bed_with_waiting_links() -> Testbed {
    let mut bed = Testbed::start().await;
    bed.nodes(3, 1, Mapping::Sequential);
    let waiting = [(1, 1, Transport::Tcp), (2, 3, Transport::Tls)].map(|(id, from, transport)| {
        let mut waiting = link(id, from, 2, transport, &bed.address);
        waiting.dial = false;
        waiting
    });
    bed.apply(Apply { links: waiting.into(), ..Apply::default() });
    bed
}

/// Says over a `C` that it is `node` of `link`, and hears what comes of it.
async fn claim<C: Carrier>(
    bed: &Testbed,
    key: LinkKey,
    link: u32,
    node: u32,
) -> Result<C, AuthenticateError> {
    let stream = TcpStream::connect(&bed.address).await.unwrap();
    let identity = Identity::new(key).unwrap();
    let mut stream = C::dial(stream, &identity).await?;
    authenticate::dial(&mut stream, &identity.key, LinkId(link), NodeId(node)).await?;
    Ok(stream)
}

fn is_refusal<C>(outcome: Result<C, AuthenticateError>) -> bool {
    matches!(outcome, Err(AuthenticateError::Peer(HandshakeError::Refused)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_takes_nobody_who_comes_another_way_than_it_is_asked_for() {
    let mut bed = bed_with_waiting_links().await;
    assert!(is_refusal(claim::<TcpStream>(&bed, key(), 2, 3).await));
    assert!(is_refusal(claim::<Tls>(&bed, key(), 1, 1).await));
    bed.until_counted("both refusals", |bed| bed.host.refused() == 2).await;
    assert!(is_refusal(claim::<Tls>(&bed, key(), 2, 1).await), "another node's");
    bed.until_counted("the third", |bed| bed.host.refused() == 3).await;
    assert!(
        claim::<Tls>(&bed, key(), 2, 3).await.is_ok() && claim::<TcpStream>(&bed, key(), 1, 1).await.is_ok()
    );
    assert_eq!(bed.host.refused(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_experiments_key_opens_a_connection() {
    let mut bed = bed_with_waiting_links().await;
    let stranger = || LinkKey::from_hex(&"a5".repeat(32)).unwrap();
    let refused = claim::<Tls>(&bed, stranger(), 2, 3).await.unwrap_err();
    assert!(matches!(refused, AuthenticateError::Io(_)), "{refused}");
    // Bytes that only begin as TLS does.
    let mut noise = TcpStream::connect(&bed.address).await.unwrap();
    noise.write_all(&[22; 500]).await.unwrap();
    until_closed(&mut noise).await;
    bed.until_counted("both refusals", |bed| bed.host.refused() == 2).await;
}
