"""What networks cost, as functions of their size: curves for nodes, links and flows, and their exponents.

Each size is a network of its own with many of one thing and as few of others as there can be. So costs can be
added up: what one more takes is the difference between two sizes. See `cost_networks`, `one_network`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any

from nextmini.bench import cost_networks, finding
from nextmini.bench.chains import Chain
from nextmini.bench.figures import each_more, exponent, middle, significant, spread
from nextmini.bench.ingestion import ingested
from nextmini.bench.memory import settled
from nextmini.bench.one_network import cost_of
from nextmini.bench.plan import PlanError, each_once, within
from nextmini.bench.prerequisites import require_root
from nextmini.bench.running import prepared
from nextmini.errors import PrerequisiteError, RunError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nextmini.bench.ingestion import Kind
    from nextmini.bench.running import Bench
    from nextmini.experiment import Interrupt

LEAST, MOST = 2, 10_000
SUBJECTS = ("nodes", "links", "flows", "processes")
MOST_PROCESSES = 200
NODES_OF_PROCESSES = (200, 2_000)
"""The nodes that processes have between them: few and many, as each process is told of all of them."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure: networks of so many (`sizes`) of each of `subjects`, `repeat` times.

    Throughputs and rates are measured for `seconds`. Raises PlanError if that makes no sense.
    """

    sizes: tuple[int, ...] = (10, 100, 1_000)
    subjects: tuple[str, ...] = SUBJECTS[:3]
    seconds: float = 2.0
    repeat: int = 1

    def __post_init__(self) -> None:
        each_once(self.sizes, "--sizes", "10,100,1000")
        for size in self.sizes:
            within(size, "--sizes", LEAST, MOST)
        each_once(self.subjects, "--of", ",".join(SUBJECTS))
        for subject in self.subjects:
            if subject not in SUBJECTS:
                remedy = f"choose {', '.join(SUBJECTS)}"
                raise PlanError(f"--of {subject}: there are no curves of that", remedy)
        within(self.seconds, "--seconds", 0.1, 3_600)
        within(self.repeat, "--repeat", 1, 1_000)


class Figure(Enum):
    """Whether a value is about all of a size, so that it grows with it, or about one of them, or a rate."""

    TOTAL = "total"
    RATE = "rate"


NETWORK = dict.fromkeys(
    (
        "start_seconds",
        "controller_cpu_seconds",
        "controller_kib",
        "dataplane_kib",
        "kernel_kib",
        "messages",
        "message_bytes",
    ),
    Figure.TOTAL,
)
ROUTES = {"graph_ms": Figure.TOTAL, "search_ms": Figure.TOTAL}
ROWS = dict.fromkeys(("rows_per_second", "cpu_us_per_row", "stored_bytes_per_row"), Figure.RATE)
FORWARDING = dict.fromkeys(("gbps", "cpu_seconds_per_gb"), Figure.RATE)


@dataclass(frozen=True, slots=True)
class Case:
    """One thing of which there are to be many, and how what it costs is measured at one size."""

    of: str
    variant: str
    figures: dict[str, Figure]
    measure: Callable[[Bench, int], Awaitable[dict[str, float]]]
    missing: str | None = None
    """Why it cannot be measured."""


@dataclass(slots=True)
class Samples:
    """Values by figure and size, one a repetition; and why there are none of a size."""

    values: dict[str, dict[int, list[float]]] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)

    def add(self, size: int, figures: dict[str, float]) -> None:
        """Takes in one measurement."""
        for name, value in figures.items():
            self.values.setdefault(name, {}).setdefault(size, []).append(value)


async def measure(plan: Plan, interrupt: Interrupt, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """One row for each figure of each case; `tell` hears what is being measured, and what cannot be.

    A network that fails has no value, but a reason. Raises RunError if nothing can be measured, Interrupted,
    and whatever keeps a run from beginning.
    """
    found = [(case, Samples()) for case in cases(plan)]
    async with prepared(interrupt) as bench:
        for repetition in range(1, plan.repeat + 1):
            where = f"repetition {repetition} of {plan.repeat}: " if plan.repeat > 1 else ""
            for case, samples in found:
                for size in sorted(plan.sizes):
                    await _one(bench, case, size, samples, lambda text: tell(f"{where}{text}"))  # noqa: B023
    if not any(samples.values for _, samples in found):
        raise RunError(next(reason for _, samples in found for reason in samples.reasons.values()))
    return [row for case, samples in found for row in rows_of(case, samples, sorted(plan.sizes))]


async def _one(bench: Bench, case: Case, size: int, samples: Samples, tell: Callable[[str], None]) -> None:
    what = f"{case.of} ({case.variant}), {size:,}"
    if size in samples.reasons:
        return
    if case.missing is not None:
        samples.reasons[size] = case.missing
        tell(f"{what}: not measured: {case.missing}")
        return
    tell(what)
    try:
        samples.add(size, await case.measure(bench, size))
    except RunError as error:
        samples.reasons[size] = str(error)
        tell(f"{what}: not measured: {error}")


def cases(plan: Plan) -> list[Case]:
    """All that is measured, in its order."""
    nodes = cost_networks.nodes_for(max(plan.sizes))

    async def links(size: int) -> finding.Found:
        return await finding.by_links(size, nodes)

    def of_links(transport: str) -> Callable[[int], str]:
        return lambda size: cost_networks.of_links(size, transport, nodes)

    every = [
        _network("nodes", "none", lambda size: cost_networks.of_nodes(size, "none")),
        _network("nodes", "namespace", lambda size: cost_networks.of_nodes(size, "namespace"), _no_root()),
        Case("nodes", "routes", ROUTES, partial(_routes, finding.by_nodes)),
        _network("links", "memory", of_links("memory")),
        _network("links", "tcp", of_links("tcp")),
        Case("links", "routes", ROUTES, partial(_routes, links)),
        Case("links", "metrics", ROWS, partial(_rows, "link", plan.seconds)),
        _network("flows", "lossless", cost_networks.of_flows),
        Case("flows", "forwarding", FORWARDING, partial(_forwarding, plan.seconds)),
        Case("flows", "routes", ROUTES, partial(_routes, finding.by_flows)),
        Case("flows", "metrics", ROWS, partial(_rows, "flow", plan.seconds)),
        *(
            _network("processes", f"{nodes:,} nodes", partial(_of_processes, nodes))
            for nodes in NODES_OF_PROCESSES
        ),
    ]
    return [case for subject in plan.subjects for case in every if case.of == subject]


def rows_of(case: Case, samples: Samples, sizes: list[int]) -> list[dict[str, Any]]:
    """A row for each figure: its points, each with a value or the reason why there is none, and its law."""
    return [_row(case, name, figure, samples, sizes) for name, figure in case.figures.items()]


def _row(case: Case, name: str, figure: Figure, samples: Samples, sizes: list[int]) -> dict[str, Any]:
    values = samples.values.get(name, {})
    medians = [(size, middle(values[size])) for size in sizes if size in values]
    law, more = exponent(medians), each_more(medians) if figure is Figure.TOTAL and medians else None
    return {
        "of": case.of,
        "variant": case.variant,
        "what": name,
        "points": [
            {"size": size, "value": middle(values[size]), "spread": spread(values[size])}
            if size in values
            else {"size": size, "reason": samples.reasons[size]}
            for size in sizes
        ],
        "exponent": None if law is None else round(law, 2),
        "each_more": None if more is None else significant(more),
    }


def _network(of: str, variant: str, scenario: Callable[[int], str], missing: str | None = None) -> Case:
    async def cost(bench: Bench, size: int) -> dict[str, float]:
        await bench.interrupt.guard(settled())
        return asdict(await cost_of(bench, scenario(size)))

    return Case(of, variant, NETWORK, cost, missing)


async def _routes(
    find: Callable[[int], Awaitable[finding.Found]], bench: Bench, size: int
) -> dict[str, float]:
    async def found() -> finding.Found:
        return await find(size)

    times = await bench.interrupt.guard(found())
    return {"graph_ms": 1e3 * times.graph, "search_ms": 1e3 * times.search}


async def _rows(kind: Kind, seconds: float, bench: Bench, size: int) -> dict[str, float]:
    taken = await bench.interrupt.guard(ingested(seconds, kind, size))
    return {
        "rows_per_second": taken.rows_per_second,
        "cpu_us_per_row": 1e6 * taken.cpu_seconds / taken.rows,
        "stored_bytes_per_row": taken.stored_bytes / taken.rows,
    }


async def _forwarding(seconds: float, bench: Bench, size: int) -> dict[str, float]:
    gbps, cpu = await Chain(1, "memory", size, seconds).measured(bench)
    return {"gbps": gbps, "cpu_seconds_per_gb": cpu}


def _of_processes(nodes: int, processes: int) -> str:
    if processes > MOST_PROCESSES:
        raise RunError(f"more than {MOST_PROCESSES} dataplane processes are too many for one machine")
    return cost_networks.of_processes(processes, nodes)


def _no_root() -> str | None:
    try:
        require_root()
    except PrerequisiteError as error:
        return str(error)
    return None
