//! The checksum of a stream, at both of its ends: xxh3 with seed 0.

use std::hash::Hasher as _;

use twox_hash::XxHash3_64;

/// Sums up a stream piece by piece.
///
/// Its state begins a cache line: where it lies across two, every 64 bytes of data wait for it, and a sender
/// spends three times as long on its checksum (measured: 11 instead of 33 GB/s).
#[derive(Clone, Default)]
#[repr(align(64))]
pub struct Checksum(XxHash3_64);

impl std::fmt::Debug for Checksum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checksum").finish_non_exhaustive()
    }
}

impl Checksum {
    /// Takes the next bytes.
    pub fn write(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    /// The checksum of all bytes so far.
    pub fn finish(&self) -> u64 {
        self.0.finish()
    }
}
