//! Queueing disciplines: who of those that wait goes next.
//!
//! - [`fifo`]: who came first
//! - [`wrr`]: flows in turn, as many packets as their weights
//! - [`drr`]: flows in turn, as many bytes as their weights
//!
//! The last two have a queue for each flow, which ends when it becomes empty.

pub mod drr;
pub mod fifo;
pub mod flows;
pub mod wrr;

use nextmini_wire::control::direction::Discipline;

use drr::Drr;
use fifo::Fifo;
use wrr::Wrr;

/// Something that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<T> {
    /// Its flow.
    pub key: u64,
    /// Share of its flow, as compared with other flows; 0 counts as 1.
    pub weight: u16,
    /// Its length, in bytes.
    pub bytes: u64,
    /// What it is.
    pub item: T,
}

/// An entry, and how many came before it.
#[derive(Debug)]
pub(crate) struct Numbered<T> {
    number: u64,
    entry: Entry<T>,
}

/// A queue with a discipline.
#[derive(Debug)]
pub struct Scheduler<T> {
    kind: Kind<T>,
    arrivals: u64,
    packets: usize,
    bytes: u64,
}

#[derive(Debug)]
enum Kind<T> {
    Fifo(Fifo<T>),
    Wrr(Wrr<T>),
    Drr(Drr<T>),
}

impl<T> Kind<T> {
    fn new(discipline: Discipline) -> Self {
        match discipline {
            Discipline::Fifo => Self::Fifo(Fifo::default()),
            Discipline::Wrr => Self::Wrr(Wrr::default()),
            Discipline::Drr => Self::Drr(Drr::default()),
        }
    }

    fn push(&mut self, numbered: Numbered<T>) {
        match self {
            Self::Fifo(queue) => queue.push(numbered),
            Self::Wrr(queue) => queue.push(numbered),
            Self::Drr(queue) => queue.push(numbered),
        }
    }

    fn pop(&mut self) -> Option<Numbered<T>> {
        match self {
            Self::Fifo(queue) => queue.pop(),
            Self::Wrr(queue) => queue.pop(),
            Self::Drr(queue) => queue.pop(),
        }
    }
}

impl<T> Scheduler<T> {
    /// An empty queue.
    pub fn new(discipline: Discipline) -> Self {
        Self { kind: Kind::new(discipline), arrivals: 0, packets: 0, bytes: 0 }
    }

    /// Puts an entry behind those of its flow. Its weight is its flow's from the flow's next turn on.
    pub fn push(&mut self, entry: Entry<T>) {
        self.packets += 1;
        self.bytes += entry.bytes;
        self.kind.push(Numbered { number: self.arrivals, entry });
        self.arrivals += 1;
    }

    /// The entry that [`Self::pop`] will give.
    pub fn peek(&mut self) -> Option<&Entry<T>> {
        match &mut self.kind {
            Kind::Fifo(queue) => queue.peek(),
            Kind::Wrr(queue) => queue.peek(),
            Kind::Drr(queue) => queue.peek(),
        }
    }

