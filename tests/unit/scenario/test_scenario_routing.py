"""`[routing]`: what is asked for gets into the network and out of it again, and the rest is for later."""

from __future__ import annotations

import pytest

from nextmini.errors import ScenarioError
from nextmini.scenario import dump, loads, resolve

SMALLEST = '[experiment]\nname = "x"\n[topology]\nkind = "ring"\nnodes = 4\n'


def test_routes_stay_unless_the_scenario_says_otherwise() -> None:
    assert resolve(loads(SMALLEST)).reroute == "none"
    healing = resolve(loads(SMALLEST + '[routing]\nreroute = "fast"\n'))
    assert healing.reroute == "fast"
    assert resolve(loads(dump(healing))) == healing


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('reroute = "slow"', r'routing\.reroute: "slow" is not possible'),
        ('mode = "ospf"', r"routing\.mode: is not in this version"),
        ("rerout = 1", r"routing\.rerout: unknown key; did you mean reroute\?"),
    ],
)
def test_what_is_not_known_is_refused(line: str, problem: str) -> None:
    with pytest.raises(ScenarioError, match=problem):
        loads(f"{SMALLEST}[routing]\n{line}\n")
