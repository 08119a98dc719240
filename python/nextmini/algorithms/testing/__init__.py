"""Tests for algorithms, without a database and without processes.

`SimulatedNetwork` calls the hooks of an algorithm as a running experiment does, and takes over what they
decide. `Conformance` is what every algorithm should pass; under pytest:

    from nextmini.algorithms.testing import Conformance

    class TestMine(Conformance):
        algorithm = Mine
"""

from __future__ import annotations

from nextmini.algorithms.testing.conformance import Conformance, Outcome, check
from nextmini.algorithms.testing.shapes import SHAPES
from nextmini.algorithms.testing.simulated import SimulatedNetwork

__all__ = ["SHAPES", "Conformance", "Outcome", "SimulatedNetwork", "check"]
