//! Where lossless sessions begin ([`source`]) and end ([`sink`]).

pub mod sink;
pub mod source;

/// A checksum as reports write it.
pub fn checksum_text(xxh3: u64) -> String {
    format!("xxh3:{xxh3:016x}")
}
