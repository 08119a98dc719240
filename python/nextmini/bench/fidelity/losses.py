"""Losses: so many packets over a link that loses some, with a seed that is always the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nextmini.bench.fidelity.chance import binomial_interval
from nextmini.bench.fidelity.pairs import Pair, scenario
from nextmini.bench.fidelity.reading import reading
from nextmini.bench.fidelity.row import Row
from nextmini.scenario.units import format_share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextmini.experiment import Outcome
    from nextmini.scenario import Scenario

SECONDS = 5.0
PAYLOAD = 100


@dataclass(frozen=True, slots=True)
class Loss:
    """A share of packets that is to be lost, and of how many."""

    probability: float
    packets: int

    @property
    def name(self) -> str:
        return f"loss {format_share(self.probability)}"

    @property
    def flow(self) -> str:
        """The name of its flow."""
        return f"loss-{self.probability!r}"


@dataclass(frozen=True, slots=True)
class Losses:
    """Links that lose packets, all at once: none depends on the others."""

    losses: tuple[Loss, ...]
    name: str = "loss"
    repeated: bool = False

    def scenario(self) -> Scenario:
        """Queues that drop nothing, so that what does not arrive was lost."""
        return scenario(
            [
                Pair(
                    loss.flow,
                    f'loss = "{format_share(loss.probability)}"\nqueue = "{loss.packets} packets"',
                    loss.packets / SECONDS,
                    payload=PAYLOAD,
                    packets=loss.packets,
                )
                for loss in self.losses
            ]
        )

    def rows(self, outcomes: Sequence[Outcome]) -> list[Row]:
        """The share of packets that did not arrive."""
        (outcome,) = outcomes
        return [self._row(outcome, loss) for loss in self.losses]

    def _row(self, outcome: Outcome, loss: Loss) -> Row:
        run = reading(outcome, loss.flow)
        sent, lost, asked = run.sent, run.sent - run.received.packets, loss.probability
        least, most = binomial_interval(sent, asked)
        return Row(
            setting=loss.name,
            unit="share",
            asked=asked,
            measured=lost / sent,
            error=lost / sent - asked,
            bound=(least / sent - asked, most / sent - asked),
            facts={"packets": sent, "lost": lost, "interval": [least, most]},
        )
