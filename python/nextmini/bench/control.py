"""How fast the control plane is.

Measured are the time from a change of a row to its confirmation by all nodes concerned, and that from a
measurement to an algorithm's decision in force. The network is a line of nodes whose second one has a twin,
so that there are two paths with the same ends. What is changed is the path of a route over all of the line,
or the rate of one link; what is waited for is the announcement of the row's state. The clock runs from before
the UPDATE is sent, so that the way to the database and back is part of each figure.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from nextmini.bench.confirmation import Confirmations
from nextmini.bench.connecting import connections_per_second
from nextmini.bench.figures import middle, percentile, significant
from nextmini.bench.ingestion import rows_per_second
from nextmini.bench.network import in_force, unless
from nextmini.bench.plan import each_once, within
from nextmini.bench.running import EXPERIMENT, prepared
from nextmini.errors import RunError
from nextmini.scenario import loads

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nextmini.bench.running import Bench
    from nextmini.experiment import Interrupt
    from nextmini.scenario import Scenario

MOST_NODES = 10_000
WARM_UP = 5
"""Changes before those that count."""
SAMPLING_MS = 200
"""Between two measurements, where an algorithm decides after each."""
SECONDS = 2.0
"""How long rates of messages and connections are measured."""
PATIENCE_SECONDS = 30.0
"""How long one change may take."""

MOVE = "UPDATE routes SET path = $2 WHERE id = $1"
SHAPE = "UPDATE links SET forward = forward || jsonb_build_object('rate', $2::text) WHERE id = $1"
SAMPLED = "SELECT extract(epoch FROM max(time))::float8 FROM link_metrics WHERE time <= to_timestamp($1)"

DECIDED = (
    '[[algorithms]]\nuse = "nextmini.bench.deciding:Alternate"\n'
    '[[flows]]\nname = "load"\nsource = "n1"\ndestination = "n2"\nkind = "udp"\nrate = "1 Mbit/s"\n'
    'duration = "24 h"\n'
)
"""An algorithm, and traffic so that there is something to measure."""

ROUTE, RATE, DECISION = "route update", "rate update", "decision"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure: lines of each number of `nodes` in each number of `processes`, `updates` changes each.

    Raises PlanError if that makes no sense.
    """

    nodes: tuple[int, ...] = (10, 100, 1_000)
    processes: tuple[int, ...] = (1, 10)
    updates: int = 100

    def __post_init__(self) -> None:
        each_once(self.nodes, "--nodes", "10,100,1000")
        for nodes in self.nodes:
            within(nodes, "--nodes", 4, MOST_NODES)
        each_once(self.processes, "--processes", "1,10")
        for processes in self.processes:
            within(processes, "--processes", 1, min(self.nodes))
        within(self.updates, "--updates", 2, 100_000)


