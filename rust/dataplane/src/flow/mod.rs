//! Where flows begin ([`source`], [`datagrams`]), on which [`terms`], and end ([`sink`], [`collector`]).

pub mod collector;
pub mod datagrams;
pub mod echoes;
pub mod sink;
pub mod source;
pub mod terms;

/// A checksum as reports write it.
pub fn checksum_text(xxh3: u64) -> String {
    format!("xxh3:{xxh3:016x}")
}
