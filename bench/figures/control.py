"""How fast the control plane is, which no figure of the paper shows and targets are about."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bench.figures.command import Figure, Measured, main
from bench.figures.document import Look, Origin, Panel, Row
from nextmini.bench import control

if TYPE_CHECKING:
    from bench.figures.cases import Tell
    from bench.figures.effort import Effort
    from nextmini.experiment import Interrupt

PROCESSES = (1, 10)


async def measure(effort: Effort, interrupt: Interrupt, tell: Tell) -> Measured:
    """See `bench.figures.command.Figure`."""
    plan = control.Plan(effort.choose((100,), (10,)), PROCESSES, effort.choose(100, 20))
    rows = []
    for found in await control.measure(plan, interrupt, tell):
        if "p50_ms" in found:
            several = "es" if found["processes"] > 1 else ""
            place = f"{found['nodes']} nodes, {found['processes']} process{several}"
            values = {key: [found[key]] for key in ("p50_ms", "p99_ms")}
            rows.append(Row("latency", found["what"], place, Origin.OURS, values))
    return Measured(rows)


FIGURE = Figure(
    name="control",
    module="control",
    title="From a change of a row to its confirmation, and from a measurement to a decision in force",
    panels=(Panel("latency", "Control plane", "network", "p99_ms", "ms", Look.BARS, columns=("p50_ms",)),),
    measure=measure,
    notes=(
        (
            "Quantiles of all changes of one run; see `nextmini bench control`. A decision is timed "
            "from the sample that it follows."
        ),
    ),
)

if __name__ == "__main__":
    sys.exit(main(FIGURE))
