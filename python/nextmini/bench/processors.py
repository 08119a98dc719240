"""Throughput by the number of each node's processors: what a second one brings, and what it costs.

The network is a chain of one hop over links in memory; see `nextmini.bench.chains`. It is compared with the
same chain whose nodes have a processor each, in the same repetition.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, get_args

from nextmini.bench.chains import Chain, Kind, Mapping
from nextmini.bench.figures import Samples, middle, quotients, spread
from nextmini.bench.plan import PlanError, each_once, within
from nextmini.bench.running import prepared

if TYPE_CHECKING:
    from collections.abc import Callable

    from nextmini.bench.running import Bench
    from nextmini.experiment import Interrupt

Name = TypeVar("Name", bound=str)

HOPS = 1
MOST_PROCESSORS = 256
MOST_FLOWS = 1_000
KINDS: tuple[Kind, ...] = get_args(Kind)
MAPPINGS: tuple[Mapping, ...] = get_args(Mapping)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure: each of `processors` with each of `flows`, `kinds` and `mappings`, `repeat` times.

    Each measurement takes `seconds`. Raises PlanError if that makes no sense.
    """

    processors: tuple[int, ...] = (1, 2, 4)
    flows: tuple[int, ...] = (1, 4, 16)
    kinds: tuple[Kind, ...] = KINDS
    mappings: tuple[Mapping, ...] = MAPPINGS
    seconds: float = 2.0
    repeat: int = 5

    def __post_init__(self) -> None:
        each_once(self.processors, "--processors", "1,2,4")
        for processors in self.processors:
            within(processors, "--processors", 1, MOST_PROCESSORS)
        if 1 not in self.processors:
            raise PlanError(
                "--processors: 1 is missing, which others are compared with", "such as --processors 1,2,4"
            )
        each_once(self.flows, "--flows", "1,4,16")
        for flows in self.flows:
            within(flows, "--flows", 1, MOST_FLOWS)
        each_once(self.kinds, "--kind", "lossless,tcp")
        each_once(self.mappings, "--mapping", "sequential,concurrent")
        within(self.seconds, "--seconds", 0.1, 3_600)
        within(self.repeat, "--repeat", 1, 1_000)


def kinds_of(text: str) -> tuple[Kind, ...]:
    """Comma-separated kinds of flows. Raises PlanError."""
    return tuple(_one_of(KINDS, name, "--kind") for name in text.split(","))


def mappings_of(text: str) -> tuple[Mapping, ...]:
    """Comma-separated mappings. Raises PlanError."""
    return tuple(_one_of(MAPPINGS, name, "--mapping") for name in text.split(","))


def _one_of(known: tuple[Name, ...], name: str, option: str) -> Name:
    """The one of `known` that is called so. Raises PlanError."""
    for one in known:
        if one == name:
            return one
    raise PlanError(f"{option}: {name!r} cannot be measured", f"choose from {', '.join(known)}")


class _Case(NamedTuple):
    """What a row is about, in the order in which rows stand."""

    kind: Kind
    mapping: Mapping
    flows: int
    processors: int


@dataclass(slots=True)
class _Samples(Samples):
    """The baseline is the case with one processor."""

    retransmitted: list[float] = field(default_factory=list)


async def measure(plan: Plan, interrupt: Interrupt, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """One row for each kind, mapping, and number of flows and of processors; `tell` hears what is measured.

    Raises RunError, Interrupted, and whatever keeps a run from beginning.
    """
    samples = {case: _Samples() for case in _cases(plan)}
    async with prepared(interrupt) as bench:
        for repetition in range(1, plan.repeat + 1):
            for case, sample in samples.items():
                tell(f"repetition {repetition} of {plan.repeat}: {_words(case)}")
                await _sample(plan, case, sample, bench)
    return [_row(case, sample, samples[case._replace(processors=1)]) for case, sample in samples.items()]


def chain(plan: Plan, kind: Kind, mapping: Mapping, flows: int, processors: int) -> Chain:
    """What is measured."""
    return Chain(HOPS, "memory", flows, plan.seconds, processors=processors, kind=kind, mapping=mapping)


def _cases(plan: Plan) -> list[_Case]:
    return [
        _Case(kind, mapping, flows, processors)
        for kind in plan.kinds
        for mapping in plan.mappings
        for flows in plan.flows
        for processors in plan.processors
    ]


def _words(case: _Case) -> str:
    flows, processors = (
        f"{number} {what}{'s' if number > 1 else ''}"
        for number, what in ((case.flows, f"{case.kind} flow"), (case.processors, "processor"))
    )
    return f"{flows}, {processors}, {case.mapping}"


async def _sample(plan: Plan, case: _Case, sample: _Samples, bench: Bench) -> None:
    carried = await chain(plan, *case).carried(bench)
    sample.gbps.append(carried.gbps)
    sample.cpu.append(carried.cpu)
    sample.retransmitted.append(carried.retransmitted)


def _row(case: _Case, sample: _Samples, single: _Samples) -> dict[str, Any]:
    measured = {
        "gbps": sample.gbps,
        "ratio": quotients(sample.gbps, single.gbps),
        "cpu_seconds_per_gb": sample.cpu,
        "retransmitted": sample.retransmitted,
    }
    figures = {name: middle(values) for name, values in measured.items()}
    return case._asdict() | figures | {"spread": {name: spread(values) for name, values in measured.items()}}
