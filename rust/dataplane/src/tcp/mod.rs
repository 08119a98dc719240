//! Synthetic TCP flows: both ends have a TCP of their own (smoltcp), whose segments are IP packets like those of
//! programs.
//!
//! - [`source`]: a flow as the process sees it; [`actor`]: what drives all ends of a node
//! - [`client`], [`server`]: what the two ends say and hear
//! - [`endpoint`]: a connection's end with its stack; [`device`]: the packets of that stack
//! - [`track`]: what its segments tell of the path

pub mod actor;
pub mod client;
pub mod device;
pub mod endpoint;
pub mod server;
pub mod source;
pub mod track;
