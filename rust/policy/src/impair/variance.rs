//! How much a number of events varies that have a memory.
//!
//! The variance of a sum is the sum of all covariances (Feller, "An Introduction to Probability Theory
//! and Its Applications", vol. 1, IX.5). In a stationary chain of two states those of events that are
//! `j` apart are `shared` times the `j`-th power of the chain's second eigenvalue, and the sum over all
//! pairs has a closed form.

/// Variance of the number of events among `count`, which is exact.
///
/// `own` is the variance of one event, `shared` the part of it that comes from the state, and `escape`
/// is 1 less the second eigenvalue: from 0, exclusive, to 2.
pub(super) fn of_sum(count: u64, own: f64, shared: f64, escape: f64) -> f64 {
    count as f64 * own + 2.0 * shared * pairs(count as f64, escape)
}

/// The sum over j from 1 to n - 1 of (n - j) (1 - escape)^j.
fn pairs(count: f64, escape: f64) -> f64 {
    if count < 2.0 {
        return 0.0;
    }
    let kept = 1.0 - escape;
    if count * escape < 1e-4 {
        // The closed form would be a difference of nearly equal numbers.
        return kept * count * (count - 1.0) / 2.0 * (1.0 - (count - 2.0) * escape / 3.0);
    }
    kept * (count * escape - gone(count, escape)) / (escape * escape)
}

/// 1 - (1 - escape)^count.
fn gone(count: f64, escape: f64) -> f64 {
    if escape < 1.0 {
        -libm::expm1(count * libm::log1p(-escape))
    } else {
        1.0 - libm::pow(1.0 - escape, count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn summed(count: u64, escape: f64) -> f64 {
        (1..count).map(|apart| (count - apart) as f64 * (1.0 - escape).powi(apart as i32)).sum()
    }

    #[test]
    fn independent_events_have_the_binomial_variance() {
        assert_eq!(of_sum(100, 0.25, 0.25, 1.0), 25.0);
        assert_eq!(of_sum(0, 0.25, 0.25, 0.1), 0.0);
        assert_eq!(of_sum(1, 0.25, 0.25, 0.1), 0.25);
    }

    #[test]
    fn events_that_never_change_count_as_one() {
        let variance = of_sum(1_000, 0.25, 0.25, 1e-15);
        assert!((variance - 0.25 * 1e6).abs() < 1e-3, "{variance}");
    }

    proptest! {
        #[test]
        fn the_closed_form_is_the_sum(
            count in 0_u64..300, escape in prop_oneof![1e-9..2.0, Just(2.0), 1e-9..1e-5],
        ) {
            let (exact, closed) = (summed(count, escape), pairs(count as f64, escape));
            prop_assert!((exact - closed).abs() <= 1e-6 * exact.abs().max(1.0), "{exact} {closed}");
        }
    }
}
