"""TCP flows: connections of a TCP/IP stack in user space, whole at both ends or with the reason why not."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pytest
from program import assert_complete, ran

if TYPE_CHECKING:
    from pathlib import Path

    from program import Program

MIXED = """
[experiment]
name = "mixed"
processes = {processes}
interval = "100 ms"
[topology]
kind = "line"
nodes = 5
link = {{ rate = "200 Mbit/s" }}
[[flows]]
name = "four"
kind = "tcp"
source = "n1"
destination = "n5"
size = "10 MB"
[[flows]]
name = "six"
kind = "tcp"
source = "n5"
destination = "n1"
size = "10 MB"
family = "ipv6"
congestion = "reno"
[[flows]]
name = "timed"
kind = "tcp"
source = "n1"
destination = "n4"
duration = "1 s"
[[flows]]
name = "slow"
kind = "tcp"
source = "n4"
destination = "n2"
duration = "1 s"
rate = "10 Mbit/s"
family = "ipv6"
congestion = "none"
[[flows]]
name = "short"
kind = "tcp"
source = "n3"
destination = "n2"
size = "1 B"
start = "500 ms"
[[flows]]
name = "lossless"
source = "n1"
destination = "n5"
size = "5 MB"
[[flows]]
name = "udp"
kind = "udp"
source = "n2"
destination = "n5"
rate = "5 Mbit/s"
duration = "1 s"
"""


def by_name(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The flows of a result."""
    return {flow["name"]: flow for flow in document["flows"]}


