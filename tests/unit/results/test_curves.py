"""Curves from samples that are left out where nothing changed."""

from __future__ import annotations

import math
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextmini.results.curves import Choice, Level, Measure, Rate, Scale, choose, total

NAN = math.nan


def rate(samples: list[tuple[float, float]], seconds: float, interval: float = 1.0) -> list[float]:
    made = Rate(Scale.over(seconds, interval), interval)
    for time, value in samples:
        made.add(time, value)
    return list(made.values())


def level(samples: list[tuple[float, float]], seconds: float, kind: type[Level] = Level) -> list[float]:
    made = kind(Scale.over(seconds, 1.0))
    for time, value in samples:
        made.add(time, value)
    return list(made.values())


def test_a_counter_grew_in_the_interval_before_its_sample() -> None:
    # At 2 to 4 s nothing was told, as nothing had changed.
    assert rate([(1, 10), (5, 30)], 6) == [10, 0, 0, 0, 20, 0]


def test_samples_that_are_late_share_their_growth_between_steps() -> None:
    assert rate([(1.0, 10), (2.25, 20)], 3) == pytest.approx([10, 7.5, 2.5])


def test_a_counter_that_falls_has_begun_again() -> None:
    assert rate([(1, 10), (2, 4), (3, 6)], 3) == [10, 4, 2]


@given(
    st.lists(st.tuples(st.floats(0.001, 5), st.integers(0, 10**9)), min_size=1, max_size=60),
    st.floats(0.05, 2),
)
def test_all_that_a_counter_grew_by_stands_in_some_step(
    steps: list[tuple[float, int]], interval: float
) -> None:
    times = list(accumulate(step for step, _ in steps))
    totals = list(accumulate(growth for _, growth in steps))
    scale = Scale.over(times[-1], interval)
    values = rate(list(zip(times, totals, strict=True)), times[-1], interval)
    assert len(values) == scale.steps <= 401
    assert min(values) >= -1e-3
    assert math.fsum(values) * scale.step == pytest.approx(totals[-1], rel=1e-9, abs=1e-3)


@given(st.floats(0.001, 1e6), st.floats(0.01, 100))
def test_scales_reach_to_the_end_in_steps_that_a_figure_shows(seconds: float, interval: float) -> None:
    scale = Scale.over(seconds, interval)
    assert 1 <= scale.steps <= 401
    assert scale.ends()[-1] >= seconds * (1 - 1e-6)
    assert scale.step >= interval
    assert scale.place(-1.0) == 0
    assert scale.place(seconds * 2) == scale.steps - 1
    assert scale.place(scale.step) == 0


def test_a_level_stays_until_it_is_told_again_and_shows_its_peaks() -> None:
    assert level([(2, 5), (4.2, 7), (4.4, 1)], 6) == pytest.approx([NAN, 5, 5, 5, 7, 1], nan_ok=True)
    assert level([(1, 9), (3, 2)], 3) == [9, 9, 2]


def test_a_measure_ends_with_its_last_sample_and_zero_is_none() -> None:
    samples = [(1.0, 0.0), (2.0, 40.0), (4.0, 30.0), (5.0, 0.0)]
    assert level(samples, 6, Measure) == pytest.approx([NAN, 40, 40, 30, NAN, NAN], nan_ok=True)


def test_the_largest_are_shown_and_the_rest_is_their_sum() -> None:
    curves = {
        "small": [1.0, 0.0],
        "none": [0.0, 0.0],
        "large": [5.0, 5.0],
        "some": [NAN, 2.0],
        "any": [0.0, 2.0],
    }
    made = choose(curves, 2, "summed")
    assert list(made.shown) == ["large", "any"]
    assert (made.others, made.rest) == (2, [1.0, 2.0])
    assert choose(curves, 2, "left out") == Choice({"large": [5.0, 5.0], "any": [0.0, 2.0]}, 2, None)
    assert choose(curves, 4, "summed").rest is None


def test_the_sum_of_nothing_is_nothing() -> None:
    assert total([[NAN, 1.0], [NAN, NAN]]) == pytest.approx([NAN, 1.0], nan_ok=True)


@given(
    st.dictionaries(st.text(max_size=3), st.lists(st.integers(0, 99), min_size=3, max_size=3), max_size=9),
    st.integers(0, 9),
)
def test_nothing_is_lost_between_those_shown_and_the_rest(curves: dict[str, list[float]], most: int) -> None:
    made = choose(curves, most, "summed")
    together = [*made.shown.values(), *([made.rest] if made.rest is not None else [])]
    assert sum(map(sum, together)) == sum(map(sum, curves.values()))
    assert len(made.shown) <= most
