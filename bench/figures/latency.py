"""What one more hop adds to the way of a packet when nothing else is under way, which targets are about."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bench.figures.command import Figure, Measured, main
from bench.figures.document import Look, Origin, Panel, Row
from nextmini.bench import latency

if TYPE_CHECKING:
    from bench.figures.cases import Tell
    from bench.figures.effort import Effort
    from nextmini.experiment import Interrupt

NEAR, FAR = 0, 10
ONE_MORE = "one more hop"
NAMES = {"memory": "link in memory", "tcp": "link over TCP"}
MICROSECONDS = "microseconds"
_KEY = "each_hop_us"


async def measure(effort: Effort, interrupt: Interrupt, tell: Tell) -> Measured:
    """See `bench.figures.command.Figure`."""
    rows = {name: Row("hop", ONE_MORE, name, Origin.OURS) for name in NAMES.values()}
    plan = latency.Plan((NEAR, FAR), tuple(NAMES), effort.choose(2.0, 1.0), 1)
    for repetition in range(1, effort.repeat + 1):
        tell(f"repetition {repetition} of {effort.repeat}")
        for found in await latency.measure(plan, interrupt, tell):
            if found[_KEY] is not None:
                rows[NAMES[found["transport"]]].values.setdefault(MICROSECONDS, []).append(found[_KEY])
    return Measured([*rows.values()])


FIGURE = Figure(
    name="latency",
    module="latency",
    title="What one more hop adds to the way of a packet",
    panels=(Panel("hop", "One more hop, one way, median", "", MICROSECONDS, "microseconds", Look.BARS),),
    measure=measure,
    notes=("Round trips of an idle network over 0 and 10 hops; see `nextmini bench latency`.",),
)

if __name__ == "__main__":
    sys.exit(main(FIGURE))
