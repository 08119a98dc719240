"""How long a step of distributed training takes over a network, beside the same over loopback.

Four processes train small models with PyTorch's DistributedDataParallel: with nothing in between, over a
network that is as fast as it can be, and over one with delays and rates as between data centres. All are
measured in turn, and all have to learn the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from nextmini.bench.collectives import Hop, ring_seconds
from nextmini.bench.figures import middle, quotients, spread
from nextmini.bench.plan import PlanError, each_once, within
from nextmini.bench.prerequisites import require_root
from nextmini.bench.running import prepared
from nextmini.bench.training import Job, network, over_loopback, over_network, torch_version
from nextmini.errors import RunError
from nextmini.scenario import resolve

if TYPE_CHECKING:
    from collections.abc import Callable

    from nextmini.bench.running import Bench
    from nextmini.bench.training import Trained
    from nextmini.experiment import Interrupt

MODELS = ("mlp", "lenet5", "cnn", "transformer")
WARM_UP = 2
"""Steps that do not count: in the first ones DistributedDataParallel looks how it shall bundle gradients."""
FLOAT_BYTES = 4
PYTHON = "/usr/bin/python3"
"""Where Debian's python3-torch is found."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure: `steps` of each of `models`, after some that do not count, `repeat` times.

    Raises PlanError if that makes no sense.
    """

    models: tuple[str, ...] = MODELS
    steps: int = 5
    repeat: int = 3
    python: str = PYTHON

    def __post_init__(self) -> None:
        each_once(self.models, "--models", ",".join(MODELS))
        for model in self.models:
            if model not in MODELS:
                raise PlanError(f"--models: there is no model {model!r}", f"choose from {', '.join(MODELS)}")
        within(self.steps, "--steps", 1, 10_000)
        within(self.repeat, "--repeat", 1, 1_000)

    def job(self) -> Job:
        """What each rank is to do."""
        return Job(self.python, self.models, self.steps + WARM_UP)


@dataclass(slots=True)
class Samples:
    """Seconds of a step of one model, one value a repetition: the median of its steps."""

    parameters: int = 0
    loopback: list[float] = field(default_factory=list)
    unshaped: list[float] = field(default_factory=list)
    wan: list[float] = field(default_factory=list)


async def measure(plan: Plan, interrupt: Interrupt, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """One row for each model; `tell` hears what is being measured.

    Raises PrerequisiteError without root or PyTorch, RunError, Interrupted, and whatever keeps a run from
    beginning.
    """
    require_root()
    tell(f"looking for PyTorch of {plan.python}")
    version = await interrupt.guard(torch_version(plan.python))
    samples = {model: Samples() for model in plan.models}
    async with prepared(interrupt) as bench:
        for repetition in range(1, plan.repeat + 1):
            await _once(bench, plan, samples, _Teller(tell, f"repetition {repetition} of {plan.repeat}"))
    return [_row(plan, model, sample, version) for model, sample in samples.items()]


@dataclass(frozen=True, slots=True)
class _Teller:
    tell: Callable[[str], None]
    when: str

    def __call__(self, way: str) -> None:
        self.tell(f"{self.when}: {way}")


async def _once(bench: Bench, plan: Plan, samples: dict[str, Samples], tell: Callable[[str], None]) -> None:
    """One value more for each model over each network."""
    job = plan.job()
    tell("over loopback")
    alone = await bench.interrupt.guard(over_loopback(bench, job))
    tell("over a network without rates and delays")
    unshaped = await over_network(bench, job, "unshaped")
    tell("over a network as between data centres")
    wan = await over_network(bench, job, "wan")
    for model, sample in samples.items():
        same(model, alone[model], unshaped[model])
        same(model, alone[model], wan[model])
        sample.parameters = alone[model].parameters
        for seconds, found in ((sample.loopback, alone), (sample.unshaped, unshaped), (sample.wan, wan)):
            seconds.append(median(found[model].step_seconds()[WARM_UP:]))


def same(model: str, alone: Trained, over: Trained) -> None:
    """Raises RunError unless every rank has lost the same in every step."""
    if alone.losses != over.losses:
        raise RunError(f"training {model}: what was learnt is not what is learnt over loopback")


def links_alone(plan: Plan, size: int) -> float:
    """Seconds that a ring all-reduce of so many bytes takes by rates and delays of the links as between data
    centres, in the order of the ranks."""
    made = resolve(network(plan.job(), "wan", "train.py"))
    ranks = [app.node for app in made.apps]
    ways = {(link.a, link.b): link.forward for link in made.links}
    ways |= {(link.b, link.a): link.backward for link in made.links}
    around = [ways[node, ranks[(at + 1) % len(ranks)]] for at, node in enumerate(ranks)]
    return ring_seconds(size, [Hop(way.rate or float("inf"), way.delay) for way in around], made.mtu)


def _row(plan: Plan, model: str, sample: Samples, version: str) -> dict[str, Any]:
    figures = {"loopback": sample.loopback, "unshaped": sample.unshaped, "wan": sample.wan}
    ratios = {
        "unshaped_ratio": quotients(sample.unshaped, sample.loopback),
        "wan_ratio": quotients(sample.wan, sample.loopback),
    }
    size = sample.parameters * FLOAT_BYTES
    return {
        "model": model,
        "gradient_bytes": size,
        **{f"{name}_ms": middle([1e3 * one for one in values]) for name, values in figures.items()},
        **{name: middle(values) for name, values in ratios.items()},
        "links_ms": middle([1e3 * links_alone(plan, size)]),
        "torch": version,
        "spread": {
            **{f"{name}_ms": spread([1e3 * one for one in values]) for name, values in figures.items()},
            **{name: spread(values) for name, values in ratios.items()},
        },
    }
