//! TUN devices: where the packets of a node's programs come in, and where they go back to the kernel.
//!
//! Packets pass as the kernel has them, super-packets of up to 64 KiB and all, with the header that says what is
//! left to be done. Nothing is cut or summed here: links that work packet by packet do that.

mod buffers;
mod device;
mod reader;
mod readers;

pub use device::Device;
pub use readers::{Readers, Reading};
