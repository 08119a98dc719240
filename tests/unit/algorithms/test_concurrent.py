"""The linear program, against shares and splits computed by hand."""

from __future__ import annotations

from itertools import pairwise

import pytest

from nextmini.algorithms.concurrent import concurrent_flow

# Two ways from 1 to 4: over 2 with 30, over 3 with 10; both directions alike.
DIAMOND = {
    arc: rate
    for a, b, rate in [(1, 2, 30.0), (2, 4, 30.0), (1, 3, 10.0), (3, 4, 10.0)]
    for arc in ((a, b), (b, a))
}


def test_a_demand_is_split_as_the_ways_are_wide() -> None:
    best = concurrent_flow(DIAMOND, {(1, 4): 40.0})
    assert best.share == pytest.approx(1.0)
    assert best.paths[1, 4] == pytest.approx({(1, 2, 4): 0.75, (1, 3, 4): 0.25})


def test_demands_share_what_is_narrow() -> None:
    # 1->4 and 2->4 both end at 4, where 40 comes in: each of 40 gets half, whichever way.
    best = concurrent_flow(DIAMOND, {(1, 4): 40.0, (2, 4): 40.0})
    assert best.share == pytest.approx(0.5)
    carried: dict[tuple[int, int], float] = {}
    for paths in best.paths.values():
        assert sum(paths.values()) == pytest.approx(1)
        for path, share in paths.items():
            for arc in pairwise(path):
                carried[arc] = carried.get(arc, 0.0) + share * 40.0 * best.share
    assert all(load <= DIAMOND[arc] * (1 + 1e-6) for arc, load in carried.items())


def test_room_to_spare_is_a_share_above_one() -> None:
    assert concurrent_flow(DIAMOND, {(1, 2): 5.0}).share == pytest.approx(
        8.0
    )  # 30 directly, 10 by way of 3 and 4


def test_no_traffic_goes_round_in_circles() -> None:
    best = concurrent_flow(DIAMOND, {(1, 2): 1.0})
    assert all(len(set(path)) == len(path) for path in best.paths[1, 2])


def test_demands_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="no path between its ends"):
        concurrent_flow(DIAMOND, {(1, 9): 1.0})
    with pytest.raises(ValueError, match="no link has a capacity"):
        concurrent_flow({}, {(1, 2): 1.0})
    assert concurrent_flow(DIAMOND, {}).paths == {}


def test_units_do_not_matter() -> None:
    wide = {arc: rate * 1e10 for arc, rate in DIAMOND.items()}
    best = concurrent_flow(wide, {(1, 4): 1.0, (4, 1): 1e-3})
    assert best.share == pytest.approx(4e11)
    assert best.paths[1, 4] == pytest.approx({(1, 2, 4): 0.75, (1, 3, 4): 0.25})
