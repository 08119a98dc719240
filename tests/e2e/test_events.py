"""What happens at given times, and from the outside, while a network runs: each with its effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from program import CONFIGS, assert_complete, until_running

if TYPE_CHECKING:
    from program import Program


def test_events_and_a_live_change_show_their_effects(program: Program) -> None:
    running = program.start("run", str(CONFIGS / "events.toml"), "--json")
    until_running(program, running, 1)
    live = program.run("link", "hub", "sensor", "set", "delay=40 ms", "--json")
    assert live.code == 0, live.err
    assert live.document["changed"]
    done = program.finish(running)
    assert done.code == 0, done.err
    document = done.document
    events = {event["what"].split(":")[0]: event for event in document["events"]}
    assert [event["at"] for event in document["events"]] == [0.5, 1.2, 2.0, 2.5, 3.0, 3.5, 4.0, 4.2]
    assert {what for what in events if "for" not in what} == {
        *("link home -> hub", "link hub - site", "link hub - site down", "link hub - site up"),
        *("node sensor crashes", "node sensor restarts"),
    }
    for event in document["events"]:
        assert (event["status"], event["reason"]) == ("applied", None), event
        assert event["applied_after_ms"] > 0
        assert event["packets_affected"] > 0
        assert not event["marked"]
    assert_complete(document, 3, {"down", "loss", "queue"})
    flows = {flow["name"]: flow for flow in document["flows"]}
    assert flows["stream"]["lost"] > 0
    # Some arrived before the crash, and some after the restart with the delay that was set from outside.
    assert flows["commands"]["packets_received"] > flows["commands"]["packets_sent"] / 2
    assert flows["commands"]["delay_ms"]["max"] > 40
    fidelity = document["fidelity"]
    assert fidelity["verdict"] in ("faithful", "degraded", "invalid")
    links = {(link["from"], link["to"]): link for link in fidelity["links"]}
    assert len(links) == 6
    assert links["hub", "sensor"]["asked"] == {"delay": "40 ms"}
    assert links["home", "hub"]["loss"]["asked"] == 0.01
    assert links["home", "hub"]["lateness_us"]["count"] > 0


FAILING = """
[experiment]
name = "failing"
[topology]
kind = "star"
nodes = ["h", "a", "b", "idle"]
[[flows]]
name = "f"
source = "a"
destination = "b"
duration = "1 h"
[[events]]
at = "0 s"
link = ["h", "idle"]
set = { delay = "5 ms" }
require_effect = true
[[events]]
at = "10 ms"
link = ["h", "idle"]
down = true
[[events]]
at = "300 ms"
node = "a"
crash = true
[[events]]
at = "1 h"
node = "a"
restart = true
"""


def test_a_run_fails_for_want_of_an_effect_and_a_crash_fails_the_flows_of_its_node(program: Program) -> None:
    done = program.run("run", program.write(FAILING), "--json")
    assert done.code == 1
    assert "h - idle: delay = 5 ms) was to have an effect, and touched no packet" in done.err
    document: dict[str, Any] = done.document
    assert document["status"] == "failed"
    (flow,) = document["flows"]
    assert (flow["status"], flow["reason"]) == ("failed", "node a crashed")
    found = [(event["status"], event["packets_affected"], event["marked"]) for event in document["events"]]
    assert found[:2] == [("applied", 0, True)] * 2
    assert [status for status, *_ in found[2:]] == ["applied", "not_reached"]
    assert found[3] == ("not_reached", None, False)
    table = program.run("run", program.write(FAILING))
    assert table.code == 1
    assert table.out.count("it touched no packet") >= 2
    assert "not reached" in table.out
    assert "Fidelity: " in table.out
