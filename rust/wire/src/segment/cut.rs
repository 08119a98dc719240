//! Super-packets, and what they stand for: TCP segmentation as network cards do it, and UDP datagrams that
//! were sent with UDP_SEGMENT (udp(7)).

use bytes::{Bytes, BytesMut};

use crate::checksum::{Sum, checksum};
use crate::ip::{Ip, protocol};
use crate::segment::{SegmentError, never_zero};
use crate::vnet::{Offload, VnetHeader};

const UDP_HEADER: usize = 8;
const UDP_CHECKSUM: usize = 6;
const TCP_HEADER: usize = 20;
const TCP_FLAGS: usize = 13;
const TCP_CHECKSUM: usize = 16;
/// Flags that belong to the end of what was sent: FIN and PSH.
const AT_END: u8 = 0x01 | 0x08;
/// The flag that answers one report of congestion: CWR.
const ONCE: u8 = 0x80;
/// Bytes of all packets that come out of one. The smallest segments that Linux sends carry 48 bytes, which
/// makes less than 256 KiB; this bounds what a header of nonsense can cost.
const MOST: usize = 4 * 1024 * 1024;

/// Where a super-packet is to be cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    tcp: bool,
    /// Where the transport's header begins.
    transport: usize,
    /// Bytes before the payload.
    headers: usize,
    /// More than `each`.
    payload: usize,
    /// Payload of every packet but the last.
    each: usize,
}

impl Cut {
    /// Nothing if the packet stands for itself alone.
    pub(super) fn new(ip: &Ip<'_>, header: &VnetHeader) -> Result<Option<Self>, SegmentError> {
        let (tcp, fits) = match header.offload {
            Offload::None | Offload::UdpFragments => return Ok(None),
            Offload::TcpV4 => (true, !ip.is_v6()),
            Offload::TcpV6 => (true, ip.is_v6()),
            Offload::UdpDatagrams => (false, true),
        };
        let number = if tcp { protocol::TCP } else { protocol::UDP };
        if !fits || ip.protocol() != number || ip.fragment().is_some() {
            return Err(SegmentError::Offload);
        }
        let transport = ip.transport_at();
        let headers = transport + transport_header(ip.transport(), tcp).ok_or(SegmentError::Offload)?;
        let payload = ip.bytes().len() - headers;
        let cut = Self { tcp, transport, headers, payload, each: usize::from(header.segment_bytes) };
        if cut.each == 0 || cut.count() * headers + payload > MOST {
            return Err(SegmentError::Offload);
        }
        Ok(Some(cut).filter(|cut| cut.count() > 1))
    }

    /// How many packets it stands for.
    pub(super) fn count(&self) -> usize {
        self.payload.div_ceil(self.each)
    }

    /// Bytes of every packet but the last.
    pub(super) fn largest(&self) -> usize {
        self.headers + self.each
    }

    /// Bytes of the last packet.
    pub(super) fn last(&self) -> usize {
        self.headers + self.payload - (self.count() - 1) * self.each
    }

    /// The packets, with complete checksums: slices of one buffer.
    pub(super) fn pieces<'a>(
        &'a self,
        ip: &'a Ip<'_>,
        header: &VnetHeader,
    ) -> impl Iterator<Item = Bytes> + 'a {
        let unsummed = !self.tcp
            && !header.needs_checksum
            && ip.transport()[UDP_CHECKSUM..UDP_CHECKSUM + 2] == [0, 0]
            && !ip.is_v6();
        let (headers, payload) = ip.bytes().split_at(self.headers);
        let mut buffer = BytesMut::with_capacity(self.count() * self.headers + self.payload);
        payload.chunks(self.each).enumerate().map(move |(index, part)| {
            buffer.extend_from_slice(headers);
            buffer.extend_from_slice(part);
            let mut piece = buffer.split();
            self.number(&mut piece, index, ip.is_v6());
            if !unsummed {
                self.sum(&mut piece, ip);
            }
            piece.freeze()
        })
    }

    /// Makes headers those of the packet number `index`.
    fn number(&self, piece: &mut [u8], index: usize, v6: bool) {
        let length = piece.len();
        if v6 {
            put(piece, 4, (length - 40) as u16);
        } else {
            put(piece, 2, length as u16);
            put(piece, 4, word(piece, 4).wrapping_add(index as u16));
            put(piece, 10, 0);
            put(piece, 10, checksum(&piece[..self.transport]));
        }
        let transport = &mut piece[self.transport..];
        if self.tcp {
            let before = u32::from(word(transport, 4)) << 16 | u32::from(word(transport, 6));
            let sequence = before.wrapping_add((index * self.each) as u32);
            transport[4..8].copy_from_slice(&sequence.to_be_bytes());
            let not_here =
                if index > 0 { ONCE } else { 0 } | if index + 1 < self.count() { AT_END } else { 0 };
            transport[TCP_FLAGS] &= !not_here;
        } else {
            put(transport, 4, (length - self.transport) as u16);
        }
    }

    /// Completes the transport's checksum.
    fn sum(&self, piece: &mut [u8], ip: &Ip<'_>) {
        let transport = &mut piece[self.transport..];
        let at = if self.tcp { TCP_CHECKSUM } else { UDP_CHECKSUM };
        put(transport, at, 0);
        let mut sum =
            Sum::pseudo_header(ip.source(), ip.destination(), ip.protocol(), transport.len() as u32);
        sum.add(transport);
        put(transport, at, never_zero(sum.checksum()));
    }
}

/// Bytes of the transport's header, if it is all there.
fn transport_header(transport: &[u8], tcp: bool) -> Option<usize> {
    let bytes = if tcp { usize::from(transport.get(12)? >> 4) * 4 } else { UDP_HEADER };
    (bytes >= if tcp { TCP_HEADER } else { UDP_HEADER } && bytes <= transport.len()).then_some(bytes)
}

pub(super) fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

pub(super) fn put(bytes: &mut [u8], at: usize, word: u16) {
    bytes[at..at + 2].copy_from_slice(&word.to_be_bytes());
}
