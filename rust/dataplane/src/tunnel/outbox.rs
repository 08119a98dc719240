//! The part of a stream that its receiver may not have yet.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Bytes of a stream from what was acknowledged to what was written, in the pieces in which they were.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Where the first piece begins.
    begin: u64,
    pieces: VecDeque<Bytes>,
    held: usize,
}

impl Outbox {
    /// Writes what follows.
    pub fn write(&mut self, piece: Bytes) {
        self.held += piece.len();
        self.pieces.push_back(piece);
    }

    /// Bytes that are held.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Nobody will ask for anything before `offset` again.
    pub fn forget(&mut self, offset: u64) {
        while let Some(first) = self.pieces.front()
            && self.begin + first.len() as u64 <= offset
        {
            self.begin += first.len() as u64;
            self.held -= first.len();
            self.pieces.pop_front();
        }
    }

    /// `length` bytes from `offset` on, which are held. Within a piece they are shared, else copied.
    pub fn slice(&self, offset: u64, length: usize) -> Bytes {
        let mut skip = offset.saturating_sub(self.begin) as usize;
        let mut joined = BytesMut::new();
        for piece in &self.pieces {
            if skip >= piece.len() {
                skip -= piece.len();
                continue;
            }
            let wanted = (length - joined.len()).min(piece.len() - skip);
            let part = piece.slice(skip..skip + wanted);
            if part.len() == length {
                return part;
            }
            joined.extend_from_slice(&part);
            skip = 0;
            if joined.len() == length {
                break;
            }
        }
        joined.freeze()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_part_that_is_held_is_there(
            sizes in prop::collection::vec(1_usize..50, 1..20),
            forgotten: prop::sample::Index,
            from: prop::sample::Index,
            to: prop::sample::Index,
        ) {
            let mut outbox = Outbox::default();
            let total: usize = sizes.iter().sum();
            let stream: Vec<u8> = (0..total).map(|at| at as u8).collect();
            let mut at = 0;
            for size in sizes {
                outbox.write(Bytes::copy_from_slice(&stream[at..at + size]));
                at += size;
            }
            let forgotten = forgotten.index(total + 1);
            outbox.forget(forgotten as u64);
            prop_assert!(outbox.held() >= total - forgotten && outbox.held() < total - forgotten + 50);
            let from = forgotten + from.index(total - forgotten + 1);
            let to = from + to.index(total - from + 1);
            prop_assert_eq!(&outbox.slice(from as u64, to - from)[..], &stream[from..to]);
        }
    }
}
