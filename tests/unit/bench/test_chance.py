from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextmini.bench.fidelity.chance import binomial_interval, level_interval


@given(tries=st.integers(1, 60), percent=st.integers(1, 99))
def test_more_extreme_numbers_are_rarer_than_the_tails_and_no_others_are_excluded(
    tries: int, percent: int
) -> None:
    probability = Fraction(percent, 100)
    chances = [comb(tries, k) * probability**k * (1 - probability) ** (tries - k) for k in range(tries + 1)]
    least, most = binomial_interval(tries, percent / 100, confidence=0.9)
    # What is added up in floating point may fall on the other side where the tail is just that.
    slack = Fraction(1, 10**9)
    tail = Fraction(5, 100)
    assert sum(chances[:least]) <= tail + slack < sum(chances[: least + 1]) + 2 * slack
    assert sum(chances[most + 1 :]) <= tail + slack < sum(chances[most:]) + 2 * slack


@pytest.mark.parametrize(
    ("tries", "probability", "interval"),
    [(20_000, 0.5, (9_818, 10_182)), (20_000, 0.01, (165, 237)), (200_000, 0.001, (165, 237))],
)
def test_large_numbers_are_near_the_normal_distribution(
    tries: int, probability: float, interval: tuple[int, int]
) -> None:
    found = binomial_interval(tries, probability)
    deviation = (tries * probability * (1 - probability)) ** 0.5
    for bound, side in zip(found, (-1, 1), strict=True):
        assert bound == pytest.approx(tries * probability + side * 2.5758 * deviation, abs=2)
    assert found == interval


def test_what_is_certain_has_one_number() -> None:
    assert binomial_interval(7, 0.0) == (0, 0)
    assert binomial_interval(7, 1.0) == (7, 7)


@given(samples=st.integers(1, 20_000), percent=st.integers(1, 99))
def test_levels_enclose_the_quantile_and_stay_within_the_distribution(samples: int, percent: int) -> None:
    below, above = level_interval(samples, percent / 100)
    assert 0.0 < below <= percent / 100 + 1e-9
    assert percent / 100 - 1e-9 <= above < 1.0
