//! Where a node's own IP packets come from and go to: the programs behind its TUN device, or the little that a
//! node without one answers by itself.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use nextmini_policy::addresses::Addresses;
use nextmini_policy::complaints::Complaints;
use nextmini_policy::route::Ttl;
use nextmini_wire::icmp::{self, Complaint};
use nextmini_wire::ip::Ip;
use nextmini_wire::ttl;
use nextmini_wire::vnet::VnetHeader;

use crate::clock;
use crate::node::{Node, SourceNews};
use crate::routes::Outbound;
use crate::tun::Device;

/// A node's own end of IP.
#[derive(Debug)]
pub struct Local {
    addresses: Addresses,
    stack: Stack,
    complaints: Mutex<Complaints>,
}

/// Who takes what arrives.
#[derive(Debug)]
pub enum Stack {
    /// The kernel, behind a TUN device, with whatever programs there are.
    Device(Device),
    /// Nobody, but pings are answered.
    Echo,
}

/// What a node does with an IP packet when it has no programs: it answers pings, and hears the answers to its own.
fn answer(node: &Node, packet: &Bytes) -> bool {
    if let Some(payload) = icmp::echo_reply(packet) {
        node.originate(&mut vec![Outbound { header: VnetHeader::default(), payload }]);
        return true;
    }
    if icmp::is_complaint(packet) {
        // Of a packet of the node's own, which will be missed all the same.
        return true;
    }
    let Some(echo) = icmp::echo_of(packet).filter(|echo| echo.reply) else { return false };
    let (sequence, payload) = (echo.sequence, packet.slice_ref(echo.payload));
    node.tell_echo_source(echo.identifier, SourceNews::Echo { sequence, payload, at: clock::now() });
    // A late answer to a flow that has ended is nobody's loss.
    true
}

impl Local {
    /// The end of a node with these addresses.
    pub fn new(addresses: Addresses, stack: Stack) -> Self {
        Self { addresses, stack, complaints: Mutex::new(Complaints::new(clock::now())) }
    }

    /// Hands a packet over that arrived at `node`, `position` links from where it began. Whether it was taken.
    pub fn deliver(&self, node: &Node, header: VnetHeader, payload: &Bytes, position: u16) -> bool {
        match &self.stack {
            Stack::Device(device) => {
                // The last link leads to a host, and hosts count nothing down.
                let routers =
                    if node.routes().ttl() == Ttl::Counted { position.saturating_sub(1) } else { 0 };
                let patch = if routers > 0 { ttl::after(payload, routers) } else { None };
                device.write(&header, payload, patch.as_ref())
            }
            Stack::Echo => answer(node, payload),
        }
    }

    /// The messages that say what became of packets, as far as there may be any.
    pub fn complaints(&self, about: Vec<(Bytes, Complaint)>) -> Vec<Outbound> {
        let now = clock::now();
        let mut messages = Vec::new();
        for (packet, complaint) in about {
            let Some(from) = self.address_for(&packet) else { continue };
            let Some(payload) = icmp::error(&packet, complaint, from) else { continue };
            let mut complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
            if complaints.allow(now) {
                messages.push(Outbound { header: VnetHeader::default(), payload });
            }
        }
        messages
    }

    fn address_for(&self, packet: &[u8]) -> Option<IpAddr> {
        Ip::parse(packet).ok().and_then(|ip| self.addresses.beside(ip.source()))
    }
}
