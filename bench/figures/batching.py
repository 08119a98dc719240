"""Flows in batches, and packet by packet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.figures.cases import Case
from bench.figures.document import Origin
from bench.figures.ours import lossless_alone, smoltcp_alone
from nextmini.bench import lossless, smoltcp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.figures.cases import Found
    from bench.figures.effort import Effort
    from nextmini.bench.chains import Batching, Transport
    from nextmini.bench.running import Bench

PANEL = "batching"
NAMES: dict[Batching, str] = {"on": "batches", "off": "packet by packet"}
LINKS: dict[Transport, str] = {"tcp": "TCP links", "memory": "links in memory"}


def batching_cases(effort: Effort, bench: Bench) -> Iterator[Case]:
    """smoltcp flows, with packets of 1,500 bytes, and lossless flows, with pieces of up to 64 KiB."""
    for hops in effort.choose((1, 5), (1,)):
        for transport in LINKS:
            for batching in NAMES:
                yield _smoltcp(effort, bench, hops, transport, batching)
        for batching in NAMES:
            yield _lossless(effort, bench, hops, batching)


def _smoltcp(effort: Effort, bench: Bench, hops: int, transport: Transport, batching: Batching) -> Case:
    plan = smoltcp.Plan(transport=transport, seconds=effort.seconds, batching=batching)
    name = f"smoltcp, {LINKS[transport]}, {NAMES[batching]}"

    async def once() -> Found:
        return await smoltcp_alone(bench, plan, hops, name)

    return Case(PANEL, hops, {name: Origin.OURS}, once)


def _lossless(effort: Effort, bench: Bench, hops: int, batching: Batching) -> Case:
    plan = lossless.Plan(seconds=effort.seconds, batching=batching)
    name = f"lossless, {LINKS['tcp']}, {NAMES[batching]}"

    async def once() -> Found:
        return await lossless_alone(bench, plan, hops, name)

    return Case(PANEL, hops, {name: Origin.OURS}, once)
