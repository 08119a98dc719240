"""What results tell of demands: rates, completion times and slowdowns, from made-up progress."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nextmini.controller.counters import Counters
from nextmini.controller.flows import FlowProgress, Verdict
from nextmini.experiment.demands import percentile
from nextmini.experiment.result import Facts, as_json, document
from nextmini.protocol import FlowChange
from nextmini.scenario import Network, loads, resolve

HEAD = """
[experiment]
name = "x"
[topology]
kind = "line"
nodes = 3
link = {{ {link} }}
[[demands]]
name = "web"
model = "listed"
start = "1 s"
duration = "4 s"
"""
LINK = 'rate = "8 Mbit/s", delay = "5 ms"'


def sized(link: str, *sizes: str) -> Network:
    """Flows of these sizes from the first node to the third, which start at 1 s."""
    flows = "".join(
        f'[[flows]]\ndemand = "web"\nsource = "n1"\ndestination = "n3"\nstart = "1 s"\nsize = "{size}"\n'
        for size in sizes
    )
    return resolve(loads(HEAD.format(link=link) + flows))


def done(network: Network, id: int, seconds: float, status: Any = "completed") -> FlowProgress:
    """A flow that has had its size, or half of it, after so many seconds."""
    flow = network.flows[id - 1]
    size = flow.size or 0
    came = size if status == "completed" else size // 2
    source = FlowChange(id, "source", status, size, seconds, 0, 0)
    sink = FlowChange(id, "sink", status, came, seconds, 0, 0)
    return FlowProgress(flow, source, sink, Verdict(status), path=(1, 2, 3))


def entry(network: Network, *known: FlowProgress, seconds: float = 10.0) -> dict[str, Any]:
    facts = Facts("x-1", Path("runs/x-1"), "passed", seconds)
    made = document(network, facts, {one.flow.id: one for one in known}, Counters())
    (found,) = made["demands"]
    assert '\n    {"name": "web", ' in as_json(made)
    return dict(found)


def test_completion_times_and_slowdowns_by_size() -> None:
    network = sized(LINK, "10 kB", "100 kB", "1 MB", "20 MB", "20 MB", "10 kB")
    # In an idle network: the size at 8 Mbit/s, and four times 5 ms.
    alone = [0.03, 0.12, 1.02, 20.02]
    known = [done(network, id, time * id) for id, time in enumerate(alone, 1)]
    known += [done(network, 5, 3.0, "failed"), done(network, 6, 0.5, "stopped")]
    found = entry(network, *known, seconds=82.0)
    assert {key: found[key] for key in ("flows", "completed", "failed", "stopped", "bytes")} == {
        **{"flows": 6, "completed": 4, "failed": 1, "stopped": 1},
        "bytes": 10_000 + 100_000 + 1_000_000 + 20_000_000 + 10_000_000 + 5_000,
    }
    assert found["offered_bps"] == round((10 + 100 + 1000 + 20_000 + 20_000 + 10) * 8000 / 4)
    assert found["carried_bps"] == round(31_115_000 * 8 / (4 * 20.02))
    assert found["slowdown"] == {"p50": 2.5, "p95": 3.85, "p99": 3.97}
    times = found["completion_seconds"]
    assert list(times) == ["p50", "p95", "p99", "mean"]
    assert times["p50"] == pytest.approx((0.24 + 3.06) / 2)
    assert times["mean"] == pytest.approx((0.03 + 0.24 + 3.06 + 80.08) / 4)
    small, middle, large = found["sizes"]
    assert (small["sizes"], small["flows"], small["completed"]) == ("at most 100 kB", 3, 2)
    assert small["slowdown"] == {"p50": 1.5, "p95": 1.95, "p99": 1.99}
    assert (middle["sizes"], middle["flows"], middle["slowdown"]["p50"]) == ("100 kB to 10 MB", 1, 3.0)
    assert (large["sizes"], large["flows"], large["completed"]) == ("more than 10 MB", 2, 1)


@pytest.mark.parametrize(
    "link", ['delay = "5 ms"', 'trace = [["0 s", "8 Mbit/s"]]'], ids=["without a rate", "with a trace"]
)
def test_without_a_constant_rate_there_is_no_slowdown(link: str) -> None:
    network = sized(link, "1 MB")
    found = entry(network, done(network, 1, 2.0))
    assert found["slowdown"] is None
    assert found["completion_seconds"]["p99"] == 2.0
    # It was over before the demand was.
    assert found["carried_bps"] == 2_000_000


def test_the_slowest_link_on_the_way_counts_in_its_direction() -> None:
    network = resolve(
        loads(
            HEAD.format(link='forward = { rate = "8 Mbit/s" }, backward = { delay = "1 s" }')
            + '[[links]]\nends = ["n2", "n3"]\nforward = { rate = "4 Mbit/s", delay = "1 s" }\n'
            + '[[flows]]\ndemand = "web"\nsource = "n1"\ndestination = "n3"\nsize = "1 MB"\n'
        )
    )
    assert entry(network, done(network, 1, 10.0))["slowdown"]["p50"] == 2.0
    slow = resolve(
        loads(
            HEAD.format(link=LINK)
            + '[[flows]]\ndemand = "web"\nsource = "n1"\ndestination = "n3"\nsize = "1 MB"\n'
            + 'rate = "1 Mbit/s"\n'
        )
    )
    assert entry(slow, done(slow, 1, 16.04))["slowdown"]["p50"] == 2.0


def test_a_run_that_never_began_or_ended_early() -> None:
    network = sized(LINK, "1 MB", "1 MB")
    nothing = entry(network, seconds=0.0)
    assert (nothing["flows"], nothing["stopped"], nothing["carried_bps"]) == (2, 2, 0)
    assert nothing["completion_seconds"] is nothing["slowdown"] is None
    assert [one["flows"] for one in nothing["sizes"]] == [0, 2, 0]
    # Of 4 s only one was there.
    early = entry(network, done(network, 1, 0.9, "stopped"), seconds=2.0)
    assert early["carried_bps"] == 4_000_000


def test_constant_flows_have_no_completion_time() -> None:
    network = resolve(
        loads(
            '[experiment]\nname = "x"\n[topology]\nkind = "line"\nnodes = 3\n[[demands]]\nname = "web"\n'
            'model = "uniform"\ntotal = "6 Mbit/s"\nkind = "udp"\nduration = "2 s"\n'
        )
    )
    found = entry(network, *(done(network, id, 2.0) for id in range(1, 7)))
    assert (found["flows"], found["completed"], found["offered_bps"]) == (6, 6, 6_000_000)
    assert found["completion_seconds"] is found["slowdown"] is None
    assert found["sizes"] == []


def test_flows_of_which_nobody_knows_how_much_they_send() -> None:
    text = HEAD.format(link=LINK) + '[[flows]]\ndemand = "web"\nsource = "n1"\ndestination = "n3"\n'
    network = resolve(loads(text.replace('name = "x"', 'name = "x"\nduration = "6 s"')))
    assert entry(network)["offered_bps"] is None
    endless = resolve(loads(text.replace('duration = "4 s"\n', "") + 'size = "1 MB"\n'))
    assert entry(endless)["offered_bps"] is None


def test_percentiles_are_on_a_line_between_neighbours() -> None:
    assert [percentile([1.0, 2.0, 4.0], level) for level in (0, 25, 50, 75, 100)] == [1, 1.5, 2, 3, 4]
    assert percentile([7.0], 99) == 7
