"""Jitter: the median and the 99th percentile of delays, beside those of the distribution asked for.

The quantiles of a sample are not those of the distribution: they may be as far from them as chance goes. And
a packet may be as late as any with a delay, and its delay is known to 1/128 of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

from nextmini.bench.fidelity.chance import level_interval
from nextmini.bench.fidelity.delays import FACTOR, PACKETS_A_SECOND
from nextmini.bench.fidelity.pairs import Pair, scenario
from nextmini.bench.fidelity.reading import reading
from nextmini.bench.fidelity.row import Row
from nextmini.bench.figures import significant
from nextmini.scenario.units import format_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextmini.experiment import Outcome
    from nextmini.scenario import Scenario

Distribution = Literal["uniform", "normal", "pareto"]

RESOLUTION = 1 / 128
"""How much more than a delay the sink's histogram may make of it."""
QUANTILES = {"p50": 0.5, "p99": 0.99}


def quantile(distribution: Distribution, level: float) -> float:
    """What is added to the delay, at this level of the distribution, in amounts.

    The amount is half the width of the uniform distribution, and the standard deviation of the others. That
    of Pareto has shape 3 and is moved to mean 0.
    """
    match distribution:
        case "uniform":
            return 2.0 * level - 1.0
        case "normal":
            return NormalDist().inv_cdf(level)
        case "pareto":
            return float(((1.0 - level) ** (-1 / 3) - 1.5) / sqrt(0.75))


@dataclass(frozen=True, slots=True)
class Jitters:
    """Links with a delay and a jitter of this amount, in seconds, one for each distribution, all at once."""

    delay: float
    amount: float
    seconds: float
    distributions: tuple[Distribution, ...] = ("uniform", "normal", "pareto")
    name: str = "jitter"
    repeated: bool = False

    def scenario(self) -> Scenario:
        """Packets overtake each other: where they may not, they wait for those before them."""
        return scenario(
            [Pair(one, self._link(one), PACKETS_A_SECOND, seconds=self.seconds) for one in self.distributions]
        )

    def _link(self, distribution: Distribution) -> str:
        amount = f'amount = "{format_time(self.amount)}"'
        return (
            f'delay = "{format_time(self.delay)}"\n'
            f'jitter = {{ {amount}, distribution = "{distribution}", reorder = true }}'
        )

    def rows(self, outcomes: Sequence[Outcome]) -> list[Row]:
        """Two for each distribution."""
        (outcome,) = outcomes
        return [self._row(outcome, one, name) for one in self.distributions for name in QUANTILES]

    def _row(self, outcome: Outcome, distribution: Distribution, name: str) -> Row:
        run, level = reading(outcome, distribution), QUANTILES[name]
        delays = run.received.delay
        measured, timer, link = (
            (times.p50_ns if name == "p50" else times.p99_ns) / 1e6
            for times in (delays, run.timer, run.link.lateness)
        )

        def at(level: float) -> float:
            return (self.delay + self.amount * quantile(distribution, level)) * 1e3

        asked = at(level)
        least, most = (at(one) for one in level_interval(delays.count, level))
        return Row(
            setting=f"jitter {format_time(self.amount)} {distribution}, {name}",
            unit="ms",
            asked=float(f"{asked:.7g}"),
            measured=measured,
            error=measured - asked,
            bound=(least - asked, most * (1 + RESOLUTION) + FACTOR * timer - asked),
            facts={
                "delay": self.delay * 1e3,
                "packets": delays.count,
                "timer": significant(timer),
                "link": significant(link),
            },
        )
