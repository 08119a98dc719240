"""Natural demands, against the example of the paper, and what a machine can send and receive."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextmini.algorithms.estimation import natural_demands

MACHINES = st.integers(0, 4)


def test_the_example_of_the_paper() -> None:
    """Hedera, figure 5: hosts 0 to 3; the numbers are the shares that the paper's last step shows."""
    flows = {
        "0>1": (0, 1),
        "0>2": (0, 2),
        "0>3": (0, 3),
        "1>0": (1, 0),
        "1>0'": (1, 0),
        "1>2": (1, 2),
        "2>0": (2, 0),
        "2>3": (2, 3),
        "3>1": (3, 1),
        "3>1'": (3, 1),
    }
    third = 1 / 3
    assert natural_demands(flows) == pytest.approx(
        {
            "0>1": third,
            "0>2": third,
            "0>3": third,
            "1>0": third,
            "1>0'": third,
            "1>2": third,
            "2>0": third,
            "2>3": 2 / 3,
            "3>1": third,
            "3>1'": third,
        }
    )


def test_one_flow_takes_all() -> None:
    assert natural_demands({"f": (1, 2)}) == {"f": 1.0}
    assert natural_demands({}) == {}


@given(st.lists(st.tuples(MACHINES, MACHINES), max_size=20))
def test_no_machine_sends_or_receives_more_than_it_can(ends: list[tuple[int, int]]) -> None:
    demands = natural_demands(dict(enumerate(ends)))
    for machine in range(5):
        assert sum(demands[i] for i, (source, _) in enumerate(ends) if source == machine) <= 1 + 1e-6
        assert sum(demands[i] for i, (_, to) in enumerate(ends) if to == machine) <= 1 + 1e-6
    assert all(demand > 0 for demand in demands.values())
