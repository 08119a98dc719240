//! Reads one queue of a device: a task for each.

use std::io;
use std::sync::Arc;

use bytes::{Buf as _, Bytes, BytesMut};
use nextmini_policy::drops::DropCause;
use nextmini_sys::tun::AsyncTun;
use nextmini_wire::vnet::{VNET_BYTES, VnetHeader};

use super::{Buffers, Device};
use crate::event::{Event, report};
use crate::link::BATCH_BYTES;
use crate::node::Node;
use crate::routes::Outbound;

/// The largest packet, with its header.
const LARGEST: usize = VNET_BYTES + 65_536;
/// Packets passed on together at most.
const BATCH: usize = 128;
/// Packets of up to so many bytes get memory of their own, or one that waits long would keep a whole buffer.
const SMALL: usize = 2_048;

/// Passes on what the programs of `node` send by the queue number `queue`, until the device is gone.
pub async fn read(node: Arc<Node>, device: Device, queue: usize, buffers: Arc<Buffers>) {
    let Some(tun) = device.queues().get(queue) else { return };
    let mut reader = Reader { node, buffers, batch: Vec::new() };
    let error = loop {
        if let Err(error) = tun.readable().await {
            break error;
        }
        match reader.read_all(tun) {
            Ok(Read::Everything) => {}
            // Others are to have the core too.
            Ok(Read::Enough) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    let reason = format!("its TUN device cannot be read any more: {error}");
    report(reader.node.events(), Event::NodeFailed { node: reader.node.id(), reason });
}

enum Read {
    Everything,
    /// There may be more.
    Enough,
}

struct Reader {
    node: Arc<Node>,
    buffers: Arc<Buffers>,
    batch: Vec<Outbound>,
}

impl Reader {
    /// Reads until nothing is left or a batch is full, and passes it on.
    fn read_all(&mut self, tun: &AsyncTun) -> io::Result<Read> {
        let mut buffer = self.buffers.take();
        let (mut bytes, mut outcome) = (0, Ok(Read::Enough));
        while bytes < BATCH_BYTES && self.batch.len() < BATCH {
            buffer.reserve(LARGEST);
            match tun.try_read(&mut buffer) {
                Ok(Some(read)) => {
                    bytes += read;
                    self.take(&mut buffer);
                }
                Ok(None) => {
                    outcome = Ok(Read::Everything);
                    break;
                }
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        self.buffers.give(buffer);
        if !self.batch.is_empty() {
            self.node.originate(&mut self.batch);
        }
        outcome
    }

    /// Takes the packet that `buffer` holds out of it.
    fn take(&mut self, buffer: &mut BytesMut) {
        let header = VnetHeader::parse(buffer);
        let (Ok(header), true) = (header, buffer.len() > VNET_BYTES) else {
            // The kernel's own header cannot be read: whatever this was is nowhere to go.
            buffer.clear();
            return self.node.charge(DropCause::Local, None);
        };
        let payload = if buffer.len() <= SMALL {
            let payload = Bytes::copy_from_slice(&buffer[VNET_BYTES..]);
            buffer.clear();
            payload
        } else {
            buffer.advance(VNET_BYTES);
            buffer.split().freeze()
        };
        self.batch.push(Outbound { header, payload });
    }
}
