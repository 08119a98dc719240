//! What is asked of the kernel about network devices and routes (rtnetlink(7)): a few messages, written by hand, since
//! the crates that know all of rtnetlink take longer to compile than the rest of this one.

use std::net::IpAddr;
use std::os::fd::OwnedFd;

use rustix::io::{Errno, Result};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::net::{Protocol, netdevice, recv, send, socket_with};

/// The index of the loopback device, in every namespace.
pub(crate) const LOOPBACK: u32 = 1;

/// NETLINK_ROUTE is protocol 0, which is what "none" is.
const ROUTE: Option<Protocol> = None;

const NLMSG_ERROR: u16 = 2;
const RTM_NEWLINK: u16 = 16;
#[cfg(test)]
const RTM_DELLINK: u16 = 17;
const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWROUTE: u16 = 24;
const RTM_NEWRULE: u16 = 32;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_CREATE: u16 = 0x400;
const HEADER_BYTES: usize = 16;

const IFF_UP: u32 = 1;
const IFLA_MTU: u16 = 4;
const IFLA_TXQLEN: u16 = 13;
const IFLA_AF_SPEC: u16 = 26;
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
const IN6_ADDR_GEN_MODE_NONE: u8 = 1;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_F_NODAD: u8 = 2;
const RTN_LOCAL: u8 = 2;
const RTPROT_STATIC: u8 = 4;
const RT_SCOPE_HOST: u8 = 254;
const RTA_OIF: u16 = 4;
const FR_ACT_TO_TBL: u8 = 1;
const FRA_PRIORITY: u16 = 6;
const FRA_FWMARK: u16 = 10;
const AF_UNSPEC: u8 = 0;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// What a device is asked to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Request {
    /// Up.
    Up { index: u32 },
    /// As large and as deep as that; with `quiet_v6` it makes up no IPv6 address and asks for no routers.
    Settings { index: u32, mtu: u32, tx_queue: u32, quiet_v6: bool },
    /// At an address, with the route to what is connected. IPv6 does not ask whether somebody else has it.
    Address { index: u32, ip: IpAddr, prefix: u8 },
    /// The table in which packets with that mark look for their route.
    Rule { family: Family, mark: u32, table: u8, priority: u32 },
    /// A table by which everything is for this machine itself.
    AllLocal { family: Family, table: u8 },
}

/// A version of IP.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Family {
    V4 = AF_INET,
    V6 = AF_INET6,
}

/// A socket for the namespace in which it was opened.
#[derive(Debug)]
pub(crate) struct Netlink {
    socket: OwnedFd,
}

impl Netlink {
    /// One for the calling thread's namespace.
    pub(crate) fn open() -> Result<Self> {
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, ROUTE)?;
        Ok(Self { socket })
    }

    /// The device of that name.
    pub(crate) fn index(&self, device: &str) -> Result<u32> {
        netdevice::name_to_index(&self.socket, device)
    }

    /// Asks for all of it at once. Upon a refusal: the position of the first one that was refused, and why.
    pub(crate) fn apply(&self, requests: &[Request]) -> std::result::Result<(), (usize, Errno)> {
        let mut messages = Messages::default();
        for request in requests {
            messages.request(*request);
        }
        send(&self.socket, &messages.bytes, SendFlags::empty()).map_err(|error| (0, error))?;
        let mut first = Ok(());
        for position in 0..requests.len() {
            if let Err(error) = self.answer()
                && first.is_ok()
            {
                first = Err((position, error));
            }
        }
        first
    }

    /// Has the kernel catch up with whether the device has a carrier. It does so in the background otherwise,
    /// and drops what is sent meanwhile. (Linux 6.8 and later; earlier ones have no way to wait for it.)
    pub(crate) fn settle(&self, index: u32) -> Result<()> {
        let mut messages = Messages::default();
        messages.message(RTM_GETLINK, NLM_F_REQUEST, |body| body.link(index, 0));
        send(&self.socket, &messages.bytes, SendFlags::empty())?;
        self.answer()
    }

    /// Takes a device away, as a user might.
    #[cfg(test)]
    pub(crate) fn delete(&self, index: u32) -> Result<()> {
        let mut messages = Messages::default();
        messages.message(RTM_DELLINK, NLM_F_REQUEST | NLM_F_ACK, |body| body.link(index, 0));
        send(&self.socket, &messages.bytes, SendFlags::empty())?;
        self.answer()
    }

    /// Takes the answer to one message: acknowledgements carry an error number or 0.
    fn answer(&self) -> Result<()> {
        let mut buffer = [0_u8; 8192];
        let (read, _) = recv(&self.socket, &mut buffer[..], RecvFlags::empty())?;
        let message = buffer.get(..read).ok_or(Errno::PROTO)?;
        let kind = message.get(4..).and_then(<[u8]>::first_chunk).ok_or(Errno::PROTO)?;
        if u16::from_ne_bytes(*kind) != NLMSG_ERROR {
            return Ok(());
        }
        let error = message.get(HEADER_BYTES..).and_then(<[u8]>::first_chunk).ok_or(Errno::PROTO)?;
        match i32::from_ne_bytes(*error) {
            0 => Ok(()),
            error => Err(Errno::from_raw_os_error(error.saturating_neg())),
        }
    }
}

