"""What is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from nextmini.bench.fidelity.delays import WATCH_US, Delay
from nextmini.bench.fidelity.jitters import Jitters
from nextmini.bench.fidelity.losses import Loss, Losses
from nextmini.bench.fidelity.rates import Rate
from nextmini.bench.plan import PlanError, within
from nextmini.bench.running import prepared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from nextmini.bench.fidelity.row import Row
    from nextmini.experiment import Interrupt, Outcome
    from nextmini.scenario import Scenario

RATES = (1_000_000, 10_000_000, 100_000_000, 1_000_000_000)
DELAYS = (0.001, 0.01, 0.1, 0.5)
LOSSES = (Loss(0.001, 200_000), Loss(0.01, 20_000), Loss(0.1, 20_000), Loss(0.5, 20_000))
"""Of a small share there must be many packets, or any number of losses would do."""
DELAY_SECONDS = 3.0


class Setting(Protocol):
    """Something that is asked of links, and measured by one run, or by several alike."""

    @property
    def name(self) -> str:
        """Such as "rate 10 Mbit/s"."""

    @property
    def repeated(self) -> bool:
        """Whether it is measured several times."""

    def scenario(self) -> Scenario:
        """What to run."""

    def rows(self, outcomes: Sequence[Outcome]) -> list[Row]:
        """What came of it. Raises RunError if that is not known."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`quick`: a minute and a half at most. `repeat` is for delays, `only` how names of settings begin.

    Raises PlanError if that makes no sense.
    """

    quick: bool = False
    repeat: int = 5
    only: str = ""

    def __post_init__(self) -> None:
        within(self.repeat, "--repeat", 1, 1_000)
        if not self.settings():
            names = ", ".join(f'"{setting.name}"' for setting in self._all())
            raise PlanError(f"--only: there is no {self.only!r}", f"choose the beginning of {names}")

    def settings(self) -> list[Setting]:
        """What is measured, in this order."""
        return [setting for setting in self._all() if setting.name.startswith(self.only)]

    def _all(self) -> Iterator[Setting]:
        seconds = 3.0 if self.quick else 5.0
        for rate in RATES:
            yield Rate(rate, seconds)
        for delay in (0.01,) if self.quick else DELAYS:
            yield Delay(delay, "memory", DELAY_SECONDS)
        yield Delay(0.01, "tcp", DELAY_SECONDS)
        yield Losses(LOSSES)
        yield Jitters(0.05, 0.005, 5.0 if self.quick else 10.0)


async def measure(plan: Plan, interrupt: Interrupt, tell: Callable[[str], None]) -> list[Row]:
    """All rows; `tell` hears what is being measured.

    Raises RunError, Interrupted, and whatever keeps a run from beginning.
    """
    settings = plan.settings()
    outcomes: dict[str, list[Outcome]] = {setting.name: [] for setting in settings}
    async with prepared(interrupt) as bench:
        for repetition in range(1, plan.repeat + 1):
            for setting in settings:
                if repetition > 1 and not setting.repeated:
                    continue
                tell(f"{setting.name}, {repetition} of {plan.repeat}" if setting.repeated else setting.name)
                outcomes[setting.name].append(await bench.run(setting.scenario(), setting.name, WATCH_US))
    return [row for setting in settings for row in setting.rows(outcomes[setting.name])]
