//! What a stranger says when it connects, and keys as text: no input panics, and nothing but a proof made
//! with the key is a proof.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nextmini_wire::handshake::{Exchange, HELLO_BYTES, Hello, LinkKey, NONCE_BYTES, Role};

fuzz_target!(|input: &[u8]| {
    if let Ok(text) = std::str::from_utf8(input)
        && LinkKey::from_hex(text).is_ok()
    {
        assert!(text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit()));
    }
    let Some((bytes, rest)) = input.split_first_chunk::<HELLO_BYTES>() else {
        return;
    };
    let Ok(hello) = Hello::decode(bytes) else {
        return;
    };
    assert_eq!(&hello.encode(), bytes);
    let Some((nonce, proof)) = rest.split_first_chunk::<NONCE_BYTES>() else {
        return;
    };
    let Ok(key) = LinkKey::from_hex(&"5a".repeat(32)) else {
        panic!("64 hexadecimal digits are a key");
    };
    let exchange = Exchange { hello, nonce: *nonce };
    for role in [Role::Dialler, Role::Listener] {
        let real = exchange.proof(&key, role);
        assert_eq!(exchange.verify(&key, role, proof).is_ok(), proof == real);
    }
});
