"""What links achieve of what is asked of them, which no figure of the paper shows and targets are about."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bench.figures.command import Figure, Measured, main
from bench.figures.document import Look, Origin, Panel, Row
from nextmini.bench.fidelity import plan as fidelity

if TYPE_CHECKING:
    from bench.figures.cases import Tell
    from bench.figures.effort import Effort
    from nextmini.experiment import Interrupt

PERCENT, RATIO = "error_percent", "ratio"
DELAY_RUNS = 5
"""Of which the typical one counts, as in `nextmini bench fidelity`."""


async def measure(effort: Effort, interrupt: Interrupt, tell: Tell) -> Measured:
    """See `bench.figures.command.Figure`."""
    rows = []
    for only, repeat in (("rate", 1), ("delay", effort.choose(DELAY_RUNS, 1))):
        for found in await fidelity.measure(
            fidelity.Plan(effort.choose(False, True), repeat, only), interrupt, tell
        ):
            if found.unit == "bit/s":
                values = {PERCENT: [abs(found.error) * 100]}
                rows.append(Row("rates", "error", found.setting.removeprefix("rate "), Origin.OURS, values))
            else:
                setting, _, quantile = found.setting.rpartition(", ")
                values = {RATIO: [found.facts["ratio"]]}
                rows.append(Row("delays", quantile, setting.removeprefix("delay "), Origin.OURS, values))
    return Measured(rows)


FIGURE = Figure(
    name="accuracy",
    module="accuracy",
    title="What links achieve of what is asked of them",
    panels=(
        Panel("rates", "Error of rates", "rate", PERCENT, "%", Look.BARS),
        Panel("delays", "Lateness by that of a bare timer", "delay", RATIO, "ratio", Look.BARS),
    ),
    measure=measure,
    notes=("See `nextmini bench fidelity`. The bare timer runs in the same process at the same time.",),
)

if __name__ == "__main__":
    sys.exit(main(FIGURE))
