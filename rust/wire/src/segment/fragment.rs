//! Fragments of IPv4 packets (RFC 791, section 3.2).

use bytes::{Bytes, BytesMut};

use crate::checksum::checksum;
use crate::ip::Ip;
use crate::segment::SegmentError;
use crate::segment::cut::{put, word};

/// Offsets count in so many bytes.
const UNIT: usize = 8;
/// The largest packet that there is.
const LARGEST: usize = 65_535;
const MORE: u16 = 0x2000;
const FIXED_HEADER: usize = 20;
/// An option that stands in every fragment, not in the first alone.
const COPIED: u8 = 0x80;
const END_OF_OPTIONS: u8 = 0;
const NO_OPERATION: u8 = 1;

/// How many packets a packet of `bytes` bytes with `ip`'s header becomes over a link with this MTU.
pub(super) fn count(ip: &Ip<'_>, bytes: usize, mtu: u16) -> Result<usize, SegmentError> {
    if bytes <= usize::from(mtu) {
        return Ok(1);
    }
    let room = room(ip, mtu);
    if ip.is_uncuttable() || room == 0 {
        return Err(SegmentError::TooLarge { bytes, mtu });
    }
    let payload = bytes - ip.transport_at();
    let offset = ip.fragment().map_or(0, |fragment| usize::from(fragment.offset));
    if offset + payload > LARGEST {
        return Err(SegmentError::Fragment);
    }
    Ok(payload.div_ceil(room))
}

/// Payload of each fragment but the last.
fn room(ip: &Ip<'_>, mtu: u16) -> usize {
    usize::from(mtu).saturating_sub(ip.transport_at()) / UNIT * UNIT
}

/// The fragments of a packet that is too large, or of a fragment: slices of one buffer.
pub(super) fn fragments(ip: &Ip<'_>, mtu: u16) -> Result<Vec<Bytes>, SegmentError> {
    let count = count(ip, ip.bytes().len(), mtu)?;
    let (header, payload) = ip.bytes().split_at(ip.transport_at());
    let room = room(ip, mtu);
    // Of the word with the flags and the offset: both are this packet's own, if it is a fragment.
    let place = word(header, 6);
    let mut buffer = BytesMut::with_capacity(count * header.len() + payload.len());
    let mut fragments = Vec::with_capacity(count);
    for (index, part) in payload.chunks(room).enumerate() {
        buffer.extend_from_slice(header);
        buffer.extend_from_slice(part);
        let mut fragment = buffer.split();
        if index > 0 {
            clear_options(&mut fragment[FIXED_HEADER..header.len()]);
        }
        let more = if index + 1 < count { MORE } else { 0 };
        let length = fragment.len() as u16;
        put(&mut fragment, 2, length);
        put(&mut fragment, 6, (place | more) + (index * room / UNIT) as u16);
        put(&mut fragment, 10, 0);
        let sum = checksum(&fragment[..header.len()]);
        put(&mut fragment, 10, sum);
        fragments.push(fragment.freeze());
    }
    Ok(fragments)
}

/// Overwrites options that are for the first fragment only: the header keeps its length.
fn clear_options(options: &mut [u8]) {
    let mut at = 0;
    while let Some(&kind) = options.get(at) {
        let length = match kind {
            END_OF_OPTIONS => return,
            NO_OPERATION => 1,
            _ => options.get(at + 1).map_or(0, |length| usize::from(*length)),
        };
        let end = at + length;
        if length == 0 || end > options.len() {
            return;
        }
        if kind & COPIED == 0 {
            options[at..end].fill(NO_OPERATION);
        }
        at = end;
    }
}
