//! How a QUIC connection of a link is set.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::congestion::{BbrConfig, CubicConfig, NewRenoConfig};
use quinn::{AckFrequencyConfig, EndpointConfig, IdleTimeout, MtuDiscoveryConfig, TransportConfig, VarInt};

/// What one stream may have under way: twice the bandwidth-delay product of 1 Gbit/s and 125 ms.
const STREAM_WINDOW: u32 = 32 << 20;
/// What all of them may.
const SEND_WINDOW: u64 = 64 << 20;
/// Bytes of the largest UDP datagram.
const LARGEST_DATAGRAM: u16 = 65_527;
/// Bytes of the packets that a connection within a machine may come to. All begin with 1,200: a server may send three
/// times what it has got before it knows the client (RFC 9000, section 8.1), and larger packets would be more than that.
const LOCAL_MTU: u16 = 65_000;
/// Of one beyond: what Ethernet carries at most.
const REMOTE_MTU: u16 = 9_000;
/// Streams that the peer may open: one for each lane.
const STREAMS: u32 = 64;
/// A peer that says nothing for so long is given up.
const PATIENCE: Duration = Duration::from_secs(20);
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Packets with data that are acknowledged together, where the peer agrees (RFC draft-ietf-quic-ack-frequency).
const ACK_EVERY: u32 = 10;

/// Of a connection to `peer`, with this congestion control.
pub fn transport(peer: Option<IpAddr>, congestion: &str) -> TransportConfig {
    let local = peer.is_none_or(|peer| peer.is_loopback());
    let most = if local { LOCAL_MTU } else { REMOTE_MTU };
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.upper_bound(most);
    let mut acknowledgements = AckFrequencyConfig::default();
    acknowledgements.ack_eliciting_threshold(VarInt::from_u32(ACK_EVERY));
    let mut config = TransportConfig::default();
    config
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .send_window(SEND_WINDOW)
        .initial_rtt(Duration::from_millis(10))
        .mtu_discovery_config(Some(discovery))
        .ack_frequency_config(Some(acknowledgements))
        .max_concurrent_uni_streams(VarInt::from_u32(STREAMS))
        .max_idle_timeout(IdleTimeout::try_from(PATIENCE).ok())
        .keep_alive_interval(Some(KEEP_ALIVE));
    match congestion {
        "bbr" => config.congestion_controller_factory(Arc::new(BbrConfig::default())),
        "reno" => config.congestion_controller_factory(Arc::new(NewRenoConfig::default())),
        // Linux's own, and QUIC's.
        _ => config.congestion_controller_factory(Arc::new(CubicConfig::default())),
    };
    config
}

/// Of a socket.
pub fn endpoint() -> EndpointConfig {
    let mut config = EndpointConfig::default();
    // It is in range.
    let _set = config.max_udp_payload_size(LARGEST_DATAGRAM);
    config
}
