//! Frames from a link's peer, arriving in pieces: no input panics, reads past a frame, or decodes to a
//! packet that encodes to another one.

#![no_main]

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use nextmini_wire::frame::{self, HEADER_BYTES, LENGTH_BYTES, MAX_LENGTH};

fuzz_target!(|input: (u8, &[u8])| {
    let (cut, stream) = input;
    let mut buffer = BytesMut::new();
    let mut taken = 0;
    for piece in stream.chunks(usize::from(cut) + 1) {
        buffer.extend_from_slice(piece);
        loop {
            let before = buffer.len();
            match frame::decode(&mut buffer) {
                Ok(Some(packet)) => {
                    let used = before - buffer.len();
                    taken += used;
                    assert!((HEADER_BYTES..=LENGTH_BYTES + MAX_LENGTH).contains(&used));
                    let mut again = Vec::new();
                    frame::encode_headers(&packet, &mut again);
                    again.extend_from_slice(&packet.payload);
                    assert_eq!(again.len(), used);
                    assert_eq!(frame::parse(Bytes::from(again)), Ok(packet));
                }
                Ok(None) => {
                    assert_eq!(buffer.len(), before, "an incomplete frame stays where it is");
                    break;
                }
                // The connection would be closed here.
                Err(_) => return,
            }
        }
    }
    assert_eq!(taken + buffer.len(), stream.len());
});
