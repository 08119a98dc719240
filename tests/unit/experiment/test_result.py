"""The result document, above all where things are missing."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

from nextmini.controller.counters import DROP_CAUSES, Counters
from nextmini.controller.events import Outcome
from nextmini.controller.flows import FlowProgress
from nextmini.experiment.app_outcomes import AppOutcome
from nextmini.experiment.app_outcomes import problems as app_problems
from nextmini.experiment.happenings import problems
from nextmini.experiment.result import Facts, as_json, document
from nextmini.protocol import Datagrams, Drops, FlowChange, LinkCounters, Metrics, Quantiles
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


APPS = resolve(
    loads(
        """
[experiment]
name = "busy"
[network]
isolation = "namespace"
[topology]
kind = "line"
nodes = 2
[[apps]]
node = "n2"
command = ["server", "-v"]
background = true
[[apps]]
node = "n1"
name = "client"
command = "client"
expect_exit = 3
[[apps]]
node = "n1"
command = "late"
"""
    )
)


def test_every_program_is_in_it_those_too_that_never_began() -> None:
    outcomes = {
        1: AppOutcome("stopped", None, 1.23456, "apps/n2-0.log"),
        2: AppOutcome("failed", 4, 0.5, "apps/client.log", "ended with exit status 4"),
    }
    made = document(APPS, replace(FACTS, apps=outcomes), {}, Counters())["apps"]
    assert made[0] == {
        "name": "n2-0",
        "node": "n2",
        "command": ["server", "-v"],
        "status": "stopped",
        "exit": None,
        "seconds": 1.235,
        "log": "apps/n2-0.log",
        "reason": None,
    }
    assert (made[1]["name"], made[1]["command"], made[1]["exit"]) == ("client", "client", 4)
    assert (made[2]["name"], made[2]["status"], made[2]["log"]) == ("n1-0", "stopped", None)
    assert made[2]["reason"] == "the run ended before it was started"
    told = "app client in node n1 ended with exit status 4"
    assert app_problems(APPS, outcomes, []) == [told]
    assert app_problems(APPS, outcomes, [told]) == []


EVENTS = resolve(
    loads(
        """
[experiment]
name = "eventful"
[topology]
kind = "line"
nodes = 3
[[events]]
at = "3 s"
link = ["n1", "n2"]
down = true
duration = "2 s"
[[events]]
at = "1 s"
node = "n2"
crash = true
"""
    )
)


def test_every_event_has_an_entry() -> None:
    seen = Outcome(1.0, "node n2 crashes", "applied", 4.125, 812, None)
    made = document(EVENTS, replace(FACTS, events={2: seen}), {}, Counters())
    assert made["events"] == [
        {
            "at": 3.0,
            "what": "link n1 - n2 down for 2 s",
            "status": "not_reached",
            "applied_after_ms": None,
            "packets_affected": None,
            "marked": False,
            "reason": None,
        },
        {
            "at": 1.0,
            "what": "node n2 crashes",
            "status": "applied",
            "applied_after_ms": 4.125,
            "packets_affected": 812,
            "marked": False,
            "reason": None,
        },
    ]


def test_an_event_that_touched_nothing_is_marked() -> None:
    idle = Outcome(1.0, "node n2 crashes", "applied", 4.0, 0)
    made = document(EVENTS, replace(FACTS, events={2: idle}), {}, Counters())
    assert [event["marked"] for event in made["events"]] == [False, True]


def test_events_that_failed_or_lacked_the_effect_they_needed_are_problems() -> None:
    events = [
        Outcome(1.0, "a", "applied", 4.0, 0),
        Outcome(1.5, "b", "applied", 4.0, 0, require_effect=True),
        Outcome(2.0, "c", "applied", 4.0, 1, require_effect=True),
        Outcome(3.0, "d", "failed", reason="there is no node x"),
        Outcome(9.0, "e", "not_reached"),
        Outcome(9.0, "f", "not_reached", require_effect=True),
    ]
    assert problems(events) == [
        "event at 1.5 s (b) was to have an effect, and touched no packet",
        "event at 3 s (d) failed: there is no node x",
        "event at 9 s (f) was to have an effect, and the run ended before it",
    ]


def test_a_run_that_never_began_has_measured_nothing() -> None:
    made = document(NETWORK, FACTS, {}, Counters())["fidelity"]
    assert (made["verdict"], made["reasons"]) == ("not_measured", ["the run ended before it began"])
    assert (made["links"], made["timer_us"], made["overruns"]) == ([], None, 0)


def test_a_controller_by_itself_has_no_run_folder() -> None:
    assert document(NETWORK, replace(FACTS, folder=None), {}, Counters())["folder"] is None


def test_a_flow_of_packets_says_what_became_of_them() -> None:
    packets = replace(NETWORK.flows[0], kind="udp")
    progress = FlowProgress(packets)
    end = partial(FlowChange, 1, status="completed", seconds=10.0, retransmitted=0, reordered=0)
    progress.source = end(end="source", bytes=400, datagrams=Datagrams(4))
    delay = Quantiles(3, 10_000_000, 10_500_000, 11_000_000)
    found = Datagrams(3, 1, 2, 0, 1, delay, 125_000)
    progress.sink = end(end="sink", bytes=300, datagrams=found)
    entry = document(NETWORK, FACTS, {packets.id: progress}, Counters())["flows"][0]
    assert (entry["kind"], entry["bytes"], entry["goodput_bps"]) == ("udp", 300, 240)
    assert {key: entry[key] for key in list(entry)[list(entry).index("packets_sent") :]} == {
        "packets_sent": 4,
        "packets_received": 3,
        "lost": 1,
        "loss": 0.25,
        "duplicates": 1,
        "corrupted": 0,
        "marked": 1,
        "delay_ms": {"p50": 10.0, "p99": 10.5, "max": 11.0},
        "jitter_ms": 0.125,
    }
    assert entry["reordered"] == 2
    unseen = document(replace(NETWORK, flows=(packets,)), FACTS, {}, Counters())["flows"][0]
    assert (unseen["status"], unseen["packets_sent"], unseen["loss"]) == ("stopped", 0, 0.0)
    assert "packets_sent" not in document(NETWORK, FACTS, {}, Counters())["flows"][0]


def test_a_flow_in_max_mode_says_whether_a_pipe_stands_for_links_of_its_route() -> None:
    spliced = replace(NETWORK.flows[0], mode="max")
    apart = tuple(replace(link, transport="tcp") for link in NETWORK.links)
    one, other = NETWORK.links[0], apart[1]
    for links, joined in (((one, other), True), (apart, False)):
        known = {spliced.id: FlowProgress(spliced, path=(1, 2, 3))}
        entries = document(replace(NETWORK, links=links), FACTS, known, Counters())["flows"]
        assert (entries[0]["joined"], "joined" in entries[1]) == (joined, False)
    unseen = document(replace(NETWORK, flows=(spliced,)), FACTS, {}, Counters())["flows"][0]
    assert unseen["joined"] is False


def test_links_count_what_they_were_given_marked_sent_twice_and_sent_in_datagrams() -> None:
    counters = Counters()
    counters.take(Metrics((LinkCounters(2, 3, 70, 2, 0, Drops(), 9, 8, 7, 6, 5),)))
    entry = document(NETWORK, FACTS, {}, counters)["link_stats"][3]
    assert (entry["entered"], entry["marked"], entry["duplicated"]) == (9, 8, 7)
    assert (entry["datagrams"], entry["oversized"]) == (6, 5)
