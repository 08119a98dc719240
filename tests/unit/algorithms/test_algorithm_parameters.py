"""Parameters of algorithms: typed, checked, and as a scenario writes them."""

from __future__ import annotations

import pytest
from pydantic import Field, ValidationError

from nextmini.algorithms import Algorithm, Network, Rate


class Shaper(Algorithm):
    class Parameters(Algorithm.Parameters):
        rate: Rate = Field(default=1_000_000, description="What every flow gets.")
        paths: int = Field(default=2, ge=1)

    parameters: Parameters

    timer = 0.5


def test_parameters_are_written_as_in_a_scenario() -> None:
    assert Shaper().parameters.rate == 1_000_000
    chosen = Shaper(Shaper.Parameters.model_validate({"rate": "10 Mbit/s", "paths": 3}))
    assert (chosen.parameters.rate, chosen.parameters.paths) == (10_000_000, 3)


@pytest.mark.parametrize("said", [{"rate": 10}, {"rate": "fast"}, {"paths": "3"}, {"paths": 0}, {"path": 3}])
def test_parameters_that_make_no_sense_are_refused(said: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Shaper.Parameters.model_validate(said)


def test_hooks_do_nothing_unless_a_class_has_them() -> None:
    network = Network()
    bare = Algorithm()
    assert bare.timer is None
    assert Shaper().timer == 0.5
    bare.on_start(network)
    bare.on_timer(network)
    assert not network.take()
