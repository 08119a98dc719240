"""A ring all-reduce in nodes, whose time and bytes follow from the links."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from program import CONFIGS

from nextmini.bench.collectives import TCP_HEADERS, Hop, ring_seconds
from nextmini.scenario import load, resolve

if TYPE_CHECKING:
    from program import Program

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces of nodes need root")

CONFIG = CONFIGS / "allreduce.toml"
MORE_OF_FIRST = 8
"""Bytes that the first packet of a connection has more of headers than others."""
MOST_FIRST = 4
"""How often it may be sent: again, if nobody answers within a second."""
GENEROUS = 5.0
"""How often as long as the links alone it may take: programs that get no core are late."""


def said(program: Program) -> list[dict[str, Any]]:
    logs = sorted(program.work.glob("runs/*/apps/rank*.log"))
    return [json.loads(log.read_text()) for log in logs]


def test_its_time_and_its_bytes_are_those_of_the_links(program: Program) -> None:
    network = resolve(load(CONFIG))
    done = program.run("run", str(CONFIG), "--json")
    assert done.code == 0, done.err
    nodes = said(program)
    assert [node["rank"] for node in nodes] == [0, 1, 2, 3]
    (size,) = {node["bytes"] for node in nodes}
    assert size == 1_280_000

    ways = [link.forward for link in network.links]
    hops = [Hop(way.rate or float("inf"), way.delay) for way in ways]
    least = ring_seconds(size, hops, network.mtu)
    assert least == pytest.approx(1.651, abs=0.001)
    # From when the last one is ready: whatever it sends goes round.
    took = max(node["ended"] for node in nodes) - max(node["began"] for node in nodes)
    assert least <= took <= GENEROUS * least, (least, took, done.document["fidelity"]["reasons"])

    links = {(link["from"], link["to"]): link for link in done.document["link_stats"]}
    for rank, node in enumerate(nodes):
        assert node["sent"] - node["sent_again"] == 6 * size // 4
        link = links[f"n{rank + 1}", f"n{(rank + 1) % 4 + 1}"]
        more = link["bytes"] - link["packets"] * TCP_HEADERS - node["sent"]
        assert more in [MORE_OF_FIRST * times for times in range(1, MOST_FIRST + 1)], link
        assert set(link["drops"].values()) == {0}, link
