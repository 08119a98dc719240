"""Algorithms of a scenario whose controller runs by itself, and of the one that goes on for it."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

from held import held, result
from program import PATIENCE
from test_algorithms import TWO_WAYS
from test_restarts import until_flows

if TYPE_CHECKING:
    from collections.abc import Callable

    from program import Program

# On its start it says what it sees; a flow is pinned to the longer way before it begins.
AROUND = """
import json
import sys
from nextmini.algorithms import Algorithm

class Around(Algorithm):
    timer = 0.05

    def on_start(self, network):
        names = {node.id: node.name for node in network.nodes.values()}
        print(json.dumps({
            "flows": [flow.status for flow in network.flows.values()],
            "up": [link.up for link in network.links.values()],
            "own": sum(route.origin == "algorithm:around" for route in network.routes.values()),
        }), flush=True)
        numbers = {name: id for id, name in names.items()}
        path = [numbers[name] for name in "acd"]
        known = network.routes_between(path[0], path[-1])
        route = next((one.id for one in known if list(one.path) == path), None) or network.add_route(path)
        for flow in network.flows.values():
            network.pin(flow.id, route)

    def on_timer(self, network):
        if not self.decided:
            self.decided = True
            link = network.links[min(network.links)]
            network.set_cost(link.id, link.cost + 1)

    decided = False
"""
BROKEN = """
from nextmini.algorithms import Algorithm

class Broken(Algorithm):
    def on_start(self, network):
        raise ValueError("never")
"""
SCENARIO = (
    TWO_WAYS.replace('name = "ways"', 'name = "ways"\nprocesses = 2')
    + 'size = "20 MB"\n[[algorithms]]\nuse = "around.py"\n'
    + '[[algorithms]]\nuse = "broken.py"\non_failure = "stop"\n'
)


def until_algorithm(program: Program, name: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """How an algorithm stands, once it is as wanted."""
    deadline = time.monotonic() + PATIENCE
    while True:
        done = program.run("algorithm", "list", "--json")
        assert done.code == 0, done.err
        for one in json.loads(done.out)["running"]:
            if one["name"] == name and wanted(one):
                found: dict[str, Any] = one
                return found
        assert time.monotonic() < deadline, done.out


def test_they_start_with_a_controller_by_itself_and_again_with_the_next(program: Program) -> None:
    program.write(AROUND, "around.py")
    program.write(BROKEN, "broken.py")
    with held(program, SCENARIO) as lab:
        first = until_algorithm(program, "around", lambda one: one["decisions"] == 2)
        assert (first["status"], first["restarts"]) == ("running", 0)
        before = lab.child
        os.kill(before, signal.SIGKILL)
        lab.until_served(before)
        second = until_algorithm(program, "around", lambda one: one["decisions"] > 2)
        assert (second["status"], second["restarts"]) == ("running", 1)
        assert second["reason"] == "the controller was killed"
        until_flows(program, "ways", lambda flows: flows["bulk"]["status"] == "completed")
        done = lab.end()
    assert done.code == 130, done.err
    seen = [json.loads(line) for line in done.err.splitlines() if line.startswith('{"flows"')]
    assert [(one["up"], one["own"]) for one in seen] == [([True] * 4, 0), ([True] * 4, 1)]
    # It was held until that had been decided, and goes on without.
    assert seen[0]["flows"] == ["waiting"]
    assert seen[1]["flows"] in (["running"], ["completed"])
    assert "algorithm broken failed: on_start: ValueError: never" in done.err
    assert done.err.count("ValueError: never (") == 1
    found = result(program, "ways")
    (flow,) = found["flows"]
    assert (flow["status"], flow["bytes"], flow["route"]) == ("completed", 20_000_000, ["a", "c", "d"])
    assert flow["checksum"].startswith("xxh3:")
    around, broken = found["algorithms"]
    assert (around["status"], around["restarts"], around["decisions"] > 2) == ("stopped", 1, True)
    assert (broken["status"], broken["restarts"], broken["decisions"]) == ("failed", 0, 0)
    assert program.processes() == []


def test_those_that_cannot_be_are_refused(program: Program) -> None:
    text = SCENARIO.replace('"around.py"', '"nowhere.py"')
    program.write(BROKEN, "broken.py")
    done = program.run("controller", program.write(text))
    assert done.code == 2
    assert "nowhere.py" in done.err
    assert program.left_behind()["secrets"] == []
