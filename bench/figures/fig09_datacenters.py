"""Throughput between four data centres: Figure 9 of the Nextmini paper, on emulated paths.

The paper's are real ones. Here each site is a node in a dataplane process of its own, and the paths are links
with the delays and rates of the example `ddp`.
"""

from __future__ import annotations

import sys
import tomllib
from typing import TYPE_CHECKING

from bench.figures.cases import Case, in_turn
from bench.figures.command import Figure, Measured, main
from bench.figures.document import Look, Origin, Panel
from bench.figures.ours import THROUGHPUT
from nextmini.bench.running import EXPERIMENT, prepared
from nextmini.scenario import Scenario, loads, resolve
from nextmini.scenario.examples import example_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.figures.cases import Found, Tell
    from bench.figures.effort import Effort
    from nextmini.bench.running import Bench
    from nextmini.experiment import Interrupt

EXAMPLE = "ddp"
SHARE = "share"
MOST_REPETITIONS = 2
"""Since links bound what is measured, and not the machine."""
LEAST_SECONDS = 3.0
"""A flow takes several round trips, of up to 230 ms, to fill its path."""


async def measure(effort: Effort, interrupt: Interrupt, tell: Tell) -> Measured:
    """See `bench.figures.command.Figure`."""
    seconds = max(effort.seconds, LEAST_SECONDS)
    async with prepared(interrupt) as bench:
        return Measured(
            await in_turn(list(_cases(bench, seconds)), min(effort.repeat, MOST_REPETITIONS), tell)
        )


def sites() -> list[str]:
    """Their names."""
    return [node.name for node in resolve(between(None)).nodes]


def between(pair: tuple[str, str] | None, seconds: float = 0.0) -> Scenario:
    """The four sites, with a flow between two of them."""
    example = tomllib.loads(example_text(EXAMPLE))
    names = ", ".join(f'"{name}"' for name in example["topology"]["nodes"])
    links = "".join(
        f'[[links]]\nends = ["{a}", "{b}"]\ndelay = "{link["delay"]}"\nrate = "{link["rate"]}"\n'
        for link in example["links"]
        for a, b in (link["ends"],)
    )
    flow = ""
    if pair is not None:
        flow = f'[[flows]]\nsource = "{pair[0]}"\ndestination = "{pair[1]}"\nduration = "{seconds!r} s"\n'
    return loads(
        f'[experiment]\nname = "{EXPERIMENT}"\nprocesses = {len(example["topology"]["nodes"])}\n'
        f'[topology]\nkind = "full_mesh"\nnodes = [{names}]\n{links}{flow}',
        file="bench.toml",
    )


def _cases(bench: Bench, seconds: float) -> Iterator[Case]:
    for source in sites():
        for destination in sites():
            if source != destination:
                yield _case(bench, source, destination, seconds)


def _case(bench: Bench, source: str, destination: str, seconds: float) -> Case:
    scenario = between((source, destination), seconds)
    name = f"from {source}"
    network = resolve(scenario)
    ids = {node.name: node.id for node in network.nodes}
    (rate,) = (
        link.forward.rate or 0
        for link in network.links
        if {link.a, link.b} == {ids[source], ids[destination]}
    )

    async def once() -> Found:
        outcome = await bench.run(scenario, f"{source} to {destination}")
        (flow,) = outcome.document["flows"]
        gbps = flow["bytes"] * 8 / flow["seconds"] / 1e9
        return {name: {THROUGHPUT: gbps, SHARE: gbps * 1e9 / rate}}

    return Case("matrix", f"to {destination}", {name: Origin.OURS}, once)


FIGURE = Figure(
    name="fig09",
    module="fig09_datacenters",
    title="Throughput between four data centres",
    panels=(
        Panel(
            "matrix",
            "Lossless flows, one pair at a time",
            "",
            THROUGHPUT,
            "Gbit/s",
            Look.BARS,
            columns=(SHARE,),
        ),
    ),
    measure=measure,
    notes=(
        (
            "Delays and rates are those of `configs/ddp.toml`: a choice, not measured paths. From the"
            " first byte to the last acknowledgement, so the beginning of a flow, when its window is "
            "small, is part of it."
        ),
    ),
    stand_in=(
        "Four dataplane processes on one machine, with emulated paths between them, stand for "
        "four data centres."
    ),
)

if __name__ == "__main__":
    sys.exit(main(FIGURE))
