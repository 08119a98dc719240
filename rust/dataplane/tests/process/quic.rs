//! Links over QUIC: what they carry, and whom they refuse.

use std::net::UdpSocket;
use std::sync::Arc;

use nextmini_dataplane::link::carriage::Carriage;
use nextmini_dataplane::quic::identity::QuicIdentity;
use nextmini_dataplane::quic::{hint, settings, sockets};
use nextmini_dataplane::tls::identity::{Identity, SERVER_NAME};
use nextmini_wire::control::{Apply, LinkStatus, Transport};
use nextmini_wire::handshake::LinkKey;
use nextmini_wire::id::{LinkId, NodeId};
use quinn::{ClientConfig, Connection, ConnectionError};

use crate::testbed::{Testbed, flow, key, line, link};

const SIZE: u64 = 20_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_byte_arrives_over_links_of_all_kinds() {
    for transports in [[Transport::Quic; 3], [Transport::Tcp, Transport::Quic, Transport::Memory]] {
        let mut bed = line(transports).await;
        bed.flows((1..=4).map(|id| flow(id, 1, 4, SIZE)).collect());
        bed.until_ended(4).await;
        bed.assert_complete(4, SIZE);
        bed.assert_nothing_dropped();
    }
}

/// Connects to the testbed as somebody with this key who says that it is `node` of `link`; returns the answer.
pub async fn claim(
    bed: &Testbed,
    key: &LinkKey,
    link: LinkId,
    node: NodeId,
) -> Result<(Connection, u8), ConnectionError> {
    claim_so(bed, key, link, node, &Carriage::default()).await
}

/// The same, with a connection that is set so.
pub async fn claim_so(
    bed: &Testbed,
    key: &LinkKey,
    link: LinkId,
    node: NodeId,
    carriage: &Carriage,
) -> Result<(Connection, u8), ConnectionError> {
    let peer = bed.address.parse().unwrap();
    let socket = sockets::dialling(peer).unwrap();
    let identity = QuicIdentity::new(&Identity::new(key.clone()).unwrap()).unwrap();
    let mut config = ClientConfig::new(identity.client);
    config.transport_config(Arc::new(settings::transport(None, carriage)));
    let destination = hint::destination(link, node).unwrap();
    config.initial_dst_cid_provider(Arc::new(move || destination));
    let connection = socket.connect_with(config, peer, SERVER_NAME).unwrap().await?;
    // The server's verdict on who this is comes after the client's handshake.
    let (mut asking, mut answer) = connection.open_bi().await?;
    let said = [link.0.to_be_bytes(), node.0.to_be_bytes()].concat();
    asking.write_all(&said).await.map_err(|_| connection.close_reason().unwrap())?;
    let mut verdict = [9];
    answer.read_exact(&mut verdict).await.map_err(|_| connection.close_reason().unwrap())?;
    Ok((connection, verdict[0]))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_experiments_key_opens_a_connection_and_only_known_links_are_carried() {
    let mut bed = line([Transport::Quic; 3]).await;
    let stranger = LinkKey::from_hex(&"a5".repeat(32)).unwrap();
    let refused = claim(&bed, &stranger, LinkId(2), NodeId(2)).await.unwrap_err();
    assert!(
        matches!(refused, ConnectionError::TransportError(_) | ConnectionError::ConnectionClosed(_)),
        "{refused}"
    );
    // There is no link 9, and the other end of link 2 is node 2.
    for (link, node) in [(LinkId(9), NodeId(9)), (LinkId(2), NodeId(1))] {
        let (connection, verdict) = claim(&bed, &key(), link, node).await.unwrap();
        assert_eq!(verdict, 0);
        assert!(matches!(connection.closed().await, ConnectionError::ApplicationClosed(_)));
    }
    bed.until_counted("both refusals", |bed| bed.host.refused() == 2).await;
    assert!(bed.links.values().all(|state| *state == LinkStatus::Up));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_make_no_sense_change_nothing() {
    let mut bed = line([Transport::Quic; 3]).await;
    let noise = UdpSocket::bind("127.0.0.1:0").unwrap();
    for length in (0..1_400).step_by(7) {
        let bytes: Vec<u8> = (0..length).map(|at| (at * 31 + length) as u8).collect();
        noise.send_to(&bytes, &bed.address).unwrap();
    }
    bed.flows(vec![flow(1, 1, 4, SIZE)]);
    bed.until_ended(1).await;
    bed.assert_complete(1, SIZE);
    assert!(bed.links.values().all(|state| *state == LinkStatus::Up));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_is_removed_and_comes_again_is_connected_again() {
    let mut bed = line([Transport::Quic; 3]).await;
    for _ in 0..2 {
        bed.apply(Apply { remove_links: vec![LinkId(2)], ..Apply::default() });
        let again = link(2, 2, 3, Transport::Quic, &bed.address);
        bed.add_links(vec![again]);
        bed.until_up().await;
    }
    bed.flows(vec![flow(1, 1, 4, SIZE)]);
    bed.until_ended(1).await;
    bed.assert_complete(1, SIZE);
}
