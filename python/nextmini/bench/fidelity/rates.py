"""Rates: a link is offered more than it can carry, and its sink tells how much came in which time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nextmini.bench.fidelity.pairs import FULL, HEADERS, Pair, scenario
from nextmini.bench.fidelity.reading import reading
from nextmini.bench.fidelity.row import Row
from nextmini.errors import RunError
from nextmini.scenario.units import format_rate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextmini.experiment import Outcome
    from nextmini.scenario import Scenario

LOAD = 1.2
"""What is offered, as a multiple of the rate."""
BOUND = 0.01


@dataclass(frozen=True, slots=True)
class Rate:
    """A link with a rate, in bit/s."""

    rate: int
    seconds: float
    repeated: bool = False

    @property
    def name(self) -> str:
        return f"rate {format_rate(self.rate)}"

    def scenario(self) -> Scenario:
        """Packets wait in a short queue: long enough for a source that is a little late."""
        queue = '"20 ms"' if self.rate > 50_000_000 else '"50 packets"'
        link = f'rate = "{format_rate(self.rate)}"\nqueue = {queue}'
        packets = LOAD * self.rate / (8 * (FULL + HEADERS))
        return scenario([Pair("load", link, packets, seconds=self.seconds)])

    def rows(self, outcomes: Sequence[Outcome]) -> list[Row]:
        """Bits of the packets after the first, by the time from its arrival to the last one's."""
        (outcome,) = outcomes
        run = reading(outcome, "load")
        packets = run.received.packets
        if packets < 2 or run.seconds <= 0.0:
            raise RunError(f"{self.name}: {packets} packets arrived, too few to measure a rate")
        measured = (packets - 1) * 8 * (FULL + HEADERS) / run.seconds
        busy = min(1.0, run.link.busy_ns / 1e9 / run.seconds)
        return [
            Row(
                setting=self.name,
                unit="bit/s",
                asked=self.rate,
                measured=measured,
                error=measured / self.rate - 1.0,
                bound=(-BOUND, BOUND),
                facts={"packets": packets, "seconds": round(run.seconds, 6), "busy": round(busy, 4)},
            )
        ]
