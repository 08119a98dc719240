"""Delays: how late packets leave a link, beside a bare timer in the same process at the same time.

No program on a machine is more punctual than its timers are. So a link is not measured by the clock alone,
but by what a thread that does nothing but wait for a timer, as often as packets come, achieves meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from nextmini.bench.fidelity.pairs import Pair, Transport, scenario
from nextmini.bench.fidelity.reading import reading
from nextmini.bench.fidelity.row import Row
from nextmini.bench.figures import middle, significant, spread
from nextmini.scenario.units import format_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextmini.bench.fidelity.reading import Reading
    from nextmini.experiment import Outcome
    from nextmini.protocol import Quantiles
    from nextmini.scenario import Scenario

Quantile = Literal["p50", "p99"]

PACKETS_A_SECOND = 1_000
"""As often as the timer is looked at: see `WATCH_US`."""
WATCH_US = 1_000_000 // PACKETS_A_SECOND
FACTOR = 1.5
"""How many times the lateness of a bare timer is in order."""


@dataclass(frozen=True, slots=True)
class Delay:
    """A link with a delay in seconds; over TCP, between two processes."""

    delay: float
    transport: Transport
    seconds: float
    repeated: bool = True

    @property
    def name(self) -> str:
        return f"delay {format_time(self.delay)} {self.transport}"

    def scenario(self) -> Scenario:
        """Packets at equal distances."""
        link = f'delay = "{format_time(self.delay)}"'
        return scenario([Pair("steady", link, PACKETS_A_SECOND, seconds=self.seconds)], self.transport)

    def rows(self, outcomes: Sequence[Outcome]) -> list[Row]:
        """The median and the 99th percentile."""
        runs = [reading(outcome, "steady") for outcome in outcomes]
        return [self._row(runs, quantile) for quantile in ("p50", "p99")]

    def _row(self, runs: Sequence[Reading], quantile: Quantile) -> Row:
        """The error is that of the run whose ratio is the median of all."""
        sides = sorted((_sides(run, quantile) for run in runs), key=_ratio)
        typical = sides[len(sides) // 2]
        asked = self.delay * 1e3
        facts = {
            "timer": significant(typical.timer),
            "ratio": significant(_ratio(typical)),
            "at_sink": middle([_ms(run.received.delay, quantile) for run in runs]),
            "spread": {
                "error": spread([one.link for one in sides]),
                "timer": spread([one.timer for one in sides]),
                "ratio": spread([_ratio(one) for one in sides]),
            },
        }
        return Row(
            setting=f"{self.name}, {quantile}",
            unit="ms",
            asked=asked,
            measured=asked + typical.link,
            error=typical.link,
            bound=(0.0, FACTOR * typical.timer),
            facts=facts,
        )


class _Sides(NamedTuple):
    """A quantile of how late packets left the link, and of how late the timer was, in ms."""

    link: float
    timer: float


def _sides(run: Reading, quantile: Quantile) -> _Sides:
    return _Sides(_ms(run.link.lateness, quantile), _ms(run.timer, quantile))


def _ratio(sides: _Sides) -> float:
    return sides.link / max(sides.timer, 1e-6)


def _ms(times: Quantiles, quantile: Quantile) -> float:
    return (times.p50_ns if quantile == "p50" else times.p99_ns) / 1e6
