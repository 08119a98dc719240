//! Control messages of both directions: no input panics, and what decodes survives being encoded again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nextmini_wire::control::{self, Command, Report};

fuzz_target!(|input: &[u8]| {
    if let Ok(report) = control::decode::<Report>(input) {
        let bytes = control::encode(&report).expect("every report can be encoded");
        let again: Report = control::decode(&bytes).expect("what was encoded decodes");
        // Compared as bytes: seconds may be a NaN, which equals nothing.
        assert_eq!(control::encode(&again).expect("every report can be encoded"), bytes);
    }
    if let Ok(command) = control::decode::<Command>(input) {
        let bytes = control::encode(&command).expect("every command can be encoded");
        let again: Command = control::decode(&bytes).expect("what was encoded decodes");
        assert_eq!(control::encode(&again).expect("every command can be encoded"), bytes);
    }
});
