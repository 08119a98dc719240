//! Memory that packets are read into, shared by all devices of a process: a device that is silent has none.

use std::sync::{Mutex, PoisonError};

use bytes::BytesMut;

/// Bytes of a buffer: what one wake-up reads, and a packet of any size behind that.
const BUFFER_BYTES: usize = 384 * 1024;
/// Buffers that are kept; more only while packets in them still travel.
const SPARES: usize = 32;

/// Buffers that are not in use, some of which still have packets in them that travel.
#[derive(Debug, Default)]
pub struct Buffers {
    spares: Mutex<Vec<BytesMut>>,
}

impl Buffers {
    /// An empty buffer.
    pub fn take(&self) -> BytesMut {
        let mut spares = self.spares.lock().unwrap_or_else(PoisonError::into_inner);
        // From the end: what was used last is in the processor's cache.
        for at in (0..spares.len()).rev() {
            if spares[at].try_reclaim(BUFFER_BYTES) {
                return spares.swap_remove(at);
            }
        }
        drop(spares);
        BytesMut::with_capacity(BUFFER_BYTES)
    }

    /// Takes a buffer back. What has been split off it may still be in use.
    pub fn give(&self, mut buffer: BytesMut) {
        buffer.clear();
        let mut spares = self.spares.lock().unwrap_or_else(PoisonError::into_inner);
        if spares.len() < SPARES {
            spares.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_once_nothing_in_it_is_in_use() {
        let buffers = Buffers::default();
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
