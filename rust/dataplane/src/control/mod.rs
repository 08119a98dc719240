//! The connection to the controller.
//!
//! - [`connection`]: a WebSocket that carries messages
//! - [`ledger`]: what the controller has to be told, and told again after a break
//! - [`session`]: one connection from `hello` to its end

pub mod connection;
pub mod ledger;
pub mod session;
