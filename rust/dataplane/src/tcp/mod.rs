//! Synthetic TCP flows: both ends have a TCP of their own (smoltcp), whose segments are IP packets like those of
//! programs.
//!
//! - [`source`]: a flow as the process sees it; [`actor`]: what drives all ends of a node, and takes
//!   what has arrived for them from [`arrivals`]
//! - [`client`], [`server`]: what the two ends say and hear
//! - [`endpoint`]: a connection's end with its stack; [`device`]: the packets of that stack
//! - [`segment`]: the headers of its packets; [`track`]: what they tell of the path; [`recovery`], [`window`]: and of what
//!   its stack does about losses; [`scoreboard`]: what is sent again beside it; [`reading`]: what it hears for that

pub mod actor;
pub mod arrivals;
pub mod client;
pub mod device;
pub mod endpoint;
pub mod reading;
pub mod recovery;
pub mod scoreboard;
pub mod segment;
pub mod server;
pub mod source;
pub mod track;
pub mod window;

#[cfg(test)]
mod simulation;