/// Messages one after the other, in the machine's byte order.
#[derive(Debug, Default)]
struct Messages {
    bytes: Vec<u8>,
}

impl Messages {
    fn request(&mut self, request: Request) {
        match request {
            Request::Up { index } => {
                self.message(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, |body| body.link(index, IFF_UP));
            }
            Request::Settings { index, mtu, tx_queue, quiet_v6 } => {
                self.message(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, |body| {
                    body.link(index, 0);
                    body.attribute(IFLA_MTU, |value| value.bytes.extend(mtu.to_ne_bytes()));
                    body.attribute(IFLA_TXQLEN, |value| value.bytes.extend(tx_queue.to_ne_bytes()));
                    if quiet_v6 {
                        body.attribute(IFLA_AF_SPEC, |families| {
                            families.attribute(AF_INET6.into(), |family| {
                                family.attribute(IFLA_INET6_ADDR_GEN_MODE, |value| {
                                    value.bytes.push(IN6_ADDR_GEN_MODE_NONE);
                                });
                            });
                        });
                    }
                });
            }
            Request::Address { index, ip, prefix } => {
                let flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
                self.message(RTM_NEWADDR, flags, |body| body.address(index, ip, prefix));
            }
            Request::Rule { family, mark, table, priority } => {
                let flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
                self.message(RTM_NEWRULE, flags, |body| {
                    // A `struct fib_rule_hdr`.
                    body.bytes.extend([family as u8, 0, 0, 0, table, 0, 0, FR_ACT_TO_TBL, 0, 0, 0, 0]);
                    for (kind, value) in [(FRA_PRIORITY, priority), (FRA_FWMARK, mark)] {
                        body.attribute(kind, |attribute| attribute.bytes.extend(value.to_ne_bytes()));
                    }
                });
            }
            Request::AllLocal { family, table } => {
                let flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
                self.message(RTM_NEWROUTE, flags, |body| {
                    // A `struct rtmsg`.
                    body.bytes.extend([family as u8, 0, 0, 0, table, RTPROT_STATIC]);
                    body.bytes.extend([RT_SCOPE_HOST, RTN_LOCAL, 0, 0, 0, 0]);
                    body.attribute(RTA_OIF, |device| device.bytes.extend(LOOPBACK.to_ne_bytes()));
                });
            }
        }
    }

    /// A `struct nlmsghdr` and what follows it.
    fn message(&mut self, kind: u16, flags: u16, body: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.bytes.extend([0; 4]);
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend(flags.to_ne_bytes());
        self.bytes.extend([0; 8]);
        body(self);
        let length = (self.bytes.len() - start) as u32;
        self.bytes[start..start + 4].copy_from_slice(&length.to_ne_bytes());
    }

    /// A `struct rtattr` and its value, which may be attributes again.
    fn attribute(&mut self, kind: u16, value: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.bytes.extend([0; 2]);
        self.bytes.extend(kind.to_ne_bytes());
        value(self);
        let length = (self.bytes.len() - start) as u16;
        self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    /// A `struct ifinfomsg` that turns on those flags.
    fn link(&mut self, index: u32, flags: u32) {
        self.bytes.extend([AF_UNSPEC, 0, 0, 0]);
        for field in [index, flags, flags] {
            self.bytes.extend(field.to_ne_bytes());
        }
    }

    /// A `struct ifaddrmsg` and the address.
    fn address(&mut self, index: u32, ip: IpAddr, prefix: u8) {
        let (family, flags) = if ip.is_ipv4() { (AF_INET, 0) } else { (AF_INET6, IFA_F_NODAD) };
        self.bytes.extend([family, prefix, flags, 0]);
        self.bytes.extend(index.to_ne_bytes());
        for kind in [IFA_LOCAL, IFA_ADDRESS] {
            self.attribute(kind, |value| match ip {
                IpAddr::V4(ip) => value.bytes.extend(ip.octets()),
                IpAddr::V6(ip) => value.bytes.extend(ip.octets()),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_as_long_as_they_say_and_aligned() {
        let mut messages = Messages::default();
        messages.request(Request::Settings { index: 2, mtu: 1500, tx_queue: 500, quiet_v6: true });
        let length = messages.bytes.len();
        assert_eq!(length, HEADER_BYTES + 16 + 8 + 8 + (4 + 4 + 8));
        assert_eq!(messages.bytes[..4], (length as u32).to_ne_bytes());
        messages.request(Request::Address { index: 2, ip: [10, 0, 0, 1].into(), prefix: 24 });
        assert_eq!(messages.bytes[length..length + 4], 40_u32.to_ne_bytes());
        assert_eq!(messages.bytes.len(), length + 40);
    }

    #[test]
    fn the_loopback_device_is_the_first() {
        assert_eq!(Netlink::open().unwrap().index("lo").unwrap(), LOOPBACK);
    }

    #[test]
    fn the_first_refusal_is_told() {
        let netlink = Netlink::open().unwrap();
        let up = |index| Request::Up { index };
        assert_eq!(netlink.apply(&[up(LOOPBACK), up(u32::MAX >> 1)]), Err((1, Errno::NODEV)));
        assert_eq!(netlink.settle(u32::MAX >> 1), Err(Errno::NODEV));
        netlink.settle(LOOPBACK).unwrap();
    }
}
