//! Memory that packets are read into, a thread's own: a device that is silent has none.

use bytes::BytesMut;

use super::reader::{BATCH_BYTES, LARGEST};

/// Bytes of a buffer: what is passed on together, and a packet of any size behind that.
const BUFFER_BYTES: usize = BATCH_BYTES + LARGEST;
/// Buffers that are kept; more only while packets in them still travel.
const SPARES: usize = 32;

/// Buffers that are not in use, some of which still have packets in them that travel.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    spares: Vec<BytesMut>,
}

impl Buffers {
    /// An empty buffer.
    pub(super) fn take(&mut self) -> BytesMut {
        // From the end: what was used last is in the processor's cache.
        for at in (0..self.spares.len()).rev() {
            if self.spares[at].try_reclaim(BUFFER_BYTES) {
                return self.spares.swap_remove(at);
            }
        }
        BytesMut::with_capacity(BUFFER_BYTES)
    }

    /// Takes a buffer back. What has been split off it may still be in use.
    pub(super) fn give(&mut self, mut buffer: BytesMut) {
        buffer.clear();
        if self.spares.len() < SPARES {
            self.spares.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_once_nothing_in_it_is_in_use() {
        let mut buffers = Buffers::default();
        let mut first = buffers.take();
        let place = first.as_ptr();
        first.extend_from_slice(&[7; 100]);
        let packet = first.split_to(100).freeze();
        buffers.give(first);
        let second = buffers.take();
        assert_ne!(second.as_ptr(), place);
        assert_eq!(&packet[..], &[7; 100]);
        drop(packet);
        assert_eq!(buffers.take().as_ptr(), place);
    }
}
