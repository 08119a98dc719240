"""What dataplane processes say at their end about how true they were."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nextmini.protocol import Fidelity, LinkFidelity, ProcessFidelity


@dataclass(slots=True)
class FidelityReports:
    """The reports of all processes, each of which comes in parts."""

    processes: dict[int, ProcessFidelity] = field(default_factory=dict)
    links: dict[tuple[int, int], LinkFidelity] = field(default_factory=dict)
    """By link and sending node."""

    def take(self, process: int, message: Fidelity) -> None:
        """Takes in one part."""
        self.processes[process] = message.process
        for link in message.links:
            self.links[link.link, link.node] = link
