//! How a QUIC connection of a link is set.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::congestion::{BbrConfig, CubicConfig, NewRenoConfig};
use quinn::{EndpointConfig, IdleTimeout, MtuDiscoveryConfig, TransportConfig, VarInt};

use crate::link::carriage::{Carriage, Unreliable};

/// What one stream may have under way: twice the bandwidth-delay product of 1 Gbit/s and 125 ms.
const STREAM_WINDOW: u32 = 32 << 20;
/// What all of them may.
const SEND_WINDOW: u64 = 64 << 20;
/// Bytes of the largest UDP datagram.
const LARGEST_DATAGRAM: u16 = 65_527;
/// Bytes of the packets that a connection within a machine may come to: ten of them, which is what quinn gives the kernel
/// to cut (GSO), are just less than the 65,507 bytes that a call takes, beyond which all are lost. All begin with 1,200: a server may send three
/// times what it has got before it knows the client (RFC 9000, section 8.1), and larger packets would be more than that.
const LOCAL_MTU: u16 = 6_500;
/// Of one beyond: what Ethernet carries at most.
const REMOTE_MTU: u16 = 9_000;
/// Streams that the peer may open: one for each lane.
const STREAMS: u32 = 64;
/// A peer that says nothing for so long is given up.
const PATIENCE: Duration = Duration::from_secs(20);
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// What a connection may have under way before it knows the path: a few of the largest packets, and not so much that a
/// slow path is flooded (RFC 6928 has 10 packets of 1,500 bytes).
const INITIAL_WINDOW: u64 = 128 * 1024;

/// What may wait in datagrams in each direction, in bytes with what the library adds: to be sent, beyond which the sender
/// waits, or to be read, beyond which the oldest are dropped.
pub const DATAGRAM_BUFFER: usize = 1 << 20;

/// Of a connection to `peer`, as a link asks.
pub fn transport(peer: Option<IpAddr>, carriage: &Carriage) -> TransportConfig {
    let local = peer.is_none_or(|peer| peer.is_loopback());
    let most = if local { LOCAL_MTU } else { REMOTE_MTU };
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.upper_bound(most);
    let mut config = TransportConfig::default();
    config
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .send_window(SEND_WINDOW)
        .initial_rtt(Duration::from_millis(10))
        .mtu_discovery_config(Some(discovery))
        .max_concurrent_uni_streams(VarInt::from_u32(STREAMS))
        .max_idle_timeout(IdleTimeout::try_from(PATIENCE).ok())
        .keep_alive_interval(Some(KEEP_ALIVE))
        .datagram_send_buffer_size(DATAGRAM_BUFFER)
        .datagram_receive_buffer_size(match carriage.unreliable {
            Unreliable::Streams => None,
            Unreliable::Datagrams => Some(DATAGRAM_BUFFER),
        });
    let (mut bbr, mut reno, mut cubic) =
        (BbrConfig::default(), NewRenoConfig::default(), CubicConfig::default());
    match &*carriage.congestion {
        "bbr" => {
            bbr.initial_window(INITIAL_WINDOW);
            config.congestion_controller_factory(Arc::new(bbr));
        }
        "reno" => {
            reno.initial_window(INITIAL_WINDOW);
            config.congestion_controller_factory(Arc::new(reno));
        }
        // Linux's own, and QUIC's.
        _ => {
            cubic.initial_window(INITIAL_WINDOW);
            config.congestion_controller_factory(Arc::new(cubic));
        }
    }
    config
}

/// Of a socket.
pub fn endpoint() -> EndpointConfig {
    let mut config = EndpointConfig::default();
    // It is in range.
    let _set = config.max_udp_payload_size(LARGEST_DATAGRAM);
    config
}
