"""Time of an iteration of distributed training, at one site and over four: Figure 11 of the Nextmini paper.

The paper's sites are real data centres. Here they are nodes with links of the delays and rates of the example
`ddp`; see `nextmini bench ddp`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bench.figures.command import Figure, Measured, main
from bench.figures.document import Look, Origin, Panel, Row
from nextmini.bench import ddp

if TYPE_CHECKING:
    from bench.figures.cases import Tell
    from bench.figures.effort import Effort
    from nextmini.experiment import Interrupt

SERIES = {
    "loopback_ms": ("processes on loopback", Origin.BASELINE),
    "unshaped_ms": ("one site", Origin.OURS),
    "wan_ms": ("four sites", Origin.OURS),
    "links_ms": ("the links alone, computed", Origin.BASELINE),
}
MOST_REPETITIONS = 2
"""Each is a median of several steps, and takes a minute."""
MILLISECONDS = "milliseconds"


async def measure(effort: Effort, interrupt: Interrupt, tell: Tell) -> Measured:
    """See `bench.figures.command.Figure`."""
    models = effort.choose(ddp.MODELS, ("mlp", "lenet5"))
    rows = [Row("time", name, model, origin) for model in models for name, origin in SERIES.values()]
    version = ""
    repeat = min(effort.repeat, MOST_REPETITIONS)
    for repetition in range(1, repeat + 1):
        plan = ddp.Plan(models, effort.choose(5, 3), 1)
        tell(f"repetition {repetition} of {repeat}")
        for found in await ddp.measure(plan, interrupt, tell):
            version = found["torch"]
            for row in rows:
                if row.x == found["model"]:
                    key = next(key for key, (name, _) in SERIES.items() if name == row.series)
                    row.values.setdefault(MILLISECONDS, []).append(found[key])
    return Measured(rows, {"PyTorch": version})


FIGURE = Figure(
    name="fig11",
    module="fig11_ddp",
    title="Time of an iteration of distributed training by four nodes",
    panels=(
        Panel("time", "Four nodes train together", "model", MILLISECONDS, "ms", Look.BARS, y_scale="log"),
    ),
    measure=measure,
    notes=(
        (
            "PyTorch's DistributedDataParallel with gloo, no GPU; all four ranks share the machine's "
            "cores, and learn the same over each network."
        ),
    ),
    stand_in=("Four nodes on one machine, with emulated paths between them, stand for four data centres."),
)

if __name__ == "__main__":
    sys.exit(main(FIGURE))
