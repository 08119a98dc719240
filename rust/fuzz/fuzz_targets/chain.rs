//! What connections of programs begin with, in max mode, in a tunnel and at a SOCKS entrance: no input panics, and what
//! is read is what would be written.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use nextmini_wire::chain::{LENGTH_BYTES, Opening, decode_answer, encode_answer, length};
use nextmini_wire::socks::{Greeting, Login, Target};
use nextmini_wire::tunnel::{Reader, Record, TunnelError};

/// What a stream says that comes in these pieces, with data as the numbers of their bytes.
fn records(pieces: &[&[u8]]) -> Result<(Vec<Record>, usize), TunnelError> {
    let (mut reader, mut records, mut data) = (Reader::default(), Vec::new(), 0);
    for piece in pieces {
        reader.read(Bytes::copy_from_slice(piece), |record| match record {
            Record::Data(bytes) => data += bytes.len(),
            record => records.push(record),
        })?;
    }
    Ok((records, data))
}

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
    let lengths = [
        Greeting::read(input).map(|read| read.map(|(_, length)| length)),
        Login::read(input).map(|read| read.map(|(_, length)| length)),
        Target::read(input).map(|read| read.map(|(_, length)| length)),
    ];
    assert!(lengths.into_iter().flatten().flatten().all(|length| length <= input.len()));
    let (begin, rest) = input.split_at(input.len() / 2);
    assert_eq!(records(&[input]), records(&[begin, rest]));
});
