//! Connections within a namespace that come from addresses which are not its own: what a program there is told of its
//! peer is then what the network knows (Documentation/networking/tproxy.rst of the kernel's sources).

use std::fs;
use std::io;
use std::path::Path;

use rustix::io::Errno;

use super::within;
use crate::netlink::{Family, Netlink, Request};
use crate::tcp::MARK;

/// The routing table of packets that go back to such an address.
const TABLE: u8 = 110;
/// Before the tables that a machine has from the start, but for its own addresses.
const PRIORITY: u32 = 110;

/// Makes such connections possible in a namespace; nothing changes if they are.
///
/// Packets of [`crate::tcp::connecting_as`] have a mark. The kernel gives it to the sockets that accept them, and to what it
/// answers itself where nobody does; so whatever is sent back stays in the namespace.
///
/// # Errors
/// As [`within`] says, or that the kernel has no routing by marks.
pub fn allow_foreign(path: &Path) -> io::Result<()> {
    within(path, || {
        fs::write("/proc/sys/net/ipv4/tcp_fwmark_accept", "1")?;
        fs::write("/proc/sys/net/ipv4/fwmark_reflect", "1")?;
        let netlink = Netlink::open()?;
        let v6 = Path::new("/proc/sys/net/ipv6").exists().then_some(Family::V6);
        if v6.is_some() {
            fs::write("/proc/sys/net/ipv6/fwmark_reflect", "1")?;
        }
        for family in [Family::V4].into_iter().chain(v6) {
            let rule = Request::Rule { family, mark: MARK, table: TABLE, priority: PRIORITY };
            for request in [rule, Request::AllLocal { family, table: TABLE }] {
                match netlink.apply(&[request]) {
                    // Another process has done this.
                    Ok(()) | Err((_, Errno::EXIST)) => {}
                    Err((_, error)) => return Err(error.into()),
                }
            }
        }
        Ok(())
    })?
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{SocketAddr, TcpListener};

    use super::super::fixture::{Nodes, node};
    use super::*;
    use crate::tcp::connecting_as;

    #[test]
    fn a_server_sees_the_address_of_somebody_else() {
        let nodes = Nodes::create(&[node(1)]);
        let path = nodes.path(0);
        for _ in 0..2 {
            allow_foreign(&path).unwrap();
        }
        for (own, from) in [("10.99.0.1:0", "10.99.0.77:4077"), ("[fd00::1]:0", "[fd00::77]:4077")] {
            let (own, from): (SocketAddr, SocketAddr) = (own.parse().unwrap(), from.parse().unwrap());
            let server = within(&path, || TcpListener::bind(own)).unwrap().unwrap();
            let to = server.local_addr().unwrap();
            let client = within(&path, || connecting_as(to, from)).unwrap().unwrap();
            client.set_nonblocking(false).unwrap();
            socket2::SockRef::from(&client).connect(&to.into()).unwrap();
            let (mut accepted, peer) = server.accept().unwrap();
            assert_eq!(peer, from);
            accepted.write_all(b"bytes").unwrap();
            drop(accepted);
            let mut received = Vec::new();
            (&client).read_to_end(&mut received).unwrap();
            assert_eq!(received, b"bytes");
            drop(server);
            let refused =
                within(&path, || connecting_as(to, SocketAddr::new(from.ip(), 4_078))).unwrap().unwrap();
            refused.set_nonblocking(false).unwrap();
            let error = socket2::SockRef::from(&refused).connect(&to.into()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        }
    }
}
