"""What links do to the traffic that crosses them, from scenario to result."""

from __future__ import annotations

import csv
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from program import ran

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from program import Done, Program

BOTTLENECK = 100_000_000
"""Bits a second on the wire of the links that are shared."""
CARRIED = BOTTLENECK * 1460 / 1500
"""Of these, bits of payload: each packet has 40 bytes of headers."""


def flow_of(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(flow for flow in document["flows"] if flow["name"] == name)


def link_of(document: dict[str, Any], sender: str, receiver: str) -> dict[str, Any]:
    return next(link for link in document["link_stats"] if (link["from"], link["to"]) == (sender, receiver))


def shared(name: str, discipline: str, weights: Iterable[int]) -> str:
    """A bottleneck from `name`-in to `name`-out, and a flow of each weight over it."""
    text = f"""
[[links]]
ends = ["{name}-in", "{name}-out"]
rate = "{BOTTLENECK // 1_000_000} Mbit/s"
delay = "1 ms"
discipline = "{discipline}"
"""
    for number, weight in enumerate(weights):
        text += f"""
[[flows]]
name = "{name}-{number}"
source = "{name}-in"
destination = "{name}-out"
weight = {weight}
"""
    return text


def rates(folder: Path, seconds: float) -> dict[str, float]:
    """Payload that was acknowledged in the last `seconds` of the series, in bit/s by flow."""
    samples: dict[str, list[tuple[float, int]]] = {}
    with (folder / "series" / "flows.csv").open() as file:
        for row in csv.DictReader(file):
            time = datetime.fromisoformat(row["time"]).timestamp()
            samples.setdefault(row["flow"], []).append((time, int(row["acknowledged"])))
    found = {}
    for flow, points in samples.items():
        last = points[-1]
        first = min(points, key=lambda point: abs(last[0] - seconds - point[0]))
        assert last[0] - first[0] > seconds - 1.5
        found[flow] = 8 * (last[1] - first[1]) / (last[0] - first[0])
    return found


def test_flows_share_a_link_by_weight_under_round_robin_and_alike_without(program: Program) -> None:
    nodes = [f"{name}-{end}" for name in ("wrr", "drr", "fifo") for end in ("in", "out")]
    scenario = f"""
[experiment]
name = "shares"
duration = "30 s"
[topology]
kind = "custom"
nodes = {nodes}
"""
    scenario += (
        shared("wrr", "wrr", (1, 2, 5)) + shared("drr", "drr", (1, 2, 5)) + shared("fifo", "fifo", (1, 1, 1))
    )
    document = ran(program, scenario)
    measured = rates(program.work / document["folder"], 20)
    for discipline in ("wrr", "drr"):
        for number, share in enumerate((0.125, 0.25, 0.625)):
            assert measured[f"{discipline}-{number}"] / CARRIED == pytest.approx(share, abs=0.01), measured
    alike = [measured[f"fifo-{number}"] for number in range(3)]
    assert sum(alike) ** 2 / (3 * sum(rate**2 for rate in alike)) >= 0.95, measured
    assert {flow["retransmitted"] for flow in document["flows"]} == {0}


def packets(name: str, source: str, destination: str, rate: str, more: str = 'duration = "2 s"') -> str:
    return f"""
[[flows]]
name = "{name}"
kind = "udp"
source = "{source}"
destination = "{destination}"
rate = "{rate}"
{more}
"""


def test_what_does_not_fit_into_a_link_is_lost_in_its_queue_and_nowhere_else(program: Program) -> None:
    scenario = """
[experiment]
name = "overload"
[topology]
kind = "line"
nodes = ["a", "b", "c"]
[[links]]
ends = ["b", "c"]
rate = "10 Mbit/s"
queue = "50 packets"
"""
    document = ran(program, scenario + packets("f", "a", "c", "50 Mbit/s", 'duration = "4 s"'))
    (flow,) = document["flows"]
    assert flow["status"] == "completed"
    assert 0.78 <= flow["loss"] <= 0.82, flow
    bottleneck = link_of(document, "b", "c")
    # The word that the flow is over is said until it is heard: some of these may not fit either.
    words = link_of(document, "a", "b")["entered"] - flow["packets_sent"]
    assert 0 <= bottleneck["drops"]["queue"] - flow["lost"] <= words
    bottleneck["drops"]["queue"] = 0
    assert not any(any(link["drops"].values()) for link in document["link_stats"]), document["link_stats"]


def test_queues_drop_and_mark_as_their_policies_say(program: Program) -> None:
    document = ran(
        program,
        """
[experiment]
name = "policies"
[topology]
kind = "custom"
nodes = ["a1", "a2", "b1", "b2", "c1", "c2"]
[[links]]
ends = ["a1", "a2"]
rate = "10 Mbit/s"
drop = "codel"
[[links]]
ends = ["b1", "b2"]
rate = "10 Mbit/s"
drop = { policy = "red", min = "5 packets", max = "50 packets", weight = 0.05 }
[[links]]
ends = ["c1", "c2"]
rate = "10 Mbit/s"
drop = { policy = "red", min = "5 packets", max = "900 packets", weight = 0.05 }
ecn = true
"""
        + packets("codel", "a1", "a2", "12 Mbit/s")
        + packets("red", "b1", "b2", "12 Mbit/s", 'duration = "2 s"\necn = true')
        + packets("marks", "c1", "c2", "12 Mbit/s", 'duration = "2 s"\necn = true'),
    )
    for policy, ends in (("codel", ("a1", "a2")), ("red", ("b1", "b2"))):
        link = link_of(document, *ends)
        assert link["drops"][policy] >= flow_of(document, policy)["lost"] > 0
        assert link["marked"] == flow_of(document, policy)["marked"] == 0
    marks, link = flow_of(document, "marks"), link_of(document, "c1", "c2")
    assert marks["marked"] == link["marked"] > 0
    assert marks["lost"] == 0


def test_classes_have_a_rate_or_a_weight(program: Program) -> None:
    document = ran(
        program,
        """
[experiment]
name = "classes"
[topology]
kind = "line"
nodes = ["a", "b"]
link = { rate = "20 Mbit/s", queue = "500 packets", discipline = "drr" }
[[classes]]
match = { source = "a", protocol = "udp" }
rate = "2 Mbit/s"
[[classes]]
match = { source = "b", protocol = "lossless" }
weight = 3
[[flows]]
name = "beside"
source = "a"
destination = "b"
duration = "2 s"
[[flows]]
name = "heavy"
source = "b"
destination = "a"
duration = "3 s"
"""
        + packets("limited", "a", "b", "4 Mbit/s")
        + packets("light", "b", "a", "19 Mbit/s", 'duration = "3 s"'),
    )
    limited, beside = flow_of(document, "limited"), flow_of(document, "beside")
    # What is sent within 2 s at twice its rate waits, and the last of it for 2 s.
    assert limited["lost"] == 0
    assert limited["delay_ms"]["max"] > 1900
    assert beside["goodput_bps"] > 14_000_000, "who waits for its rate holds up nobody"
    heavy, light = flow_of(document, "heavy"), flow_of(document, "light")
    # Three quarters of it, less what it takes to begin; without the class it would be half.
    assert 0.6 < heavy["goodput_bps"] / (20e6 * 1460 / 1500) < 0.77
    assert 0 < light["lost"] <= link_of(document, "b", "a")["drops"]["queue"]


def chances(seed: int) -> str:
    """Packets over links with accidents: many over one, and few over each of some others.

    Those few come every 100 ms and take 150 ms, so that one that skips the delay overtakes one other, even if
    the machine is late.
    """
    ends = [(f"a{number}", f"b{number}") for number in range(9)]
    scenario = f"""
[experiment]
name = "chances"
seed = {seed}
[topology]
kind = "custom"
nodes = {[node for pair in ends for node in pair]}
"""
    for number, (source, destination) in enumerate(ends):
        rate, size = ("4 Mbit/s", "300 kB") if number == 0 else ("8 kbit/s", "3 kB")
        scenario += f"""
[[links]]
ends = {[source, destination]}
loss = {{ probability = "10 %", correlation = "20 %" }}
duplicate = "10 %"
delay = "150 ms"
reorder = "{0 if number == 0 else 30} %"
"""
        more = f'packet_size = 100\nsize = "{size}"'
        scenario += packets(f"f{number}", source, destination, rate, more)
    return scenario


def fates(done: Done) -> list[tuple[int, ...]]:
    """What became of the packets of each flow: lost, arrived twice, overtaken."""
    assert done.code == 0, done.err
    keys = ("packets_sent", "packets_received", "lost", "duplicates", "reordered")
    return [tuple(flow[key] for key in keys) for flow in done.document["flows"]]


def test_the_same_seed_brings_the_same_accidents(program: Program) -> None:
    one, two = [program.write(chances(seed), f"seed-{seed}.toml") for seed in (1, 2)]
    files = {"once": one, "again": one, "other": two}
    runs = [program.start("run", file, "--name", name, "--json") for name, file in files.items()]
    once, again, other = [fates(program.finish(run)) for run in runs]
    assert once == again
    assert [fate[0] for fate in once] == [fate[0] for fate in other] == [3000, *[30] * 8]
    assert all(sum(column) > 0 for column in zip(*once, strict=True))
    for column in (2, 3, 4):
        assert [fate[column] for fate in once] != [fate[column] for fate in other]


def test_a_lossless_flow_arrives_whole_whatever_happens_on_the_way(program: Program) -> None:
    document = ran(
        program,
        """
[experiment]
name = "rough"
processes = 2
[network]
transport = "tcp"
[topology]
kind = "line"
nodes = ["a", "b"]
[[links]]
ends = ["a", "b"]
delay = "2 ms"
jitter = "1 ms"
corrupt = "2 %"
duplicate = "5 %"
reorder = "5 %"
forward = { loss = "20 %" }
backward = { loss = "5 %" }
[[flows]]
name = "f"
source = "a"
destination = "b"
size = "1 MB"
""",
    )
    (flow,) = document["flows"]
    assert (flow["status"], flow["bytes"]) == ("completed", 1_000_000)
    assert flow["checksum"].startswith("xxh3:")
    assert flow["retransmitted"] > 0
    total = {
        cause: sum(link["drops"][cause] for link in document["link_stats"])
        for cause in document["link_stats"][0]["drops"]
    }
    assert {cause for cause, number in total.items() if number} == {"loss", "corrupt"}
    assert sum(link["duplicated"] for link in document["link_stats"]) > 0


IMPOSSIBLE = {
    'rate = "-5 Mbit/s"': ["rate", "-5 Mbit/s"],
    'rate = "0 bit/s"': ["rate"],
    'delay = "-1 ms"': ["delay", "-1 ms"],
    'loss = "101 %"': ["loss", "101 %", "100 %"],
    "loss = 0.1": ["loss", "unit", "%"],
    'delay = "1 ms"\njitter = "2 ms"': ["jitter", "2 ms", "1 ms", "reorder = true"],
    'reorder = "1 %"': ["reorder", "delay"],
    'discipline = "wrr"': ["discipline", "weight"],
    'rate = "1 Mbit/s"\nburst = "1 kB"': ["burst", "1 kB", "1500 B"],
    'burst = "15 kB"': ["burst", "rate"],
    'queue = "50 ms"': ["queue", "rate"],
    'drop = "codle"': ["drop", "codel"],
    "ecn = true": ["ecn", "codel"],
    'drop = { policy = "red", min = "9 packets", max = "9 packets" }': ["drop", "max"],
    'loss = { model = "gilbert-elliott", p = "0 %", r = "0 %" }': ["loss", "p and r"],
    'loss = { pattern = "0012" }': ["pattern", "0012"],
    'trace = "nowhere.trace"': ["trace", "nowhere.trace"],
    'trace = [["1 s", "5 Mbit/s"]]': ["trace", "0 s"],
}
"""Settings, and what is said of each, at its last line."""


def test_settings_that_cannot_be_are_refused_all_at_once_each_with_its_remedy(program: Program) -> None:
    nodes = [f"n{number}" for number in range(len(IMPOSSIBLE) + 1)]
    scenario = f'[experiment]\nname = "x"\n[topology]\nkind = "custom"\nnodes = {nodes}\n'
    lines = {}
    for ends, settings in zip(pairwise(nodes), IMPOSSIBLE, strict=True):
        scenario += f"[[links]]\nends = {[*ends]}\n{settings}\n"
        lines[scenario.count("\n")] = settings
    name = program.write(scenario)
    done = program.run("run", name)
    assert (done.code, done.out) == (2, ""), done
    said = {int(line.split(":")[2]): line for line in done.err.splitlines()}
    assert set(said) == set(lines), done.err
    for number, settings in lines.items():
        for word in [f"{name}:{number}: links[", "; ", *IMPOSSIBLE[settings]]:
            assert word in said[number]


def test_a_trace_with_a_bad_line_is_refused_with_its_file_and_line(program: Program) -> None:
    program.write("1\n2\nthree\n4\n", "mobile.trace")
    scenario = """
[experiment]
name = "mobile"
[topology]
kind = "line"
nodes = ["a", "b"]
link = { trace = "mobile.trace" }
"""
    done = program.run("run", program.write(scenario))
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: mobile.trace:3: topology.link.trace: ")
    assert '"three"' in done.err
