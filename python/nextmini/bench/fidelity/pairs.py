"""Scenarios of pairs of nodes, each with a link and a flow of packets over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nextmini.bench.running import EXPERIMENT
from nextmini.scenario import Scenario, loads

if TYPE_CHECKING:
    from collections.abc import Sequence

Transport = Literal["memory", "tcp"]

HEADERS = 28
"""Of IPv4 and UDP: what a packet has on the emulated wire beside its data."""
FULL = 1_472
"""Data of a packet that fills an MTU of 1,500 bytes."""
SEED = 7
"""Of every run: what chance does is the same each time."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A link with these keys, and packets over it: so many a second, for a time or until so many are sent."""

    name: str
    link: str
    packets_a_second: float
    payload: int = FULL
    seconds: float | None = None
    packets: int | None = None

    def text(self, number: int) -> str:
        """Its part of a scenario."""
        source, destination = f"a{number}", f"b{number}"
        rate = round(self.packets_a_second * self.payload * 8)
        if self.packets is None:
            limit = f'duration = "{self.seconds!r} s"'
        else:
            limit = f'size = "{self.packets * self.payload} B"'
        return (
            f'[[links]]\nends = ["{source}", "{destination}"]\n{self.link}\n'
            f'[[flows]]\nkind = "udp"\nname = "{self.name}"\n'
            f'source = "{source}"\ndestination = "{destination}"\n'
            f'packet_size = {self.payload}\nrate = "{rate} bit/s"\n{limit}\n'
        )


def scenario(pairs: Sequence[Pair], transport: Transport = "memory") -> Scenario:
    """All pairs at once, in one process; over TCP there is one pair, between two processes."""
    nodes = ", ".join(f'"a{number}", "b{number}"' for number in range(1, len(pairs) + 1))
    return loads(
        f'[experiment]\nname = "{EXPERIMENT}"\nseed = {SEED}\nprocesses = {2 if transport == "tcp" else 1}\n'
        f'[network]\ntransport = "{transport}"\n'
        f'[topology]\nkind = "custom"\nnodes = [{nodes}]\n'
        + "".join(pair.text(number) for number, pair in enumerate(pairs, 1)),
        file="bench.toml",
    )
