"""What every algorithm should do, whatever it is for: each check is one sentence about it."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from nextmini.algorithms.rows import Flow, FlowSample, LinkSample, TopologyChange
from nextmini.algorithms.testing.shapes import SHAPES
from nextmini.algorithms.testing.simulated import SimulatedNetwork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nextmini.algorithms.api import Algorithm, Parameters
    from nextmini.algorithms.network import Network
    from nextmini.algorithms.testing.shapes import Shape

SETTLE_ROUNDS = 20
"""After so many rounds of the same, nothing new is to be decided."""
QUIET_ROUNDS = 5
_NOBODY = 999_999


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a check: `flaw` is what is wrong, None if nothing is."""

    check: str
    flaw: str | None


def check(make: Callable[[], Algorithm]) -> Iterator[Outcome]:
    """Runs all checks, each on algorithms that `make` makes."""
    for name, work in CHECKS.items():
        flaw = None
        try:
            work(make)
        except AssertionError as error:
            flaw = str(error)
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            flaw = f"{type(error).__name__}: {error} ({last.filename}:{last.lineno}, in {last.name})"
        yield Outcome(name.replace("_", " "), flaw)


def starts_on_any_network(make: Callable[[], Algorithm]) -> None:
    """Also on one that has no flows, or no links."""
    for shape in SHAPES.values():
        simulated = _network(make, shape)
        simulated.start()
        _assert_valid(simulated.network)
    bare = SimulatedNetwork(make(), ["a"], [])
    bare.start()
    bare.ring()


def survives_a_whole_story(make: Callable[[], Algorithm]) -> None:
    """Flows that begin and end, measurements, links and nodes that fail, come back, are removed."""
    for shape in SHAPES.values():
        for _ in _story(_network(make, shape), shape):
            pass


def decides_only_what_is_possible(make: Callable[[], Algorithm]) -> None:
    """After every step, routes are paths without loops over links, and pins fit their flows."""
    for name, shape in SHAPES.items():
        simulated = _network(make, shape)
        for step in _story(simulated, shape):
            try:
                _assert_valid(simulated.network)
            except AssertionError as error:
                raise AssertionError(f"{name}, after {step}: {error}") from None


def decides_the_same_about_the_same(make: Callable[[], Algorithm]) -> None:
    """Two of it decide alike: what is random follows from a parameter."""
    for name, shape in SHAPES.items():
        one, other = _network(make, shape), _network(make, shape)
        for step, _ in zip(_story(one, shape), _story(other, shape), strict=True):
            same = one.decisions[-1] == other.decisions[-1]
            _expect(same, f"{name}, at {step}: {one.decisions[-1]} or {other.decisions[-1]}")


def settles_when_nothing_changes(make: Callable[[], Algorithm]) -> None:
    """The same measurements again and again lead to no more changes."""
    for name, shape in SHAPES.items():
        simulated = _network(make, shape)
        simulated.start()
        _begin_flows(simulated, shape)
        before = 0
        for number in range(SETTLE_ROUNDS + QUIET_ROUNDS):
            if number == SETTLE_ROUNDS:
                before = len(simulated.decisions)
            _measure(simulated, shape)
            simulated.ring()
        late = [decision for decision in simulated.decisions[before:] if decision]
        if late:
            told = f"after {SETTLE_ROUNDS} rounds of the same it still decides {late[0]}"
            raise AssertionError(f"{name}: {told}")


def survives_what_is_not_there(make: Callable[[], Algorithm]) -> None:
    """What is told may be about rows that have gone meanwhile."""
    for shape in SHAPES.values():
        simulated = _network(make, shape)
        simulated.start()
        simulated.tell_links([LinkSample(_NOBODY, _NOBODY, 1.0, 0.1, 1000, 1)])
        simulated.tell_flows([FlowSample(_NOBODY, 1.0, 0.1, 1000, 1000)])
        nobody = frozenset({_NOBODY})
        simulated.change(TopologyChange(nodes_removed=nobody, links_removed=nobody))
        simulated.change(TopologyChange(nodes_down=nobody, links_down=nobody, links_changed=nobody))
        gone = Flow(_NOBODY, "gone", 1, 2, status="stopped")
        simulated.tell_finished(gone)
        simulated.ring()
        _assert_valid(simulated.network)


