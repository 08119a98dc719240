"""Every algorithm that comes with Nextmini does what every algorithm should."""

from __future__ import annotations

import pytest

from nextmini.algorithms.builtin import BUILT_IN
from nextmini.algorithms.finding import find
from nextmini.algorithms.testing.conformance import check


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_it_conforms(name: str) -> None:
    outcomes = list(check(find(name)))
    assert outcomes
    assert [outcome for outcome in outcomes if outcome.flaw] == []
