"""How long large networks take to start and to stop, and how much memory a node of them takes.

The network is a ring of N nodes in as many dataplane processes as it has by itself, and everything that an
experiment starts is part of it, the database too. Where nodes have programs it has started when the first
node has an answer from the one on the other side of the ring to a ping; where they have none, when a tiny
lossless flow between the two has been acknowledged.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nextmini.bench.figures import middle, spread
from nextmini.bench.memory import Memory, settled
from nextmini.bench.network import in_force, unless
from nextmini.bench.plan import PlanError, each_once, within
from nextmini.bench.prerequisites import require_program, require_root
from nextmini.bench.running import EXPERIMENT, bench_folder
from nextmini.errors import RunError, ScenarioError
from nextmini.experiment.observer import Silent
from nextmini.hosts.commands import spawn
from nextmini.hosts.inside import end_group
from nextmini.hosts.namespaces import places
from nextmini.scenario import Scenario, loads, resolve
from nextmini.store import StateFolder

if TYPE_CHECKING:
    from collections.abc import Callable

    from nextmini.bench.running import Bench
    from nextmini.experiment import Interrupt

WITHOUT_PROGRAMS = "none"
"""The isolation of nodes in which no program can run."""
MOST_NODES = 10_000
PATIENCE_SECONDS = 60
"""How long the first answer to a ping may take."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure: rings of each number of `nodes`, with each of `isolations`, `repeat` times.

    Isolations are those of a scenario's `network.isolation`. Raises PlanError if that makes no sense.
    """

    nodes: tuple[int, ...] = (100, 1_000)
    isolations: tuple[str, ...] = ("none", "namespace")
    repeat: int = 3

    def __post_init__(self) -> None:
        each_once(self.nodes, "--nodes", "100,1000")
        for nodes in self.nodes:
            within(nodes, "--nodes", 3, MOST_NODES)
        each_once(self.isolations, "--isolation", "none,namespace")
        for isolation in self.isolations:
            try:
                ring(3, isolation)
            except ScenarioError as error:
                problem = error.problems[0]
                raise PlanError(f"--isolation {isolation}: {problem.message}", problem.remedy) from None
        within(self.repeat, "--repeat", 1, 1_000)


@dataclass(slots=True)
class Samples:
    """Measurements of one ring, one value a repetition: seconds, and KiB a node."""

    start: list[float] = field(default_factory=list)
    stop: list[float] = field(default_factory=list)
    process: list[float] = field(default_factory=list)
    kernel: list[float] = field(default_factory=list)


async def measure(plan: Plan, interrupt: Interrupt, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """One row for each number of nodes and each isolation; `tell` hears what is being measured.

    Raises PrerequisiteError where nodes have programs and this is not root or there is no ping, RunError,
    Interrupted, and whatever keeps a run from beginning.
    """
    if set(plan.isolations) - {WITHOUT_PROGRAMS}:
        require_root()
        require_program("ping", "iputils-ping")
    samples = {(nodes, isolation): Samples() for nodes in plan.nodes for isolation in plan.isolations}
    with bench_folder(interrupt) as bench:
        for repetition in range(1, plan.repeat + 1):
            for (nodes, isolation), sample in samples.items():
                tell(f"repetition {repetition} of {plan.repeat}: {nodes} nodes, isolation {isolation}")
                await interrupt.guard(settled())
                one = _with_flow if isolation == WITHOUT_PROGRAMS else _with_ping
                await one(bench, ring(nodes, isolation), sample)
    return [_row(*key, sample) for key, sample in samples.items()]


def ring(nodes: int, isolation: str) -> Scenario:
    """The scenario: a ring, with a tiny flow across it where nodes have no programs. Raises ScenarioError."""
    flow = f'[[flows]]\nsource = "n1"\ndestination = "n{nodes // 2 + 1}"\nsize = "1 kB"\n'
    return loads(
        f'[experiment]\nname = "{EXPERIMENT}"\n[network]\nisolation = "{isolation}"\n'
        f'[topology]\nkind = "ring"\nnodes = {nodes}\n{flow if isolation == WITHOUT_PROGRAMS else ""}',
        file="bench.toml",
    )


async def _with_ping(bench: Bench, scenario: Scenario, sample: Samples) -> None:
    network = resolve(scenario)
    far = network.nodes[len(network.nodes) // 2]
    what = f"a ring of {len(network.nodes)}"
    before, began = Memory.now(), time.monotonic()
    async with in_force(bench, scenario, what) as lost:
        await bench.interrupt.guard(unless(lost, _answer(network.nodes[0].name, far.address)))
        started, memory = time.monotonic(), Memory.now()
        stopping = time.monotonic()
    _note(sample, (started - began, time.monotonic() - stopping), (before, memory), len(network.nodes))


async def _with_flow(bench: Bench, scenario: Scenario, sample: Samples) -> None:
    nodes = len(resolve(scenario).nodes)
    over = _Over()
    before, began = Memory.now(), time.monotonic()
    await bench.run(scenario, f"a ring of {nodes}", observer=over)
    ended = time.monotonic()
    if over.memory is None:
        raise RunError(f"measuring a ring of {nodes} failed: it ended before it was ready")
    _note(sample, (over.started - began, ended - over.stopping), (before, over.memory), nodes)


class _Over(Silent):
    """Looks at the memory when all flows have ended: what is done next after their start is the stopping."""

    def __init__(self) -> None:
        self.memory: Memory | None = None
        self.started = self.stopping = 0.0
        self._ready = False

    def flows_started(self, progress: object) -> None:
        """See Observer."""
        self._ready = True

    def phase(self, text: str) -> None:
        """See Observer. It blocks for the few milliseconds in which nothing else is to be done."""
        if self._ready and self.memory is None:
            self.started, self.memory = time.monotonic(), Memory.now()
            self.stopping = time.monotonic()


async def _answer(node: str, address: str) -> None:
    """Returns when a ping from `node` has been answered. Raises RunError if none is."""
    place = places(StateFolder.locate(None).folder(EXPERIMENT), EXPERIMENT)[node]
    command = ("ping", "-n", "-q", "-c", "1", "-w", str(PATIENCE_SECONDS), address)
    process = await asyncio.to_thread(
        spawn, place, command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        output, _ = await asyncio.to_thread(process.communicate)
    finally:
        with suppress(ProcessLookupError):
            end_group(process)
    if process.returncode != 0:
        raise RunError(f"{address} does not answer {node}: {output.decode(errors='replace').strip()}")


def _note(sample: Samples, seconds: tuple[float, float], memory: tuple[Memory, Memory], nodes: int) -> None:
    before, running = memory
    sample.start.append(seconds[0])
    sample.stop.append(seconds[1])
    sample.process.append(running.dataplanes / nodes)
    sample.kernel.append((running.kernel - before.kernel) / nodes)


def _row(nodes: int, isolation: str, sample: Samples) -> dict[str, Any]:
    figures = {
        "start_seconds": sample.start,
        "stop_seconds": sample.stop,
        "process_kib_per_node": sample.process,
        "kernel_kib_per_node": sample.kernel,
    }
    medians = {name: middle(values) for name, values in figures.items()}
    spreads = {name: spread(values) for name, values in figures.items()}
    return {"nodes": nodes, "isolation": isolation, **medians, "spread": spreads}
