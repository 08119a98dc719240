//! The message vectors that Rust and Python both read.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeSet;

use nextmini_wire::control::{COMMANDS, Command, REPORTS, Report, decode, encode};
use serde_json::Value;

const VECTORS: &str = include_str!("../../../tests/golden/control.json");
fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn vectors() -> Vec<(String, Value, Vec<u8>)> {
    let vectors: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    vectors.iter().map(|v| (text(&v["name"]), v["message"].clone(), bytes_of(&text(&v["hex"])))).collect()
}

#[test]
fn every_vector_is_read_and_written_to_the_same_bytes() {
    for (name, message, bytes) in vectors() {
        let kind = message["type"].as_str().unwrap();
        let (value, again) = if REPORTS.contains(&kind) {
            let report: Report = decode(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
            (serde_json::to_value(&report).unwrap(), encode(&report).unwrap())
        } else {
            let command: Command = decode(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
            (serde_json::to_value(&command).unwrap(), encode(&command).unwrap())
        };
        assert_eq!(value, message, "{name}");
        assert_eq!(again, bytes, "{name}");
    }
}

#[test]
fn every_message_has_a_vector() {
    let seen: BTreeSet<String> =
        vectors().iter().map(|(_, message, _)| message["type"].as_str().unwrap().to_owned()).collect();
    let known: BTreeSet<String> = REPORTS.iter().chain(&COMMANDS).map(ToString::to_string).collect();
    assert_eq!(seen, known);
}

#[test]
fn unknown_fields_are_ignored_and_unknown_types_refused() {
    let message = serde_json::json!({"type": "stop", "later": [1, 2]});
    assert_eq!(decode::<Command>(&encode(&message).unwrap()).unwrap(), Command::Stop {});
    let message = serde_json::json!({"type": "teleport"});
    let error = decode::<Command>(&encode(&message).unwrap()).unwrap_err().to_string();
    assert!(error.contains("teleport"), "{error}");
    assert!(decode::<Command>(b"\xc1").is_err());
}