    /// Takes who goes next.
    pub fn pop(&mut self) -> Option<Entry<T>> {
        let Numbered { entry, .. } = self.kind.pop()?;
        self.packets -= 1;
        self.bytes -= entry.bytes;
        Some(entry)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.packets
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.packets == 0
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Queues of flows that there are; a queue for all counts as one if it is not empty.
    pub fn flows(&self) -> usize {
        match &self.kind {
            Kind::Fifo(_) => usize::from(!self.is_empty()),
            Kind::Wrr(queue) => queue.flows(),
            Kind::Drr(queue) => queue.flows(),
        }
    }

    /// Changes the discipline for those that wait, in the order in which they came, and all that come.
    pub fn change(&mut self, discipline: Discipline) {
        let mut waiting: Vec<Numbered<T>> = std::iter::from_fn(|| self.kind.pop()).collect();
        waiting.sort_unstable_by_key(|numbered| numbered.number);
        self.kind = Kind::new(discipline);
        waiting.into_iter().for_each(|numbered| self.kind.push(numbered));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const ALL: [Discipline; 3] = [Discipline::Fifo, Discipline::Wrr, Discipline::Drr];

    fn entry(key: u64, weight: u16, bytes: u64, item: u64) -> Entry<u64> {
        Entry { key, weight, bytes, item }
    }

    /// Packets and bytes of each flow among the first `count` that leave.
    fn served(discipline: Discipline, flows: &[(u16, u64)], count: usize) -> Vec<(u64, u64)> {
        let mut queue = Scheduler::new(discipline);
        for item in 0..count as u64 {
            for (key, &(weight, bytes)) in flows.iter().enumerate() {
                queue.push(entry(key as u64, weight, bytes, item));
            }
        }
        let mut sums = vec![(0, 0); flows.len()];
        for _ in 0..count {
            let entry = queue.pop().unwrap();
            let sum = &mut sums[entry.key as usize];
            *sum = (sum.0 + 1, sum.1 + entry.bytes);
        }
        sums
    }

    #[test]
    fn wrr_shares_packets_by_weight() {
        let sums = served(Discipline::Wrr, &[(1, 1_500), (2, 100), (5, 9_000)], 800);
        assert_eq!(sums.iter().map(|sum| sum.0).collect::<Vec<_>>(), [100, 200, 500]);
    }

    #[test]
    fn drr_shares_bytes_by_weight() {
        let flows = [(1, 1_500), (2, 300), (5, 900)];
        let sums = served(Discipline::Drr, &flows, 8_000);
        let share = |at: usize| sums[at].1 as f64 / f64::from(flows[at].0);
        for at in 1..3 {
            // A quantum and a packet, of some thousand.
            assert!((share(at) / share(0) - 1.0).abs() < 0.01, "{sums:?}");
        }
    }

    #[test]
    fn a_weight_that_changes_is_in_force_at_the_next_turn() {
        let mut queue = Scheduler::new(Discipline::Wrr);
        for item in 0..10 {
            queue.push(entry(1, 1, 1, item));
            queue.push(entry(2, 1, 1, item));
        }
        queue.push(entry(2, 3, 1, 10));
        let keys: Vec<u64> = (0..9).map(|_| queue.pop().unwrap().key).collect();
        assert_eq!(keys, [1, 2, 2, 2, 1, 2, 2, 2, 1]);
    }

    #[test]
    fn a_flow_that_comes_back_has_saved_nothing() {
        for discipline in [Discipline::Wrr, Discipline::Drr] {
            let mut queue = Scheduler::new(discipline);
            queue.push(entry(1, 9, 100, 0));
            queue.pop();
            assert_eq!(queue.flows(), 0);
            for item in 0..20 {
                queue.push(entry(1, 1, 1_500, item));
                queue.push(entry(2, 1, 1_500, item));
            }
            let first: Vec<u64> = (0..8).map(|_| queue.pop().unwrap().key).collect();
            let of_one = first.iter().filter(|&&key| key == 1).count();
            assert!((3..=5).contains(&of_one), "{discipline:?}: {first:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_happens_nothing_is_lost_and_flows_keep_their_order(
            steps in prop::collection::vec((0_u64..6, 0_u16..4, 1_u64..9_000, 0_u8..6), 1..300),
        ) {
            let mut queue = Scheduler::new(Discipline::Fifo);
            let (mut pushed, mut popped) = (Vec::new(), Vec::new());
            for (item, (key, weight, bytes, action)) in steps.into_iter().enumerate() {
                match action {
                    0..=2 => {
                        queue.push(entry(key, weight, bytes, item as u64));
                        pushed.push((key, item as u64));
                    }
                    3 => queue.change(ALL[key as usize % 3]),
                    _ => {
                        let next = queue.peek().copied();
                        let taken = queue.pop();
                        prop_assert_eq!(next, taken);
                        popped.extend(taken.map(|entry| (entry.key, entry.item)));
                    }
                }
                prop_assert_eq!(queue.len(), pushed.len() - popped.len());
                prop_assert!(queue.is_empty() == (queue.flows() == 0));
            }
            popped.extend(std::iter::from_fn(|| queue.pop()).map(|entry| (entry.key, entry.item)));
            prop_assert_eq!(queue.bytes(), 0);
            let by_flow = |all: &[(u64, u64)]| {
                let mut flows: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
                all.iter().for_each(|&(key, item)| flows.entry(key).or_default().push(item));
                flows
            };
            prop_assert_eq!(by_flow(&pushed), by_flow(&popped));
        }

        #[test]
        fn fifo_keeps_the_order_of_arrival(keys in prop::collection::vec(0_u64..5, 0..50)) {
            let mut queue = Scheduler::new(Discipline::Drr);
            keys.iter().zip(0..).for_each(|(&key, item)| queue.push(entry(key, 1, 100, item)));
            queue.change(Discipline::Fifo);
            let items: Vec<u64> = std::iter::from_fn(|| queue.pop()).map(|entry| entry.item).collect();
            prop_assert!(items.is_sorted());
        }

        /// Shreedhar and Varghese, theorem 2: between flows that always wait, bytes by weight differ by no more
        /// than a quantum and two of the largest packets.
        #[test]
        fn drr_is_fair_over_every_interval(
            weights in prop::collection::vec(1_u16..6, 2..5),
            sizes in prop::collection::vec(40_u64..=1_500, 200),
            from in 0_usize..100,
        ) {
            let mut queue = Scheduler::new(Discipline::Drr);
            for (at, &bytes) in sizes.iter().cycle().take(600).enumerate() {
                for (key, &weight) in weights.iter().enumerate() {
                    queue.push(entry(key as u64, weight, bytes, at as u64));
                }
            }
            (0..from).for_each(|_| { queue.pop(); });
            let mut sums = vec![0_f64; weights.len()];
            for _ in 0..200 {
                let taken = queue.pop().unwrap();
                let key = taken.key as usize;
                sums[key] += taken.bytes as f64 / f64::from(weights[key]);
                let (least, most) = sums.iter().fold((f64::MAX, 0.0_f64), |(least, most), &sum| (least.min(sum), most.max(sum)));
                prop_assert!(most - least <= 1_500.0 + 2.0 * 1_500.0, "{sums:?} with {weights:?}");
            }
        }
    }
}
