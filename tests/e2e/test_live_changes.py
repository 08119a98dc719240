"""Links and flows of a running experiment, changed by commands while traffic crosses them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from program import said
from test_live import assert_nothing_left, refused, up

if TYPE_CHECKING:
    from program import Program

LINE = """
[experiment]
name = "line"
processes = 2
interval = "100 ms"
[topology]
kind = "line"
nodes = 4
[[flows]]
name = "long"
source = "n1"
destination = "n4"
duration = "1 h"
rate = "2 Mbit/s"
"""


def said_list(program: Program, *arguments: str) -> list[dict[str, Any]]:
    done = program.run(*arguments, "--json")
    assert done.code == 0, done.err
    return list(json.loads(done.out))


def change_and_change_back(program: Program, a: str, b: str) -> None:
    words = ("rate=5 Mbit/s", "delay=20 ms", "--direction", "forward")
    changed = said(program, "link", a, b, "set", *words)
    assert (changed["changed"], changed["status"]) == (True, "up")
    assert changed["forward"]["settings"] == {"rate": "5 Mbit/s", "delay": "20 ms"}
    assert changed["backward"]["settings"] == {}
    assert said(program, "link", b, a, "show")["backward"]["settings"] == changed["forward"]["settings"]
    again = program.run("link", a, b, "set", *words)
    assert (again.code, again.err) == (0, "nothing to change\n")
    assert not said(program, "link", a, b, "down")["up"]
    assert said(program, "link", a, b, "up")["up"]
    as_usual = said(program, "link", a, b, "set", "rate=none", "delay=none")
    assert as_usual["forward"]["settings"] == as_usual["backward"]["settings"] == {}


def test_links_are_changed_under_traffic(program: Program) -> None:
    up(program, LINE)
    change_and_change_back(program, "n1", "n2")  # in one process
    change_and_change_back(program, "n3", "n2")  # between two
    # No connection was reset, and what was under way arrives: the long flow goes on, another completes.
    after = said(program, "flow", "add", "n1", "n4", "--size", "100 kB", "--wait")
    assert (after["status"], after["bytes"]) == ("completed", 100_000)
    result = said(program, "down")
    assert {flow["name"]: flow["status"] for flow in result["flows"]} == {
        "long": "stopped",
        "flow-1": "completed",
    }
    assert_nothing_left(program)


def test_a_change_that_cannot_be_is_refused_and_changes_nothing(program: Program) -> None:
    up(program, LINE)
    before = said(program, "link", "n1", "n2", "show")["forward"]["settings"]
    assert "n1 has links to n2" in refused(program, "link", "n1", "n3", "down")
    assert "did you mean delay" in refused(program, "link", "n1", "n2", "set", "dealy=5 ms")
    assert "loss" in refused(program, "link", "n1", "n2", "set", "loss=101 %")
    assert "jitter" in refused(program, "link", "n1", "n2", "set", "delay=1 ms", "jitter=2 ms")
    assert said(program, "link", "n1", "n2", "show")["forward"]["settings"] == before
    assert program.run("down").code == 0


def test_flows_are_added_listed_and_stopped(program: Program) -> None:
    up(program, LINE)
    begun = said(program, "flow", "add", "n2", "n4", "--name", "endless", "--rate", "1 Mbit/s")
    assert (begun["name"], begun["status"]) == ("endless", "running")
    packets = ("--kind", "udp", "--rate", "1 Mbit/s", "--duration", "200 ms")
    sent = said(program, "flow", "add", "n4", "n1", *packets, "--name", "packets", "--wait")
    assert sent["status"] == "completed"
    later = said(program, "flow", "add", "n3", "n1", "--size", "1 kB", "--start", "1 h", "--name", "later")
    assert later["status"] == "waiting"
    flows = program.run("flow", "list", "--json").out
    for name in ("long", "endless", "packets", "later"):
        assert f'"{name}"' in flows
    assert "--rate: " in refused(program, "flow", "add", "n1", "n4", "--kind", "udp", "--size", "1 kB")
    assert said(program, "flow", "stop", "endless")["stopped"]
    assert not said(program, "flow", "stop", "packets")["stopped"]
    result = said(program, "down")
    flow = next(flow for flow in result["flows"] if flow["name"] == "endless")
    assert (flow["status"], flow["reason"]) == ("stopped", "the flow was removed")
    assert_nothing_left(program)


DIAMOND = """
[experiment]
name = "diamond"
interval = "100 ms"
[topology]
kind = "ring"
nodes = 4
[[routes]]
path = ["n1", "n2", "n3"]
both = false
[[flows]]
name = "long"
source = "n1"
destination = "n3"
duration = "1 h"
rate = "1 Mbit/s"
"""


def test_routes_are_changed_and_flows_are_pinned(program: Program) -> None:
    up(program, DIAMOND)
    moved = said_list(program, "route", "set", "1", "n1", "n4", "n3", "--weight", "3")
    assert moved == [
        {
            "id": 1,
            "path": ["n1", "n4", "n3"],
            "weight": 3,
            "origin": "live",
            "status": "installed",
            "reason": None,
        }
    ]
    again = program.run("route", "set", "1", "n1", "n4", "n3")
    assert (again.code, again.err) == (0, "nothing to change\n")
    (other,) = said_list(program, "route", "add", "n1", "n2", "n3")
    pinned = said(program, "flow", "pin", "long", str(other["id"]))
    assert pinned == {"name": "long", "status": "running", "pinned_to": other["id"]}
    assert said(program, "flow", "unpin", "long")["pinned_to"] is None
    (back,) = [route for route in said_list(program, "route", "list") if route["path"][0] == "n3"]
    assert "flow long goes from n1 to n3" in refused(program, "flow", "pin", "long", str(back["id"]))
    assert "there is no route 99" in refused(program, "flow", "pin", "long", "99")
    assert "there is no flow 'lang'" in refused(program, "flow", "unpin", "lang")
    assert "there is no route 99" in refused(program, "route", "remove", "99")
    assert "route 1 goes from n1 to n3" in refused(program, "route", "set", "1", "n1", "n2")
    (gone,) = said_list(program, "route", "remove", "1")
    assert (gone["id"], gone["status"]) == (1, "removed")
    assert 1 not in {route["id"] for route in said_list(program, "route", "list")}
    result = said(program, "down")
    assert [link for link in result["link_stats"] if any(link["drops"].values())] == []
    assert_nothing_left(program)
