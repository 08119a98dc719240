//! Where others reach a process: TCP links at a port, and QUIC links at the UDP port of the same number.

use std::io;
use std::net::{SocketAddr, TcpListener as Listener, UdpSocket};
use std::ops::RangeInclusive;

use thiserror::Error;
use tokio::net::{TcpListener, lookup_host};

/// Pairs that are tried if any port will do: a UDP port that is taken is rare, and two in a row rarer.
const PAIRS: usize = 32;

/// Both sockets of a process. Nobody looks at the UDP one before the first QUIC link.
#[derive(Debug)]
pub struct Ports {
    /// Where TCP links arrive.
    pub tcp: TcpListener,
    /// Where QUIC links do, at the same address.
    pub udp: UdpSocket,
}

/// Why a process has no ports.
#[derive(Debug, Error)]
pub enum PortsError {
    /// The address is none, or another program has its TCP port.
    #[error("TCP: {0}")]
    Tcp(#[from] io::Error),
    /// Another program has the UDP port.
    #[error("UDP {address}, where QUIC links are to arrive: {source}")]
    Udp {
        /// The port.
        address: SocketAddr,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Other programs have all ports of a range.
    #[error(
        "each of the ports {}-{} has another program, over TCP or UDP; end one (`ss -lntup` names them), or give others \
         with --ports", .0.start(), .0.end()
    )]
    Full(RangeInclusive<u16>),
}

impl Ports {
    /// Takes both ports of `listen`, which is `address:port`; with port 0, two of any number.
    ///
    /// # Errors
    /// See [`PortsError`].
    pub async fn bind(listen: &str) -> Result<Self, PortsError> {
        let addresses: Vec<SocketAddr> = lookup_host(listen).await?.collect();
        let pairs = if addresses.iter().any(|address| address.port() == 0) { PAIRS } else { 1 };
        Self::bind_one_of(pairs, || Listener::bind(&addresses[..]))
    }

    /// Takes both ports of the first number in `range` that is free at `host`.
    ///
    /// # Errors
    /// See [`PortsError`].
    pub async fn bind_in(host: &str, range: RangeInclusive<u16>) -> Result<Self, PortsError> {
        for port in range.clone() {
            match Self::bind(&at(host, port)).await {
                Err(PortsError::Tcp(error) | PortsError::Udp { source: error, .. })
                    if error.kind() == io::ErrorKind::AddrInUse => {}
                bound => return bound,
            }
        }
        Err(PortsError::Full(range))
    }

    fn bind_one_of(
        pairs: usize,
        mut listener: impl FnMut() -> io::Result<Listener>,
    ) -> Result<Self, PortsError> {
        // They keep their numbers, so that the kernel does not give out one of them again.
        let mut unpaired = Vec::new();
        loop {
            let tcp = listener()?;
            let address = tcp.local_addr()?;
            match UdpSocket::bind(address) {
                Ok(udp) => {
                    tcp.set_nonblocking(true)?;
                    return Ok(Self { tcp: TcpListener::from_std(tcp)?, udp });
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && unpaired.len() + 1 < pairs => {
                    unpaired.push(tcp);
                }
                Err(source) => return Err(PortsError::Udp { address, source }),
            }
        }
    }

    /// Where they are.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// A host, which may be an IPv6 address without brackets, and a port.
fn at(host: &str, port: u16) -> String {
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_all_kinds_take_a_port() {
        for (host, text) in
            [("0.0.0.0", "0.0.0.0:7"), ("::", "[::]:7"), ("[::1]", "[::1]:7"), ("lab", "lab:7")]
        {
            assert_eq!(at(host, 7), text);
        }
    }

    #[tokio::test]
    async fn the_first_free_port_of_a_range_is_taken_over_both_protocols() {
        // Three neighbours that are free: of the first the UDP half is taken then, of the second the TCP half.
        let (first, taken) = loop {
            let probe = Ports::bind("127.0.0.1:0").await.unwrap();
            let first = probe.address().unwrap().port();
            drop(probe);
            let Some(last) = first.checked_add(2) else { continue };
            let udp = UdpSocket::bind(("127.0.0.1", first));
            let tcp = Listener::bind(("127.0.0.1", first + 1));
            let free = Ports::bind_in("127.0.0.1", last..=last).await;
            if let (Ok(udp), Ok(tcp), Ok(_)) = (udp, tcp, free) {
                break (first, (udp, tcp));
            }
        };
        let ports = Ports::bind_in("127.0.0.1", first..=first + 2).await.unwrap();
        assert_eq!(ports.address().unwrap().port(), first + 2);
        let error = Ports::bind_in("127.0.0.1", first..=first + 2).await.unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("each of the ports {first}-{} has another", first + 2)),
            "{error}"
        );
        drop(taken);
    }

    #[tokio::test]
    async fn both_have_the_same_number() {
        let ports = Ports::bind("127.0.0.1:0").await.unwrap();
        assert_eq!(ports.udp.local_addr().unwrap(), ports.address().unwrap());
    }

    #[tokio::test]
    async fn a_port_that_is_asked_for_is_named_if_its_udp_half_is_taken() {
        let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let error = Ports::bind(&address.to_string()).await.unwrap_err();
        assert!(matches!(error, PortsError::Udp { .. }), "{error}");
        assert!(error.to_string().starts_with(&format!("UDP {address}, ")), "{error}");
    }

    /// Listeners of which the UDP halves of the first few are taken.
    fn bind_after(taken: usize, pairs: usize) -> Result<Ports, PortsError> {
        let mut others = Vec::new();
        let listener = || {
            let tcp = Listener::bind("127.0.0.1:0")?;
            if others.len() < taken {
                others.push(UdpSocket::bind(tcp.local_addr()?)?);
            }
            Ok(tcp)
        };
        Ports::bind_one_of(pairs, listener)
    }

    #[tokio::test]
    async fn another_pair_is_tried_as_often_as_that_is_sensible() {
        assert!(bind_after(3, 4).is_ok());
        let error = bind_after(4, 4).unwrap_err();
        assert!(matches!(error, PortsError::Udp { .. }), "{error}");
    }
}
