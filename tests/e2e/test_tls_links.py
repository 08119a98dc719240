"""Links inside TLS: what they carry beside others, how they are changed, and what does not cross them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from program import assert_complete
from test_live import assert_nothing_left, refused, up
from test_live_changes import said

if TYPE_CHECKING:
    from program import Program

MIXED = """
[experiment]
name = "mixed"
processes = 3
[topology]
kind = "line"
nodes = 6
[[links]]
ends = ["n1", "n2"]
transport = "tls"
[[links]]
ends = ["n2", "n3"]
transport = "tls"
congestion = "reno"
[[links]]
ends = ["n5", "n4"]
transport = "quic"
[[flows]]
name = "there"
source = "n1"
destination = "n6"
size = "5 MB"
[[flows]]
name = "back"
source = "n6"
destination = "n1"
size = "5 MB"
[[flows]]
name = "stack"
kind = "tcp"
source = "n1"
destination = "n6"
size = "2 MB"
rate = "100 Mbit/s"
"""


def test_flows_cross_links_of_every_kind(program: Program) -> None:
    done = program.run("run", program.write(MIXED), "--json")
    assert done.code == 0, done.err
    assert_complete(done.document, 3)
    carried = {flow["name"]: flow["bytes"] for flow in done.document["flows"]}
    assert carried == {"there": 5_000_000, "back": 5_000_000, "stack": 2_000_000}
    resolved = (program.work / done.document["folder"] / "scenario.toml").read_text()
    transports = [line for line in resolved.splitlines() if line.startswith("transport")]
    assert transports == [f'transport = "{kind}"' for kind in ("tls", "tls", "memory", "quic", "memory")]


LINE = """
[experiment]
name = "line"
processes = 2
interval = "100 ms"
[network]
transport = "tls"
[topology]
kind = "line"
nodes = 4
[[flows]]
name = "long"
source = "n1"
destination = "n4"
duration = "1 h"
rate = "20 Mbit/s"
"""


def test_links_are_cut_and_mended_added_and_removed_under_traffic(program: Program) -> None:
    up(program, LINE)
    cut = said(program, "link", "n2", "n3", "down")
    assert (cut["transport"], cut["up"]) == ("tls", False)
    assert said(program, "link", "n2", "n3", "up")["up"]
    after = said(program, "flow", "add", "n4", "n1", "--size", "2 MB", "--wait")
    assert (after["status"], after["bytes"]) == ("completed", 2_000_000)
    added = said(program, "link", "n1", "n4", "add", "transport=tls", "delay=5 ms")
    assert (added["transport"], added["settings"]) == ("tls", {"delay": "5 ms"})
    assert said(program, "link", "n4", "n1", "show")["transport"] == "tls"
    assert said(program, "link", "n4", "n1", "remove")["removed"]
    barred = program.run("flow", "add", "n1", "n3", "--size", "1 MB", "--mode", "max", "--wait")
    assert (barred.code, barred.out) == (1, "")
    assert "a link of its route is asked for more than a rate" in barred.err
    assert said(program, "status")["links"] == {"up": 3}
    ended = {flow["name"]: flow["status"] for flow in program.run("down", "--json").document["flows"]}
    assert ended == {"long": "stopped", "flow-1": "completed", "flow-2": "failed"}
    assert_nothing_left(program)


def test_a_flow_in_max_mode_across_one_is_refused_before_anything_starts(program: Program) -> None:
    told = refused(program, "run", program.write(LINE.replace('rate = "20', 'mode = "max"\nrate = "20')))
    assert 'over the link n1 - n2, which is asked for `transport = "tls"`; write mode = "normal"' in told
