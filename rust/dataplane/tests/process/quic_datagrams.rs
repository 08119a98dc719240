//! Datagrams of QUIC links: what travels in them, what does not, and who may send them.

use bytes::Bytes;
use nextmini_dataplane::event::Event;
use nextmini_dataplane::link::carriage::{Carriage, Unreliable};
use nextmini_wire::control::{Address, Apply, Flow, FlowKind, Link, LinkStatus, Mapping, Transport};
use nextmini_wire::id::{FlowId, LinkId, NodeId};
use tokio::time::timeout;

use crate::peers::{assert_still_works, of_kind};
use crate::quic::{claim, claim_so};
use crate::testbed::{PATIENCE, Testbed, datagrams, flow, key, link};

const PACKETS: u64 = 500;

fn with_datagrams(id: u32, a: u32, b: u32, address: &str) -> Link {
    Link { mtu: 20_000, datagrams: true, ..link(id, a, b, Transport::Quic, address) }
}

fn asking() -> Carriage {
    Carriage { unreliable: Unreliable::Datagrams, ..Carriage::default() }
}

/// Two nodes with a link of datagrams, and a third whose link waits for its dialler.
async fn bed() -> Testbed {
    let mut bed = Testbed::start().await;
    bed.nodes(3, 1, Mapping::Sequential);
    bed.add_links(vec![with_datagrams(1, 1, 2, &bed.address)]);
    bed.until_up().await;
    let waiting = Link { dial: false, ..with_datagrams(2, 3, 2, &bed.address) };
    bed.apply(Apply { links: vec![waiting], ..Apply::default() });
    bed.routes(&[1, 2], 1);
    bed
}

fn packets(id: u32, size: u16) -> Flow {
    let rate = 1_000 * u64::from(size);
    Flow { packet_size: Some(size), size: Some(u64::from(size) * PACKETS), ..datagrams(id, 1, 2, 8 * rate) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fits_goes_in_datagrams_and_the_rest_on_streams() {
    let mut bed = bed().await;
    bed.flows(vec![packets(1, 200), packets(2, 10_000)]);
    bed.until_ended(2).await;
    let arrived = [1, 2].map(|id| bed.ended[&(FlowId(id), "sink")].datagrams.unwrap());
    for flow in arrived {
        assert_eq!((flow.duplicates, flow.corrupted), (0, 0));
    }
    // They are counted when they have been sent, and may have arrived before.
    bed.until_counted("all that was sent", |bed| {
        let there = bed.link_counters()[0];
        there.datagrams + there.oversized == there.packets
    })
    .await;
    let [there, back, ..] = bed.link_counters()[..] else { panic!("a link has two directions") };
    // A machine with other things to do may have let its queue run over.
    let dropped = there.drops.queue + back.drops.overrun;
    assert_eq!(arrived[0].packets + arrived[1].packets + dropped, 2 * PACKETS, "{there:?} {back:?}");
    assert_eq!(there.oversized, arrived[1].packets);
    // Flows' ends are packets of theirs, and small.
    assert!(there.datagrams >= arrived[0].packets + 2, "{there:?}");
    // Acknowledgements of the ends are not to be lost.
    assert_eq!((back.datagrams, back.oversized), (0, 0));
    assert!(back.packets > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lossless_flows_stay_on_streams_and_tcp_flows_do_not() {
    let mut bed = bed().await;
    bed.flows(vec![flow(1, 1, 2, 5_000_000)]);
    bed.until_ended(1).await;
    assert!(bed.link_counters().iter().all(|row| (row.datagrams, row.oversized) == (0, 0)));
    let address = |id| Address {
        node: NodeId(id),
        name: format!("n{id}"),
        address: Some(format!("10.0.0.{id}")),
        address6: None,
    };
    bed.apply(Apply { addresses: [1, 2].map(address).into(), ..Apply::default() });
    bed.flows(vec![Flow { kind: FlowKind::Tcp, ..flow(2, 1, 2, 5_000_000) }]);
    bed.until_ended(2).await;
    bed.assert_complete(2, 5_000_000);
    let counters = bed.link_counters();
    assert!(counters[0].datagrams > 0 && counters[1].datagrams > 0, "{counters:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_datagram_that_is_not_one_frame_ends_its_connection_with_a_reason_and_no_other() {
    let mut bed = bed().await;
    let whole = of_kind(2);
    let two = [whole, whole].concat();
    for (bytes, reason) in [
        (&[][..], "a datagram of 0 bytes that is not one frame"),
        (&whole[..3], "a datagram of 3 bytes that is not one frame"),
        (&whole[..whole.len() - 1], "a datagram of 21 bytes that is not one frame"),
        (&two, "a datagram of 44 bytes that is not one frame"),
        (&u32::MAX.to_be_bytes(), "4294967295 bytes"),
        (&of_kind(77), "unknown kind 77"),
        (&whole, "kind 2 with 18 bytes"),
    ] {
        let (connection, verdict) = claim_so(&bed, &key(), LinkId(2), NodeId(3), &asking()).await.unwrap();
        assert_eq!(verdict, 1);
        connection.send_datagram(Bytes::copy_from_slice(bytes)).unwrap();
        timeout(PATIENCE, connection.closed()).await.unwrap();
        assert_eq!(heard(&mut bed, reason).await, [LinkStatus::Up, LinkStatus::Down]);
    }
    assert_still_works(&mut bed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_ends_have_datagrams_or_the_link_is_down() {
    let mut bed = bed().await;
    // Who dials has none; the answer may still have come.
    let ended = match claim(&bed, &key(), LinkId(2), NodeId(3)).await {
        Ok((connection, _)) => timeout(PATIENCE, connection.closed()).await.unwrap(),
        Err(error) => error,
    };
    assert!(ended.to_string().contains("no datagrams"), "{ended}");
    assert_eq!(heard(&mut bed, "the other end takes none yet").await, [LinkStatus::Down]);
    // Who listens has none, and would end a connection that brings some.
    let plain = Link { dial: false, ..link(2, 3, 2, Transport::Quic, &bed.address) };
    bed.apply(Apply { links: vec![plain], ..Apply::default() });
    let (connection, _) = claim_so(&bed, &key(), LinkId(2), NodeId(3), &asking()).await.unwrap();
    assert_eq!(connection.max_datagram_size(), None);
    assert_still_works(&mut bed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_has_datagrams_as_soon_as_it_is_asked_for_them() {
    let mut bed = Testbed::start().await;
    bed.nodes(2, 1, Mapping::Sequential);
    bed.links([(1, 2)], Transport::Quic);
    bed.routes(&[1, 2], 1);
    bed.until_up().await;
    bed.flows(vec![packets(1, 200)]);
    bed.until_ended(1).await;
    assert_eq!(bed.link_counters()[0].datagrams, 0);
    let asked = Link { datagrams: true, ..link(1, 1, 2, Transport::Quic, &bed.address) };
    bed.add_links(vec![asked]);
    bed.until_up().await;
    bed.flows(vec![packets(2, 200)]);
    bed.until_ended(2).await;
    bed.until_counted("the flow and its end", |bed| bed.link_counters()[0].datagrams > PACKETS).await;
}

/// What is said of link 2 until it is down, which it is for this reason.
async fn heard(bed: &mut Testbed, reason: &str) -> Vec<LinkStatus> {
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
    states
}
