//! Many numbers, as bytes: an array of a million of them is read and written as a whole.

use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Numbers of 32 bits; in a message, binary data of 4 bytes each, big-endian.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed(pub Vec<u32>);

impl Serialize for Packed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = self.0.iter().flat_map(|number| number.to_be_bytes()).collect();
        serializer.serialize_bytes(&bytes)
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(Bytes)
    }
}

struct Bytes;

impl<'de> Visitor<'de> for Bytes {
    type Value = Packed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("binary data of 4 bytes a number")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Packed, E> {
        let (numbers, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(E::invalid_length(bytes.len(), &self));
        }
        Ok(Packed(numbers.iter().map(|&number| u32::from_be_bytes(number)).collect()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut bytes: A) -> Result<Packed, A::Error> {
        let mut all = Vec::new();
        while let Some(byte) = bytes.next_element()? {
            all.push(byte);
        }
        self.visit_bytes(&all)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{decode, encode};
    use super::*;

    #[test]
    fn numbers_are_binary_data_of_four_bytes_each() {
        let packed = Packed(vec![1, 0x0a0b_0c0d, u32::MAX]);
        let bytes = encode(&packed).unwrap();
        assert_eq!(bytes, [0xc4, 12, 0, 0, 0, 1, 10, 11, 12, 13, 255, 255, 255, 255]);
        assert_eq!(decode::<Packed>(&bytes).unwrap(), packed);
        assert_eq!(decode::<Packed>(&[0xc4, 0]).unwrap(), Packed::default());
        let error = decode::<Packed>(&[0xc4, 3, 0, 0, 1]).unwrap_err().to_string();
        assert!(error.contains("4 bytes a number"), "{error}");
    }
}
