//! Packets that have arrived for a node's TCP ends, until the task that drives these takes them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

/// Packets that wait at most; others are dropped, as by a host that does not keep up.
const MOST: usize = 32_768;

/// The packets, for one task to take. They come and go by the batch: to hand each of them over costs more than what a
/// node does for it otherwise.
#[derive(Debug, Default)]
pub struct Arrivals {
    waiting: Mutex<Vec<Bytes>>,
    /// Rings when there are packets again.
    filled: Notify,
}

impl Arrivals {
    /// Takes `packets`, of which none are left; returns how many there was no room for.
    pub fn put(&self, packets: &mut Vec<Bytes>) -> usize {
        let mut waiting = self.lock();
        let was_empty = waiting.is_empty();
        let taken = packets.len().min(MOST - waiting.len());
        waiting.extend(packets.drain(..taken));
        drop(waiting);
        if was_empty && taken > 0 {
            self.filled.notify_one();
        }
        packets.drain(..).count()
    }

    /// Moves all that wait to `batch`, which is empty.
    pub fn take(&self, batch: &mut Vec<Bytes>) {
        std::mem::swap(&mut *self.lock(), batch);
    }

    /// Waits until there are some.
    ///
    /// # Cancel safety
    /// It takes none.
    pub async fn filled(&self) {
        loop {
            // Before looking: what comes in between rings for the next look.
            let filled = self.filled.notified();
            if !self.lock().is_empty() {
                return;
            }
            filled.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Bytes>> {
        // Packets are there or not, whoever panicked.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn packets_are_taken_in_order_and_no_more_than_there_is_room_for() {
        let arrivals = Arrivals::default();
        let packets = |numbers: std::ops::Range<usize>| -> Vec<Bytes> {
            numbers.map(|number| Bytes::from(number.to_string())).collect()
        };
        assert_eq!(arrivals.put(&mut packets(0..10)), 0);
        assert_eq!(arrivals.put(&mut packets(10..MOST + 3)), 3);
        let mut taken = Vec::new();
        arrivals.filled().await;
        arrivals.take(&mut taken);
        assert_eq!(taken, packets(0..MOST));
        taken.clear();
        arrivals.take(&mut taken);
        assert_eq!(taken, packets(0..0));
    }

    #[tokio::test]
    async fn whoever_waits_is_told_of_the_next() {
        let arrivals = Arrivals::default();
        for round in 0..3_u8 {
            let mut packets = vec![Bytes::copy_from_slice(&[round])];
            let bringing = async { arrivals.put(&mut packets) };
            assert_eq!(tokio::join!(biased; arrivals.filled(), bringing).1, 0);
            let mut taken = Vec::new();
            arrivals.take(&mut taken);
            assert_eq!(taken, [Bytes::copy_from_slice(&[round])]);
        }
    }
}
