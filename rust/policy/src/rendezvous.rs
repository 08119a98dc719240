//! Weighted rendezvous hashing: flow to route.
//!
//! Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", IEEE/ACM ToN 1998, with
//! the logarithmic weighting of Schindelhauer and Schomaker (SPAA 2005): each candidate draws a score
//! from the flow's hash and its own id, and the best wins. Adding or removing a candidate moves only
//! the flows that it wins or had won; shares follow the weights.

/// The winner among `candidates` of (number, weight) for a flow; weights of 0 never win.
pub fn choose(flow_hash: u64, candidates: impl IntoIterator<Item = (u32, u32)>) -> Option<u32> {
    let mut best: Option<(f64, u32)> = None;
    for (route, weight) in candidates {
        if weight == 0 {
            continue;
        }
        let score = f64::from(weight) / -unit(mix(flow_hash ^ mix(u64::from(route)))).ln();
        if best.is_none_or(|(highest, _)| score > highest) {
            best = Some((score, route));
        }
    }
    best.map(|(_, route)| route)
}

/// A hash as a number strictly between 0 and 1.
fn unit(hash: u64) -> f64 {
    ((hash >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
fn mix(mut value: u64) -> u64 {
    value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn routes(weights: &[u32]) -> Vec<(u32, u32)> {
        weights.iter().zip(1..).map(|(&weight, id)| (id, weight)).collect()
    }

    #[test]
    fn shares_follow_the_weights() {
        let candidates = routes(&[1, 2, 5]);
        let mut counts = [0_f64; 3];
        for flow in 0..80_000 {
            let winner = choose(mix(flow), candidates.iter().copied()).unwrap();
            counts[winner as usize - 1] += 1.0 / 80_000.0;
        }
        for (share, expected) in counts.iter().zip([0.125, 0.25, 0.625]) {
            assert!((share - expected).abs() < 0.01, "{counts:?}");
        }
    }

    proptest! {
        #[test]
        fn a_new_route_takes_flows_and_moves_no_other(
            flow: u64, weights in prop::collection::vec(1_u32..10, 1..6), weight in 1_u32..10,
        ) {
            let before = choose(flow, routes(&weights)).unwrap();
            let mut more = weights.clone();
            more.push(weight);
            let after = choose(flow, routes(&more)).unwrap();
            prop_assert!(after == before || after as usize == more.len());
        }

        #[test]
        fn the_order_of_candidates_does_not_matter(flow: u64, weights in prop::collection::vec(1_u32..10, 1..6)) {
            let mut backwards = routes(&weights);
            backwards.reverse();
            prop_assert_eq!(choose(flow, routes(&weights)), choose(flow, backwards));
        }
    }

    #[test]
    fn nothing_wins_without_candidates_of_weight() {
        assert_eq!(choose(1, []), None);
        assert_eq!(choose(1, routes(&[0, 0])), None);
        assert_eq!(choose(1, routes(&[0, 3])), Some(2));
    }
}
