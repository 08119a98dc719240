"""The conformance suite: what it passes, and that each of its checks can fail."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

from nextmini.algorithms import Algorithm, Flow, FlowSample, LinkSample, Network, finding
from nextmini.algorithms.testing import Conformance, SimulatedNetwork, check

if TYPE_CHECKING:
    from collections.abc import Sequence

CONFIGS = Path(__file__).parents[3] / "configs"


class TestNothing(Conformance):
    algorithm = Algorithm


class TestDetour(Conformance):
    algorithm = finding.find(str(CONFIGS / "detour.py"))


def failed(found: type[Algorithm]) -> dict[str, str]:
    return {outcome.check: outcome.flaw for outcome in check(found) if outcome.flaw is not None}


class NeedsFlows(Algorithm):
    def on_start(self, network: Network) -> None:
        min(network.flows)


class Impossible(Algorithm):
    def on_flow_finished(self, network: Network, flow: Flow) -> None:
        network.add_route([flow.source, flow.source])


class Dice(Algorithm):
    def on_flow_started(self, network: Network, flow: Flow) -> None:
        network.set_flow_weight(flow, random.randrange(1, 65_536))


class Restless(Algorithm):
    def on_link_metrics(self, network: Network, samples: Sequence[LinkSample]) -> None:
        for link in network.links.values():
            network.set_cost(link, link.cost + 1)


class Trusting(Algorithm):
    def on_flow_metrics(self, network: Network, samples: Sequence[FlowSample]) -> None:
        for sample in samples:
            network.set_rate(sample.flow, 1000)


def test_each_check_can_fail() -> None:
    assert "ValueError" in failed(NeedsFlows)["starts on any network"]
    assert "DecisionError: path a a comes to a node twice" in failed(Impossible)["survives a whole story"]
    assert set(failed(Impossible)) == {
        *("survives a whole story", "decides only what is possible"),
        *("decides the same about the same", "survives what is not there"),
    }
    assert set(failed(Dice)) == {"decides the same about the same"}
    assert set(failed(Restless)) == {"settles when nothing changes"}
    assert failed(Trusting)["survives what is not there"].startswith(
        "DecisionError: there is no flow 999999 ("
    )


def test_a_simulated_network_does_as_it_is_told() -> None:
    detour = finding.find(str(CONFIGS / "detour.py"))
    simulated = SimulatedNetwork(detour(), "abcd", [("a", "b"), ("b", "d"), ("a", "c"), ("c", "d")])
    assert not simulated.start()
    assert len(simulated.start_flow("f", "a", "d").new_routes) == 2
    assert simulated.paths("a", "d") == [["a", "b", "d"]]
    simulated.take_link_down("b", "d")
    assert simulated.paths("a", "d") == [["a", "c", "d"]]
    assert simulated.paths("d", "a") == [["d", "c", "a"]]
    assert simulated.flow("f").status == "running"
    simulated.finish_flow("f")
    assert not simulated.bring_link_up("b", "d")
