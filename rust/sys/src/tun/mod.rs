//! TUN devices, whose packets a program reads and writes (Documentation/networking/tuntap.rst of the kernel's
//! sources). In front of each packet is a header of 10 little-endian bytes, `struct virtio_net_hdr`.
//!
//! - [`attach()`], [`attach_many`]: the files of devices that [`crate::namespace::create()`] made
//! - [`Tun`]: such a file

mod attach;
pub(crate) mod device;

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bytes::BytesMut;
use rustix::io::Errno;

pub use attach::{AttachError, Attachment, attach, attach_many};
pub use device::{Offload, block};

/// One file of a TUN device, non-blocking.
#[derive(Debug)]
pub struct Tun {
    file: OwnedFd,
}

impl Tun {
    /// A file that [`attach()`] returned.
    pub fn new(file: OwnedFd) -> Self {
        Self { file }
    }

    /// Appends the next packet and the header in front of it to `into`, and returns the bytes of both; `None`
    /// if there is none now.
    ///
    /// What does not fit into the capacity that `into` has is lost: there should be room for the header and
    /// 65,535 bytes where the kernel leaves work to us, or for the header and the MTU.
    ///
    /// # Errors
    /// The kernel's answer: the device has gone (EBADFD), or there is not even room for the header (EINVAL).
    pub fn read(&self, into: &mut BytesMut) -> io::Result<Option<usize>> {
        let read = match rustix::io::read(&self.file, into.spare_capacity_mut()) {
            Ok((read, _)) => read.len(),
            Err(Errno::AGAIN) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // SAFETY: the kernel has written so many bytes to the beginning of the spare capacity.
        unsafe { into.set_len(into.len() + read) };
        Ok(Some(read))
    }

    /// Hands a packet with the header in front of it to the kernel, which takes it to the program that it is for
    /// before this returns. It is all or nothing, so the bytes that are returned are all there were.
    ///
    /// # Errors
    /// The kernel's answer: it has no use for the packet (EINVAL), no memory (ENOMEM, EAGAIN), or the device is
    /// down (EIO) or gone (EBADFD).
    pub fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(rustix::io::writev(&self.file, slices)?)
    }
}

impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;
    use crate::namespace::fixture::{Nodes, node};
    use crate::namespace::within;
    use crate::netlink::Netlink;

    const HEADER_BYTES: usize = 10;

    fn device(offload: Offload) -> (Nodes, Tun) {
        let nodes = Nodes::create(&[node(1)]);
        let mut files = attach(&nodes.path(0), "nm0", 1, offload).unwrap();
        (nodes, Tun::new(files.remove(0)))
    }

    fn socket(nodes: &Nodes) -> UdpSocket {
        let socket = within(&nodes.path(0), || UdpSocket::bind("0.0.0.0:0")).unwrap().unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket
    }

    /// Until there is something to read, or the device has gone.
    fn wait(tun: &Tun) {
        let mut polled = [PollFd::new(tun, PollFlags::IN)];
        let five_seconds = Timespec { tv_sec: 5, tv_nsec: 0 };
        assert_eq!(poll(&mut polled, Some(&five_seconds)).unwrap(), 1);
    }

    /// The next IPv4 packet and its header; IPv6 tells of the groups that it listens to.
    fn next(tun: &Tun) -> (Vec<u8>, Vec<u8>) {
        let mut buffer = BytesMut::with_capacity(70_000);
        loop {
            wait(tun);
            buffer.clear();
            while let Some(read) = tun.read(&mut buffer).unwrap() {
                assert_eq!(buffer.len(), read);
                let (header, packet) = buffer.split_at(HEADER_BYTES);
                if packet[0] >> 4 == 4 {
                    return (header.to_vec(), packet.to_vec());
                }
                buffer.clear();
            }
        }
    }

    /// The datagram with source and destination exchanged, and no checksum of UDP.
    fn answer(mut packet: Vec<u8>) -> Vec<u8> {
        let (source, destination) = packet[12..20].split_at_mut(4);
        source.swap_with_slice(destination);
        let (source, destination) = packet[20..24].split_at_mut(2);
        source.swap_with_slice(destination);
        packet[26..28].fill(0);
        packet
    }

    #[test]
    fn the_first_datagram_comes_out_and_its_answer_goes_in() {
        let (nodes, tun) = device(Offload::On);
        let socket = socket(&nodes);
        for text in [&b"one"[..], b"two"] {
            socket.send_to(text, "10.99.0.2:7").unwrap();
            let (header, packet) = next(&tun);
            // VIRTIO_NET_HDR_F_NEEDS_CSUM, of what follows 20 bytes, 6 bytes into it.
            assert_eq!((header[0], &header[6..]), (1, &[20, 0, 6, 0][..]));
            assert_eq!(packet[12..20], [10, 99, 0, 1, 10, 99, 0, 2]);
            assert_eq!(&packet[28..], text);
            let packet = answer(packet);
            let slices = [&[0; HEADER_BYTES][..], &packet[..20], &packet[20..]].map(IoSlice::new);
            assert_eq!(tun.write(&slices).unwrap(), HEADER_BYTES + packet.len());
            let mut received = [0; 16];
            let (read, from) = socket.recv_from(&mut received).unwrap();
            assert_eq!((&received[..read], from), (text, "10.99.0.2:7".parse().unwrap()));
        }
    }

    #[test]
    fn without_offload_packets_are_complete() {
        let (nodes, tun) = device(Offload::Off);
        socket(&nodes).send_to(b"one", "10.99.0.2:7").unwrap();
        assert_eq!(next(&tun).0, [0; HEADER_BYTES]);
    }

    #[test]
    fn packets_are_read_into_the_capacity_that_is_left() {
        let (nodes, tun) = device(Offload::Off);
        let socket = socket(&nodes);
        socket.send_to(b"one", "10.99.0.2:7").unwrap();
        next(&tun);
        for number in 0..3_u8 {
            socket.send_to(&[number], "10.99.0.2:7").unwrap();
        }
        wait(&tun);
        let mut buffer = BytesMut::with_capacity(2 * (HEADER_BYTES + 29) + HEADER_BYTES - 1);
        assert_eq!(tun.read(&mut buffer).unwrap(), Some(HEADER_BYTES + 29));
        assert_eq!(tun.read(&mut buffer).unwrap(), Some(HEADER_BYTES + 29));
        assert_eq!(tun.read(&mut buffer).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!((buffer[HEADER_BYTES + 28], buffer[2 * HEADER_BYTES + 57]), (0, 1));
        assert_eq!(tun.read(&mut buffer).unwrap(), None);
    }

    #[test]
    fn who_waits_hears_that_the_device_has_gone() {
        let (nodes, tun) = device(Offload::On);
        let mut buffer = BytesMut::with_capacity(2000);
        // What IPv6 says of itself comes first.
        while tun.read(&mut buffer).unwrap().is_some() {
            buffer.clear();
        }
        within(&nodes.path(0), || {
            let netlink = Netlink::open().unwrap();
            netlink.delete(netlink.index("nm0").unwrap()).unwrap();
        })
        .unwrap();
        wait(&tun);
        let error = loop {
            buffer.clear();
            if let Err(error) = tun.read(&mut buffer) {
                break error;
            }
        };
        assert_eq!(error.raw_os_error(), Some(Errno::BADFD.raw_os_error()));
        assert!(tun.write(&[IoSlice::new(&[0; 40])]).is_err());
    }
}
