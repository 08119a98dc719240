"""Links inside TLS: what they carry beside others, how they are changed, and what does not cross them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lines import BOTH_WAYS, BOTH_WAYS_BYTES, cut_and_mended, line, transports, with_a_shortcut
from program import assert_complete, ran, said
from test_live import assert_nothing_left, refused

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
"""
MIXED += BOTH_WAYS


def test_flows_cross_links_of_every_kind(program: Program) -> None:
    document = ran(program, MIXED)
    assert_complete(document, 3)
    assert {flow["name"]: flow["bytes"] for flow in document["flows"]} == BOTH_WAYS_BYTES
    assert transports(program, document) == ["tls", "tls", "memory", "quic", "memory"]


def test_links_are_cut_and_mended_added_and_removed_under_traffic(program: Program) -> None:
    cut_and_mended(program, "tls")
    with_a_shortcut(program, "tls")
    assert said(program, "link", "n4", "n1", "remove")["removed"]
    barred = program.run("flow", "add", "n1", "n3", "--size", "1 MB", "--mode", "max", "--wait")
    assert (barred.code, barred.out) == (1, "")
    assert "a link of its route is asked for more than a rate" in barred.err
    assert said(program, "status")["links"] == {"up": 3}
    ended = {flow["name"]: flow["status"] for flow in program.run("down", "--json").document["flows"]}
    assert ended == {"long": "stopped", "flow-1": "completed", "flow-2": "failed"}
    assert_nothing_left(program)


def test_a_flow_in_max_mode_across_one_is_refused_before_anything_starts(program: Program) -> None:
    told = refused(
        program, "run", program.write(line("tls").replace('rate = "20', 'mode = "max"\nrate = "20'))
    )
    assert 'over the link n1 - n2, which is asked for `transport = "tls"`; write mode = "normal"' in told
