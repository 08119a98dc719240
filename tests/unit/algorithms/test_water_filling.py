"""Max-min fair rates: against rates computed by hand, and against their definition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextmini.algorithms.water_filling import Claim, max_min_rates


def test_the_textbook_example() -> None:
    """A line of three links: the narrow one is shared first, the wide ones afterwards."""
    capacities = {"ab": 30.0, "bc": 20.0, "cd": 60.0}
    claims = {
        "long": Claim(["ab", "bc", "cd"]),
        "two": Claim(["bc", "cd"]),
        "first": Claim(["ab"]),
        "last": Claim(["cd"]),
    }
    # bc is full at 10 for each of its two flows; ab leaves 20 for `first`, cd 40 for `last`.
    assert max_min_rates(capacities, claims) == {"long": 10, "two": 10, "first": 20, "last": 40}


def test_weights_and_limits() -> None:
    capacities = {"x": 90.0}
    claims = {"a": Claim(["x"], weight=2), "b": Claim(["x"]), "c": Claim(["x"], limit=15)}
    # c has its 15; a and b share 75 as 2 to 1.
    assert max_min_rates(capacities, claims) == {"a": 50, "b": 25, "c": 15}


def test_what_nothing_bounds_has_no_rate() -> None:
    assert max_min_rates({"x": 8.0}, {"a": Claim([]), "b": Claim(["other"]), "c": Claim(["x"])}) == {
        "a": None,
        "b": None,
        "c": 8,
    }
    assert max_min_rates({}, {}) == {}


def test_a_link_without_any_capacity_gives_nothing() -> None:
    assert max_min_rates({"x": 0.0, "y": 5.0}, {"a": Claim(["x", "y"]), "b": Claim(["y"])}) == {
        "a": 0,
        "b": 5,
    }


LINKS = st.sampled_from(range(6))
CAPACITIES = st.lists(st.integers(1, 1000).map(float), min_size=6, max_size=6)
CLAIMS = st.lists(
    st.builds(
        Claim,
        st.sets(LINKS, min_size=1),
        st.integers(1, 9).map(float),
        st.none() | st.integers(1, 500).map(float),
    ),
    min_size=1,
    max_size=12,
)


@given(CAPACITIES, CLAIMS)
def test_each_flow_has_a_bottleneck_where_nobody_has_more(
    capacities: list[float], claims: list[Claim[int]]
) -> None:
    """The definition: no link is overfull, and each flow is at its limit, or crosses a full link where no
    other flow has more for its weight.
    """
    flows = dict(enumerate(claims))
    rates = max_min_rates(dict(enumerate(capacities)), flows)
    loads = [sum(rates[f] or 0 for f, claim in flows.items() if link in claim.links) for link in range(6)]
    assert all(load <= capacity * (1 + 1e-9) for load, capacity in zip(loads, capacities, strict=True))
    for flow, claim in flows.items():
        rate = rates[flow]
        assert rate is not None
        if claim.limit is not None and rate == pytest.approx(claim.limit):
            continue
        assert any(
            loads[link] == pytest.approx(capacities[link])
            and all(
                (rates[f] or 0) / other.weight <= rate / claim.weight * (1 + 1e-9)
                for f, other in flows.items()
                if link in other.links
            )
            for link in claim.links
        )
