//! What a connection of a flow in max mode begins with: no input panics, and what is read is what would be written.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nextmini_wire::chain::{LENGTH_BYTES, Opening, decode_answer, encode_answer, length};

fuzz_target!(|input: &[u8]| {
    if let Some((first, rest)) = input.split_first_chunk::<LENGTH_BYTES>()
        && let Ok(length) = length(*first)
    {
        assert!(length > 0 && (length <= rest.len() || length <= 512));
    }
    if let Ok(opening) = Opening::decode(input) {
        let Ok(again) = opening.encode() else { panic!("{opening:?} was read and cannot be written") };
        assert_eq!(&again[LENGTH_BYTES..], input);
    }
    if let Ok(answer) = decode_answer(input) {
        assert_eq!(&encode_answer(answer)[LENGTH_BYTES..], input);
    }
});
