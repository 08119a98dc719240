//! From a byte stream to packets, in buffers that are used again.

use std::io;

use bytes::{Buf as _, BufMut as _, BytesMut};
use nextmini_wire::frame::{self, FrameError, MAX_LENGTH};
use nextmini_wire::packet::{MAX_CHUNK, Packet};

use super::batching::{BATCH_BYTES, batch_bytes};
use super::carrier::Reading;

/// Where frames may begin: four of the largest chunks fit exactly, so that a full read seldom ends
/// inside a frame and leaves a few bytes for another call.
const BEGIN_BYTES: usize = BATCH_BYTES / MAX_CHUNK * frame::LARGEST_CHUNK_BYTES;
/// Room for the end of a frame that began within the first [`BEGIN_BYTES`].
const BUFFER_BYTES: usize = BEGIN_BYTES + frame::LENGTH_BYTES + MAX_LENGTH;
/// At most [`BEGIN_BYTES`]; of a batch of one packet, the largest one.
fn begin_bytes() -> usize {
    (batch_bytes() / MAX_CHUNK).max(1) * frame::LARGEST_CHUNK_BYTES
}
/// Buffers kept for another use; more only while packets in them still travel.
const SPARES: usize = 4;

/// Reads frames from a connection.
///
/// Packets' payloads are slices of the buffer that they were read into; when all of them are gone the
/// buffer is used again, without going back to the allocator and its page faults. A read never ends
/// inside a frame that its buffer cannot hold, so nothing is copied from one buffer to the next but
/// the first bytes of a header.
#[derive(Debug, Default)]
pub struct FrameReader {
    buffer: BytesMut,
    spares: Vec<BytesMut>,
    /// Bytes of this buffer that may still begin a frame.
    room: usize,
}

impl FrameReader {
    /// Waits for bytes and reads once; 0 when the peer has closed the connection.
    ///
    /// # Errors
    /// The connection's own.
    ///
    /// # Cancel safety
    /// Nothing is read unless it returns.
    pub async fn read(&mut self, connection: &mut impl Reading) -> io::Result<usize> {
        // Before the buffer is made: thousands of idle links have none.
        connection.ready().await?;
        let limit = self.prepare();
        let bytes = connection.read(&mut self.buffer, limit).await?;
        self.room = self.room.saturating_sub(bytes);
        Ok(bytes)
    }

    /// Moves the whole frames that have been read to `packets`.
    ///
    /// # Errors
    /// Bytes that are no frame; the stream is of no more use.
    pub fn take(&mut self, packets: &mut Vec<Packet>) -> Result<(), FrameError> {
        while let Some(packet) = frame::decode(&mut self.buffer)? {
            packets.push(packet);
        }
        Ok(())
    }

    /// Takes bytes that somebody else has read, and moves the frames that are whole with them to `packets`.
    ///
    /// # Errors
    /// Bytes that are no frame; the stream is of no more use.
    pub fn put(&mut self, mut bytes: &[u8], packets: &mut Vec<Packet>) -> Result<(), FrameError> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(self.prepare().min(bytes.len()));
            self.buffer.put_slice(now);
            self.room = self.room.saturating_sub(now.len());
            self.take(packets)?;
            bytes = later;
        }
        Ok(())
    }

    /// Makes room and says for how many bytes.
    fn prepare(&mut self) -> usize {
        if self.buffer.is_empty() && self.buffer.capacity() > 0 && self.buffer.try_reclaim(BUFFER_BYTES) {
            // Everything that was read has gone on: begin at the front again, which is in the cache.
            self.room = begin_bytes();
        }
        if self.room > 0 {
            return self.room;
        }
        // `take` has refused impossible lengths, and a whole frame would not be here any more.
        if let Ok(Some(whole)) = frame::frame_bytes(&self.buffer) {
            return whole.saturating_sub(self.buffer.len()).max(1);
        }
        let mut fresh = self.fresh();
        fresh.put_slice(self.buffer.chunk());
        let used = std::mem::replace(&mut self.buffer, fresh);
        if self.spares.len() < SPARES && used.capacity() > 0 {
            self.spares.push(used);
        }
        self.room = begin_bytes().saturating_sub(self.buffer.len()).max(1);
        self.room
    }

    fn fresh(&mut self) -> BytesMut {
        for at in 0..self.spares.len() {
            self.spares[at].clear();
            if self.spares[at].try_reclaim(BUFFER_BYTES) {
                return self.spares.swap_remove(at);
            }
        }
        BytesMut::with_capacity(BUFFER_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use nextmini_wire::id::{FlowId, RouteId};
    use nextmini_wire::packet::{Chunk, Content};
    use proptest::prelude::*;

    use super::*;

    fn packet(length: usize, at: usize) -> Packet {
        let chunk = Chunk { flow: FlowId(1), offset: at as u64, sent_at: 0, last: false, ask: false };
        let payload = (0..length).map(|byte| (byte * 7 + at) as u8).collect::<Bytes>();
        Packet::new(RouteId(1), 9, 0, Content::Chunk(chunk), payload)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn frames_that_others_have_read_come_out_however_they_are_cut(
            lengths in prop::collection::vec(0..=MAX_CHUNK, 1..12),
            cuts in prop::collection::vec(1_usize..9_000, 1..16),
            kept in any::<bool>(),
        ) {
            let packets: Vec<_> = lengths.iter().zip(0..).map(|(&length, at)| packet(length, at)).collect();
            let mut stream = Vec::new();
            for packet in &packets {
                frame::encode_headers(packet, &mut stream);
                stream.extend_from_slice(&packet.payload);
            }
            let (mut reader, mut arrived, mut rest) = (FrameReader::default(), Vec::new(), &stream[..]);
            for cut in cuts.iter().cycle() {
                let (piece, later) = rest.split_at((*cut).min(rest.len()));
                let mut batch = Vec::new();
                reader.put(piece, &mut batch).unwrap();
                // Buffers are used again once nobody has anything of what was in them.
                let copied = |packet: Packet| Packet { payload: packet.payload.to_vec().into(), ..packet };
                arrived.extend(batch.into_iter().map(|packet| if kept { packet } else { copied(packet) }));
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(arrived, packets);
        }
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let refused = FrameReader::default().put(&[0xff; 9], &mut Vec::new());
        assert_eq!(refused, Err(FrameError::Length(0xffff_ffff)));
    }
}
