//! The connection to the controller.
//!
//! - [`address`]: where the controller is, and TLS if it is spoken to so
//! - [`connection`]: a WebSocket that carries messages
//! - [`ledger`]: what the controller has to be told, and told again after a break
//! - [`session`]: one connection from `hello` to its end
//! - [`trust`]: whose certificate is taken for the controller's

pub mod address;
pub mod connection;
pub mod ledger;
pub mod session;
pub mod trust;