async def measure(plan: Plan, interrupt: Interrupt, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """A row for each change and each line, and two for rates; `tell` hears what is being measured.

    Raises RunError, Interrupted, and whatever keeps a run from beginning.
    """
    rows: list[dict[str, Any]] = []
    async with prepared(interrupt) as bench:
        for nodes in plan.nodes:
            for processes in plan.processes:
                tell(f"{nodes} nodes in {processes} process{'es' if processes > 1 else ''}: rows")
                rows += await _changes(bench, nodes, processes, plan.updates)
                tell(f"{nodes} nodes in {processes} process{'es' if processes > 1 else ''}: decisions")
                rows.append(await _decisions(bench, nodes, processes, plan.updates))
        tell("rows of metrics")
        rows.append(_rate("metrics rows", await interrupt.guard(rows_per_second(SECONDS))))
        tell("connections")
        rows.append(_rate("connections", await interrupt.guard(connections_per_second(SECONDS))))
    return rows


def line(nodes: int, processes: int, extra: str = "", interval_ms: int = 1000) -> Scenario:
    """The scenario: n1 to n<N-1> in a line, and `twin`, which joins n1 and n3 as n2 does."""
    names = [f"n{number}" for number in range(1, nodes)]
    joined = [*pairwise(names), ("n1", "twin"), ("twin", "n3")]
    links = "".join(f'[[links]]\nends = ["{a}", "{b}"]\nrate = "1 Gbit/s"\n' for a, b in joined)
    path = ", ".join(f'"{name}"' for name in names)
    listed = ", ".join(f'"{name}"' for name in (*names, "twin"))
    return loads(
        f'[experiment]\nname = "{EXPERIMENT}"\nprocesses = {processes}\ninterval = "{interval_ms} ms"\n'
        f'[topology]\nkind = "custom"\nnodes = [{listed}]\n{links}'
        f"[[routes]]\npath = [{path}]\nboth = false\n{extra}",
        file="bench.toml",
    )


async def _changes(bench: Bench, nodes: int, processes: int, updates: int) -> list[dict[str, Any]]:
    what = f"changes of {nodes} nodes"
    async with in_force(bench, line(nodes, processes), what) as lost:

        async def one(confirmations: Confirmations, change: Callable[[int], Awaitable[None]]) -> list[float]:
            taken = []
            for number in range(WARM_UP + updates):
                began = time.perf_counter()
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await change(number)
                if number >= WARM_UP:
                    taken.append(time.perf_counter() - began)
            return taken

        async def both() -> list[dict[str, Any]]:
            async with Confirmations.listen(EXPERIMENT) as confirmations:
                route = await confirmations.value("SELECT id FROM routes")
                path = await confirmations.value("SELECT path FROM routes")
                link = await confirmations.value("SELECT min(id) FROM links")
                paths = [[path[0], nodes, *path[2:]], path]

                async def move(number: int) -> None:
                    await confirmations.change("route", route, MOVE, paths[number % 2])

                async def shape(number: int) -> None:
                    await confirmations.change("link", link, SHAPE, f"{900 + number % 2} Mbit/s")

                moved = await one(confirmations, move)
                shaped = await one(confirmations, shape)
            return [_row(ROUTE, nodes, processes, moved), _row(RATE, nodes, processes, shaped)]

        try:
            return await bench.interrupt.guard(unless(lost, both()))
        except TimeoutError as error:
            raise RunError(
                f"measuring {what} failed: no confirmation within {PATIENCE_SECONDS:g} s"
            ) from error


async def _decisions(bench: Bench, nodes: int, processes: int, updates: int) -> dict[str, Any]:
    """An algorithm moves the route after each sample."""
    what = f"decisions on {nodes} nodes"
    async with in_force(bench, line(nodes, processes, DECIDED, SAMPLING_MS), what) as lost:

        async def follow() -> list[float]:
            async with Confirmations.listen(EXPERIMENT) as confirmations:
                route = await confirmations.value(
                    "SELECT id FROM routes WHERE cardinality(path) > 2 ORDER BY id LIMIT 1"
                )
                taken = []
                for number in range(WARM_UP + updates):
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        await confirmations.next("route", route)
                    now = time.time()
                    sampled = await confirmations.value(SAMPLED, now)
                    if number >= WARM_UP:
                        taken.append(now - sampled)
            return taken

        try:
            taken = await bench.interrupt.guard(unless(lost, follow()))
        except TimeoutError as error:
            raise RunError(f"measuring {what} failed: none within {PATIENCE_SECONDS:g} s") from error
    if max(taken) > SAMPLING_MS / 1000:
        raise RunError(f"measuring {what} failed: they fall behind measurements every {SAMPLING_MS} ms")
    return _row(DECISION, nodes, processes, taken)


def _row(what: str, nodes: int, processes: int, seconds: list[float]) -> dict[str, Any]:
    return {
        "what": what,
        "nodes": nodes,
        "processes": processes,
        "updates": len(seconds),
        "p50_ms": middle([1000 * one for one in seconds]),
        "p99_ms": significant(1000 * percentile(seconds, 99)),
    }


def _rate(what: str, per_second: float) -> dict[str, Any]:
    return {"what": what, "per_second": significant(per_second)}