CHECKS: dict[str, Callable[[Callable[[], Algorithm]], None]] = {
    work.__name__: work
    for work in (
        starts_on_any_network,
        survives_a_whole_story,
        decides_only_what_is_possible,
        decides_the_same_about_the_same,
        settles_when_nothing_changes,
        survives_what_is_not_there,
    )
}


class Conformance:
    """The checks as tests for pytest: derive a class whose name begins with Test, and say which it is of."""

    algorithm: ClassVar[type[Algorithm]]
    parameters: ClassVar[Parameters | None] = None

    def make(self) -> Algorithm:
        """A new one."""
        return self.algorithm(self.parameters)

    def test_starts_on_any_network(self) -> None:
        starts_on_any_network(self.make)

    def test_survives_a_whole_story(self) -> None:
        survives_a_whole_story(self.make)

    def test_decides_only_what_is_possible(self) -> None:
        decides_only_what_is_possible(self.make)

    def test_decides_the_same_about_the_same(self) -> None:
        decides_the_same_about_the_same(self.make)

    def test_settles_when_nothing_changes(self) -> None:
        settles_when_nothing_changes(self.make)

    def test_survives_what_is_not_there(self) -> None:
        survives_what_is_not_there(self.make)


def _network(make: Callable[[], Algorithm], shape: Shape) -> SimulatedNetwork:
    return SimulatedNetwork(make(), shape.nodes, shape.links, shape.settings)


def _begin_flows(simulated: SimulatedNetwork, shape: Shape) -> None:
    source, destination = shape.ends
    simulated.start_flow("first", source, destination, size=10_000_000)
    simulated.start_flow("second", source, destination, rate=2_000_000)
    simulated.start_flow("back", destination, source, kind="udp", rate=1_000_000, duration=5.0)


def _measure(simulated: SimulatedNetwork, shape: Shape) -> None:
    """An interval in which links that work carried something, and flows that run moved on."""
    network = simulated.network
    names = {id: node.name for id, node in network.nodes.items()}
    links = [link for link in network.links.values() if link.up]
    ways = [(names[link.a], names[link.b]) for link in links]
    rates = {way: 6e6 + 1e6 * place for place, way in enumerate(ways)}
    simulated.measure_links(rates | {(b, a): 1e5 for a, b in ways})
    running = [flow.name for flow in network.flows.values() if flow.status == "running"]
    simulated.measure_flows({name: 1e6 * (place + 1) for place, name in enumerate(running)})


def _story(simulated: SimulatedNetwork, shape: Shape) -> Iterator[str]:
    """What happens, step by step."""
    simulated.start()
    yield "its start"
    _begin_flows(simulated, shape)
    yield "flows that begin"
    for _ in range(3):
        _measure(simulated, shape)
        simulated.ring()
        yield "a measurement"
    simulated.take_link_down(*shape.fragile)
    yield "a link that fails"
    _measure(simulated, shape)
    yield "a measurement"
    simulated.bring_link_up(*shape.fragile)
    yield "a link that is back"
    simulated.finish_flow("first")
    yield "a flow that completes"
    simulated.start_flow("third", *shape.ends)
    simulated.remove_flow("second")
    yield "a flow that is removed"
    simulated.take_node_down(shape.fragile[1])
    simulated.ring()
    yield "a node that fails"
    simulated.remove_link(*shape.fragile)
    yield "a link that is removed"
    _measure(simulated, shape)
    yield "a measurement"
    simulated.add_link(*shape.fragile)
    simulated.finish_flow("third", "failed")
    yield "a link that is added"


def _assert_valid(network: Network) -> None:
    """What is in force makes sense."""
    for route in network.routes.values():
        _expect(len(set(route.path)) == len(route.path) >= 2, f"route {route.id} has a loop: {route.path}")
        _expect(route.weight >= 1, f"route {route.id} has the weight {route.weight}")
    for flow in network.flows.values():
        if flow.pinned is not None and flow.pinned in network.routes:
            route = network.routes[flow.pinned]
            fits = (route.source, route.destination) == (flow.source, flow.destination)
            _expect(fits, f"flow {flow.name} is pinned to a route between others, {route.path}")


def _expect(fact: bool, flaw: str) -> None:
    """Not with assert, which Python leaves out if it is asked to."""
    if not fact:
        raise AssertionError(flaw)
