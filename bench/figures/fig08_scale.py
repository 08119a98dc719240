"""Memory and start-up time by nodes with network namespaces: Figure 8 of the Nextmini paper."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.figures.cases import Case, in_turn
from bench.figures.command import Figure, Measured, main
from bench.figures.document import Origin, Panel
from bench.figures.peers import versions
from bench.peers import mininet
from nextmini.bench import scale

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.figures.cases import Found, Tell
    from bench.figures.effort import Effort
    from nextmini.experiment import Interrupt

OURS, MININET = "Nextmini, ring", "Mininet, line"
MOST_REPETITIONS = 2
LARGE = 1_000
"""Of more nodes there is one repetition."""
KIB, MIB, MB = 1024, 1024**2, 1e6


async def measure(effort: Effort, interrupt: Interrupt, tell: Tell) -> Measured:
    """See `bench.figures.command.Figure`."""
    rows = await in_turn(list(_cases(effort, interrupt)), min(effort.repeat, MOST_REPETITIONS), tell)
    # One measurement has what all three panels show.
    return Measured(
        [replace(row, panel=panel) for panel in ("memory", "node", "start") for row in rows],
        versions([(MININET, mininet)]),
    )


def _cases(effort: Effort, interrupt: Interrupt) -> Iterator[Case]:
    of_mininet = effort.choose((20, 50, 100, 200), (50,))
    for nodes in effort.choose((20, 50, 100, 200, 500, 1_000, 10_000), (50, 1_000)):
        yield _ours(nodes, interrupt)
        if nodes in of_mininet:
            yield _mininet(nodes, interrupt)


def _ours(nodes: int, interrupt: Interrupt) -> Case:
    async def once() -> Found:
        plan = scale.Plan((nodes,), ("namespace",), 1)
        (row,) = await scale.measure(plan, interrupt, lambda _: None)
        kib = row["process_kib_per_node"] + row["kernel_kib_per_node"]
        return {OURS: _found(kib * KIB * nodes, nodes, row["start_seconds"], row["stop_seconds"])}

    return Case("memory", nodes, {OURS: Origin.OURS}, once, 1 if nodes > LARGE else None)


def _mininet(nodes: int, interrupt: Interrupt) -> Case:
    async def once() -> Found:
        got = await interrupt.guard(asyncio.to_thread(mininet.scale, nodes))
        return {MININET: _found(got.memory_mib * MIB, nodes, got.start_seconds, got.stop_seconds)}

    return Case("memory", nodes, {MININET: Origin.PEER}, once, 1)


def _found(memory: float, nodes: int, start: float, stop: float) -> dict[str, float]:
    return {
        "memory_mb": memory / MB,
        "node_mb": memory / MB / nodes,
        "start_seconds": start,
        "stop_seconds": stop,
    }


FIGURE = Figure(
    name="fig08",
    module="fig08_scale",
    title="Memory and start-up time by nodes with network namespaces",
    panels=(
        Panel("memory", "Memory of all nodes", "nodes", "memory_mb", "MB", x_scale="log", y_scale="log"),
        Panel("node", "Memory of a node", "nodes", "node_mb", "MB", x_scale="log", y_scale="log"),
        Panel(
            "start",
            "Start-up",
            "nodes",
            "start_seconds",
            "s",
            x_scale="log",
            y_scale="log",
            columns=("stop_seconds",),
        ),
    ),
    measure=measure,
    notes=(
        (
            "Ours is a ring with all of its links and routes, until a ping from its first node has "
            "been answered by the one on the other side. Memory is that of the dataplane processes "
            "and what the kernel has more than before; see `nextmini bench scale`."
        ),
        (
            "The paper's networks are without links. Mininet is measured once at each place: it "
            "starts one node after the other."
        ),
    ),
)

if __name__ == "__main__":
    sys.exit(main(FIGURE))
