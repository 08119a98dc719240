//! What a network card, and then a router, would do with a packet: complete its checksum, cut a super-packet
//! into the packets that it stands for, and those that are too large for a link into fragments.
//!
//! Packets come from the kernel or from a peer, and may be anything: all that is read is checked first.

mod cut;
mod fragment;
#[cfg(test)]
mod tests;

use bytes::{Bytes, BytesMut};
use thiserror::Error;

use crate::checksum::Sum;
use crate::ip::{Ip, IpError};
use crate::segment::cut::Cut;
use crate::vnet::{Offload, VnetHeader};

/// Why a packet cannot be cut, or its checksum not be completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SegmentError {
    /// It is no IP packet.
    #[error(transparent)]
    Ip(#[from] IpError),
    /// It may not be cut: it is IPv6, or has DF set. A router would tell its source (RFC 1191, RFC 8201).
    #[error("a packet of {bytes} bytes that may not be cut, over a link with an MTU of {mtu}")]
    TooLarge {
        /// Of the packet, headers included.
        bytes: usize,
        /// Of the link.
        mtu: u16,
    },
    /// Its header tells of a checksum that is not in it.
    #[error("a checksum that is not in its packet")]
    Checksum,
    /// Its header asks for what cannot be done with it.
    #[error("an offload that does not fit its packet")]
    Offload,
    /// Its fragments would reach beyond the end of the largest packet.
    #[error("a fragment beyond the end of any packet")]
    Fragment,
}

/// Completes a checksum that the kernel left to a network card; nothing if it left none.
///
/// The field then holds the folded sum of the pseudo header, over which and the rest the checksum goes.
/// A checksum of 0 becomes 0xffff, since in UDP 0 means that there is none (RFC 768).
///
/// # Errors
/// [`SegmentError::Ip`] or [`SegmentError::Checksum`]; the packet is then unchanged.
pub fn complete_checksum(packet: &mut [u8], header: &mut VnetHeader) -> Result<(), SegmentError> {
    if !header.needs_checksum {
        return Ok(());
    }
    let start = usize::from(header.checksum_start);
    if start < Ip::parse(packet)?.transport_at() {
        // It would be written over what the packet says of itself.
        return Err(SegmentError::Checksum);
    }
    let covered = packet.get_mut(start..).ok_or(SegmentError::Checksum)?;
    let at = usize::from(header.checksum_offset);
    if covered.len() < at + 2 {
        return Err(SegmentError::Checksum);
    }
    let mut sum = Sum::default();
    sum.add(covered);
    covered[at..at + 2].copy_from_slice(&never_zero(sum.checksum()).to_be_bytes());
    *header = VnetHeader { needs_checksum: false, checksum_start: 0, checksum_offset: 0, ..*header };
    Ok(())
}

fn never_zero(checksum: u16) -> u16 {
    if checksum == 0 { 0xffff } else { checksum }
}

/// Makes packets of at most `mtu` bytes out of one.
///
/// - A packet that fits is not touched, and its checksum may remain to be completed.
/// - A super-packet is cut into the packets that it stands for, with complete checksums. Whether it would
///   fit itself does not matter: on a wire there is no such packet.
/// - What is too large even so is cut into fragments where that is allowed: IPv4 without DF.
///
/// # Errors
/// See [`SegmentError`].
pub fn segment(
    mut packet: Bytes,
    header: VnetHeader,
    mtu: u16,
) -> Result<Vec<(VnetHeader, Bytes)>, SegmentError> {
    if is_plain(&packet, &header, mtu) {
        return Ok(vec![(header, packet)]);
    }
    let ip = Ip::parse(&packet)?;
    let total = ip.bytes().len();
    let Some(cut) = Cut::new(&ip, &header)? else {
        packet.truncate(total);
        return one(packet, header, mtu);
    };
    fragment::count(&ip, cut.largest(), mtu)?;
    let mut all = Vec::with_capacity(cut.count());
    for piece in cut.pieces(&ip, &header) {
        fit(piece, VnetHeader::default(), mtu, &mut all)?;
    }
    Ok(all)
}

/// How many packets [`segment`] makes, without making them; 1 for what it refuses.
pub fn segments(packet: &[u8], header: &VnetHeader, mtu: u16) -> usize {
    if is_plain(packet, header, mtu) { 1 } else { count(packet, header, mtu).unwrap_or(1) }
}

/// Whether there is nothing to do.
fn is_plain(packet: &[u8], header: &VnetHeader, mtu: u16) -> bool {
    header.offload == Offload::None && packet.len() <= usize::from(mtu)
}

fn count(packet: &[u8], header: &VnetHeader, mtu: u16) -> Result<usize, SegmentError> {
    let ip = Ip::parse(packet)?;
    let Some(cut) = Cut::new(&ip, header)? else {
        return fragment::count(&ip, ip.bytes().len(), mtu);
    };
    let others = fragment::count(&ip, cut.largest(), mtu)?;
    Ok((cut.count() - 1) * others + fragment::count(&ip, cut.last(), mtu)?)
}

/// A packet that stands for itself alone.
fn one(packet: Bytes, header: VnetHeader, mtu: u16) -> Result<Vec<(VnetHeader, Bytes)>, SegmentError> {
    let mut header = VnetHeader { offload: Offload::None, ecn: false, segment_bytes: 0, ..header };
    let mut all = Vec::new();
    if packet.len() <= usize::from(mtu) {
        all.push((header, packet));
    } else {
        fragment::count(&Ip::parse(&packet)?, packet.len(), mtu)?;
        let mut packet = BytesMut::from(packet);
        complete_checksum(&mut packet, &mut header)?;
        fit(packet.freeze(), VnetHeader::default(), mtu, &mut all)?;
    }
    Ok(all)
}

/// Appends a packet, in fragments if it does not fit.
fn fit(
    packet: Bytes,
    header: VnetHeader,
    mtu: u16,
    all: &mut Vec<(VnetHeader, Bytes)>,
) -> Result<(), SegmentError> {
    if packet.len() <= usize::from(mtu) {
        all.push((header, packet));
        return Ok(());
    }
    let fragments = fragment::fragments(&Ip::parse(&packet)?, mtu)?;
    all.extend(fragments.into_iter().map(|fragment| (header, fragment)));
    Ok(())
}
