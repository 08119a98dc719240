"""Routes that heal: traffic goes on over another path when a link is cut or a node crashes."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest
from program import assert_complete
from scenario_texts import link, nodes

if TYPE_CHECKING:
    from program import Program

FAST = 'rate = "100 Mbit/s"'
DIAMOND = """
[experiment]
name = "diamond"
processes = 2
interval = "20 ms"
[routing]
reroute = "{reroute}"
[topology]
kind = "custom"
"""
DIAMOND += nodes("abcd") + link("ab", FAST) + link("bd") + link("ac", FAST, "cost = 2") + link("cd")
DIAMOND += """
[[flows]]
name = "bulk"
source = "a"
destination = "d"
size = "12 MB"
[[flows]]
name = "tcp"
kind = "tcp"
source = "a"
destination = "d"
size = "6 MB"
[[events]]
at = "300 ms"
"""


def run(program: Program, reroute: str, event: str) -> dict[str, Any]:
    done = program.run("run", program.write(DIAMOND.format(reroute=reroute) + event), "--json")
    assert done.code == 0, done.err
    return done.document


def bytes_over(document: dict[str, Any], a: str, b: str) -> int:
    """What left `a` for `b`."""
    return sum(link["bytes"] for link in document["link_stats"] if (link["from"], link["to"]) == (a, b))


@pytest.mark.parametrize("event", ['link = ["b", "d"]\ndown = true', 'node = "b"\ncrash = true'])
def test_flows_go_on_over_the_other_path(program: Program, event: str) -> None:
    document = run(program, "fast", event)
    assert_complete(document, 2, {"down", "no_route", "queue"})
    for flow in document["flows"]:
        assert flow["route"] == ["a", "c", "d"]
    assert {flow["name"]: flow["bytes"] for flow in document["flows"]} == {"bulk": 12e6, "tcp": 6e6}
    assert bytes_over(document, "a", "b") > 0
    assert bytes_over(document, "c", "d") > 0


def test_without_rerouting_flows_wait_for_the_link(program: Program) -> None:
    document = run(program, "none", 'link = ["b", "d"]\ndown = true\nduration = "1500 ms"')
    # What was sent again while it was down may come after the end of its flow.
    assert_complete(document, 2, {"down", "no_route", "queue"})
    for flow in document["flows"]:
        assert flow["route"] == ["a", "b", "d"]
    assert bytes_over(document, "c", "d") == 0
    # 18 MB take 1.4 s, and nothing passed for another 1.5 s.
    assert max(flow["seconds"] for flow in document["flows"]) > 2.5


TORUS = """
[experiment]
name = "torus"
processes = 2
[routing]
reroute = "fast"
[topology]
kind = "torus"
dimensions = [4, 4]
[topology.link]
rate = "40 Mbit/s"
"""


def storm(seconds: int, seed: int) -> str:
    """A torus whose links are cut at random and restored, with flows that last about as long."""
    choice = random.Random(seed)
    names = [f"n{number}" for number in range(1, 17)]
    links = [(names[at], names[to]) for at in range(16) for to in (at // 4 * 4 + (at + 1) % 4, (at + 4) % 16)]
    text = TORUS
    for number in range(6):
        source, destination = choice.sample(names, 2)
        text += f'[[flows]]\nname = "f{number}"\nsource = "{source}"\ndestination = "{destination}"\n'
        text += f'rate = "8 Mbit/s"\nsize = "{seconds} MB"\n'
    at = 0.5
    while at < seconds:
        a, b = choice.choice(links)
        text += f'[[events]]\nat = "{at:.3f} s"\nlink = ["{a}", "{b}"]\ndown = true\n'
        text += f'duration = "{choice.uniform(0.2, 4.0):.3f} s"\n'
        at += choice.uniform(0.1, 0.5)
    return text


def weather(program: Program, seconds: int, seed: int) -> None:
    done = program.run("run", program.write(storm(seconds, seed)), "--json")
    assert done.code == 0, done.err
    # `completed` says that both ends have the same checksum.
    assert_complete(done.document, 6, {"down", "no_route"})
    for flow in done.document["flows"]:
        assert flow["bytes"] == seconds * 1_000_000
    statuses = [event["status"] for event in done.document["events"]]
    assert statuses.count("applied") > len(statuses) / 2


def test_lossless_flows_survive_links_that_are_cut_at_random(program: Program) -> None:
    weather(program, 20, 7)


@pytest.mark.long
def test_lossless_flows_survive_a_minute_of_links_that_are_cut_at_random(program: Program) -> None:
    weather(program, 60, 11)


def test_a_link_taken_down_by_command_moves_routes_and_up_brings_them_back(program: Program) -> None:
    name = program.write(DIAMOND.format(reroute="fast") + 'link = ["c", "d"]\nset = { delay = "1 ms" }')
    assert program.run("up", name).code == 0

    def after(state: str) -> set[tuple[str, ...]]:
        done = program.run("link", "b", "d", state)
        assert done.code == 0, done.err
        # It lasts until the pair has used its route.
        assert program.run("flow", "add", "a", "d", "--size", "1 kB", "--wait").code == 0
        routes = json.loads(program.run("route", "list", "--json").out)
        found = routes["routes"] if isinstance(routes, dict) else routes
        return {tuple(route["path"]) for route in found if route["origin"] == "computed"}

    assert ("a", "c", "d") in after("down")
    assert ("a", "b", "d") in after("up")
    assert program.run("down").code == 0
