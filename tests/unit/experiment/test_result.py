"""The result document, above all where things are missing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from nextmini.controller.counters import DROP_CAUSES, Counters
from nextmini.controller.flows import FlowProgress
from nextmini.experiment.result import Facts, as_json, document
from nextmini.protocol import Drops, LinkCounters, Metrics
from nextmini.scenario import loads, resolve

NETWORK = resolve(
    loads(
        """
[experiment]
name = "small"
seed = 9
[topology]
kind = "line"
nodes = 3
[[flows]]
name = "a"
source = "n1"
destination = "n3"
size = "1 kB"
[[flows]]
name = "b"
source = "n3"
destination = "n1"
size = "1 kB"
"""
    )
)
FACTS = Facts("small-1", Path("runs/small-1"), "interrupted", 1.23456)


def test_a_run_that_never_began_has_a_document_with_every_flow_and_link() -> None:
    made = document(NETWORK, FACTS, {}, Counters())
    assert (made["run"], made["folder"], made["status"], made["seconds"]) == (
        "small-1",
        "runs/small-1",
        "interrupted",
        1.235,
    )
    assert [(flow["name"], flow["status"], flow["bytes"], flow["route"]) for flow in made["flows"]] == [
        ("a", "stopped", 0, []),
        ("b", "stopped", 0, []),
    ]
    assert {flow["reason"] for flow in made["flows"]} == {"the run ended before it began"}
    assert len(made["link_stats"]) == 4
    assert all(link["bytes"] == 0 and set(link["drops"].values()) == {0} for link in made["link_stats"])


def test_counters_stand_at_their_direction() -> None:
    counters = Counters()
    counters.take(Metrics((LinkCounters(2, 3, 10, 1, 0, Drops(codel=4)),)))
    counters.take(Metrics((LinkCounters(2, 3, 70, 2, 0, Drops(codel=5)),)))
    made = document(NETWORK, FACTS, {}, counters)
    carried = {(link["from"], link["to"]): link["bytes"] for link in made["link_stats"]}
    assert carried == {("n1", "n2"): 0, ("n2", "n1"): 0, ("n2", "n3"): 0, ("n3", "n2"): 70}
    assert made["link_stats"][3]["drops"] == dict.fromkeys(DROP_CAUSES, 0) | {"codel": 5}


def test_flows_and_nodes_that_somebody_added_are_in_it_too() -> None:
    added = replace(NETWORK.flows[0], id=7, name="late", source=44)
    made = document(NETWORK, FACTS, {7: FlowProgress(added, path=(44, 2, 3))}, Counters())
    late = made["flows"][-1]
    assert (late["name"], late["source"], late["route"]) == ("late", "#44", ["#44", "n2", "n3"])


def test_the_text_is_the_document_with_a_line_for_each_flow_and_link() -> None:
    made = document(NETWORK, FACTS, {}, Counters())
    text = as_json(made)
    assert json.loads(text) == made
    lines = text.splitlines()
    assert sum(line.startswith('    {"name": ') for line in lines) == 2
    assert sum(line.startswith('    {"from": ') for line in lines) == 4
    assert '  "apps": [],' in lines
    assert len(lines) == 2 + len(made) + 2 + 4 + 2


def test_a_controller_by_itself_has_no_run_folder() -> None:
    assert document(NETWORK, replace(FACTS, folder=None), {}, Counters())["folder"] is None
