"""`[routing]`: what is asked for gets into the network and out of it again."""

from __future__ import annotations

import pytest

from nextmini.errors import ScenarioError
from nextmini.scenario import dump, loads, resolve
from nextmini.scenario.network import Routing

SMALLEST = '[experiment]\nname = "x"\n[topology]\nkind = "ring"\nnodes = 4\n'


def test_routes_stay_unless_the_scenario_says_otherwise() -> None:
    assert resolve(loads(SMALLEST)).routing == Routing("none", "cost", "auto")
    said = '[routing]\nreroute = "fast"\nmetric = "delay"\nmode = "proactive"\n'
    healing = resolve(loads(SMALLEST + said))
    assert healing.routing == Routing("fast", "delay", "proactive")
    assert resolve(loads(dump(healing))) == healing


def test_routes_between_all_of_many_nodes_are_refused() -> None:
    many = SMALLEST.replace("nodes = 4", "nodes = 201") + '[routing]\nmode = "proactive"\nreroute = "fast"\n'
    problem = r'mode: "proactive" with reroute = "fast" is for 200 nodes at most, and there are 201'
    with pytest.raises(ScenarioError, match=problem):
        resolve(loads(many))
    trees = many.replace('reroute = "fast"\n', "")
    assert resolve(loads(trees)).routing == Routing("none", "cost", "proactive")
    more = trees.replace("nodes = 201", "nodes = 5001").replace('"ring"', '"line"')
    with pytest.raises(ScenarioError, match=r'mode: "proactive" is for 5000 nodes at most'):
        resolve(loads(more))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('reroute = "slow"', r'routing\.reroute: "slow" is not possible'),
        ('mode = "ospf"', r'routing\.mode: "ospf" is not possible'),
        ("rerout = 1", r"routing\.rerout: unknown key; did you mean reroute\?"),
    ],
)
def test_what_is_not_known_is_refused(line: str, problem: str) -> None:
    with pytest.raises(ScenarioError, match=problem):
        loads(f"{SMALLEST}[routing]\n{line}\n")