def samples(folder: Path, name: str) -> list[dict[str, int]]:
    """What was measured of a flow, in its order."""
    with (folder / "series" / "flows.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["flow"] == name]
    columns = ("bytes", "acknowledged", "retransmitted", "srtt_us", "window", "timeouts", "cwnd")
    return [{column: int(row[column] or 0) for column in columns} for row in rows]


@pytest.mark.parametrize("processes", [1, 2])
def test_flows_of_every_kind_share_a_line(program: Program, processes: int) -> None:
    document = ran(program, MIXED.format(processes=processes))
    assert_complete(document, 7, {"queue"})
    flows = by_name(document)
    assert {flow["status"] for flow in flows.values()} == {"completed"}
    asked = {"four": 10_000_000, "six": 10_000_000, "short": 1, "lossless": 5_000_000}
    assert {name: flows[name]["bytes"] for name in asked} == asked
    assert flows["timed"]["bytes"] > 1_000_000
    assert flows["timed"]["seconds"] >= 1
    assert flows["slow"]["bytes"] * 8 / 1.0 == pytest.approx(10e6, rel=0.1)
    assert list(flows["four"]) == list(flows["lossless"])
    # What is sent is a matter of the flow's number and its length alone.
    assert flows["four"]["checksum"] != flows["six"]["checksum"]
    measured = samples(program.work / document["folder"], "timed")
    assert measured[-1]["acknowledged"] == measured[-1]["bytes"] == flows["timed"]["bytes"]
    assert max(sample["srtt_us"] for sample in measured) > 0
    assert max(sample["window"] for sample in measured) > 1460
    # Beside what is under way at that moment, which is not read in the same one.
    assert max(sample["cwnd"] for sample in measured) > 1460
    assert {sample["cwnd"] for sample in samples(program.work / document["folder"], "slow")} == {0}


MATHIS = """
[experiment]
name = "mathis"
seed = 7
interval = "100 ms"
[topology]
kind = "custom"
nodes = [{nodes}]
{links}
"""


def test_a_lossy_path_carries_what_mathis_expects(program: Program) -> None:
    """Mathis et al. 1997: MSS / RTT * 1.22 / sqrt(p). Several pairs at once stand for several seeds."""
    pairs = range(8)
    names = ", ".join(f'"a{pair}", "b{pair}"' for pair in pairs)
    parts = "".join(
        f'[[links]]\nends = ["a{pair}", "b{pair}"]\ndelay = "10 ms"\nloss = "1 %"\n' for pair in pairs
    )
    parts += "".join(
        f'[[flows]]\nname = "f{pair}"\nkind = "tcp"\ncongestion = "reno"\nsource = "a{pair}"\n'
        f'destination = "b{pair}"\nduration = "6 s"\n'
        for pair in pairs
    )
    document = ran(program, MATHIS.format(nodes=names, links=parts))
    flows = document["flows"]
    expected = 1460 * 8 / 0.020 * 1.22 / 0.01**0.5
    shares = [flow["goodput_bps"] / expected for flow in flows]
    assert 0.4 < sum(shares) / len(shares) < 1.5, shares
    assert sum(flow["retransmitted"] for flow in flows) > 100
    # The timer is what a sender waits for when nothing else tells of a loss: seldom.
    assert 0 < sum(flow["timeouts"] for flow in flows) < sum(flow["retransmitted"] for flow in flows) / 2
    for flow in flows:
        measured = samples(program.work / document["folder"], flow["name"])
        assert measured[-1]["timeouts"] == flow["timeouts"]
        assert all(sample["cwnd"] >= 1460 for sample in measured)


def test_a_thousand_flows_cross_a_fat_tree(program: Program) -> None:
    document = ran(
        program,
        """
[experiment]
name = "fat"
[topology]
kind = "fat_tree"
k = 6
[[flows]]
name = "f"
kind = "tcp"
between = "random"
count = 1000
size = "1 MB"
""",
    )
    assert document["nodes"] == 99
    assert_complete(document, 1000, {"queue"})
    assert {flow["bytes"] for flow in document["flows"]} == {1_000_000}


LOST = """
[experiment]
name = "lost"
[topology]
kind = "star"
nodes = ["h", "a", "b", "c", "d"]
[[flows]]
name = "late"
kind = "tcp"
source = "a"
destination = "b"
size = "1 MB"
start = "500 ms"
[[flows]]
name = "late-6"
kind = "tcp"
source = "a"
destination = "b"
size = "1 MB"
start = "500 ms"
family = "ipv6"
[[flows]]
name = "crashed"
kind = "tcp"
source = "a"
destination = "b"
duration = "1 h"
rate = "1 Mbit/s"
[[flows]]
name = "cut"
kind = "tcp"
source = "a"
destination = "c"
duration = "1 h"
rate = "1 Mbit/s"
[[flows]]
name = "whole"
kind = "tcp"
source = "a"
destination = "d"
size = "1 MB"
[[events]]
at = "300 ms"
node = "b"
crash = true
[[events]]
at = "300 ms"
link = ["h", "c"]
down = true
"""


def test_a_flow_whose_other_end_is_gone_fails_with_the_reason(program: Program) -> None:
    done = program.run("run", program.write(LOST), "--json")
    assert done.code == 1
    flows = by_name(done.document)
    for name in ("late", "late-6"):
        assert flows[name]["status"] == "failed"
        assert flows[name]["reason"].startswith("no connection to its destination: "), flows[name]
        assert flows[name]["bytes"] == 0
        assert flows[name]["checksum"] is None
    assert (flows["crashed"]["status"], flows["crashed"]["reason"]) == ("failed", "node b crashed")
    assert flows["cut"]["status"] == "failed"
    assert flows["cut"]["reason"].startswith("its connection was reset, or not answered"), flows["cut"]
    assert flows["cut"]["bytes"] > 0
    assert (flows["whole"]["status"], flows["whole"]["bytes"]) == ("completed", 1_000_000)


def test_flows_are_added_and_stopped_while_a_network_runs(program: Program) -> None:
    scenario = '[experiment]\nname = "lab"\nprocesses = 2\n[topology]\nkind = "line"\nnodes = 4\n'
    assert program.run("up", program.write(scenario)).code == 0
    try:
        keys = ("--kind", "tcp", "--congestion", "reno", "--family", "ipv6")
        done = program.run("flow", "add", "n1", "n4", *keys, "--size", "2 MB", "--wait", "--json")
        assert done.code == 0, done.err
        added = done.document
        assert (added["kind"], added["status"], added["bytes"]) == ("tcp", "completed", 2_000_000)
        endless = program.run("flow", "add", "n4", "n1", "--kind", "tcp", "--rate", "1 Mbit/s", "--json")
        assert endless.document["status"] == "running"
        refused = program.run("flow", "add", "n1", "n4", "--family", "ipv6", "--size", "1 MB")
        assert refused.code == 2
        assert 'write kind = "tcp"' in refused.err
        listed = json.loads(program.run("flow", "list", "--json").out)
        assert [(flow["kind"], flow["status"]) for flow in listed] == [
            ("tcp", "completed"),
            ("tcp", "running"),
        ]
        stopped = program.run("flow", "stop", endless.document["name"], "--json")
        assert stopped.document["stopped"]
    finally:
        down = program.run("down", "--all")
    assert down.code == 0, down.err
