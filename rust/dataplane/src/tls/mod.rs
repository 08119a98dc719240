//! TLS 1.3, as processes of an experiment speak it.
//!
//! [`identity`] is what a process proves and wants to see proved, and [`verifier`] whom it takes for the other end of a
//! connection.

pub mod identity;
pub(crate) mod verifier;
