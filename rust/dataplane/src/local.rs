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
use crate::node::Node;
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
            Stack::Echo => {
                let Some(payload) = icmp::echo_reply(payload) else { return false };
                node.originate(&mut vec![Outbound { header: VnetHeader::default(), payload }]);
                true
            }
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
