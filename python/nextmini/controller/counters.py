"""The counters of links that dataplane processes report: the newest of each."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import TYPE_CHECKING

from nextmini.protocol import Drops, LinkCounters

if TYPE_CHECKING:
    from nextmini.protocol import Metrics

DROP_CAUSES = tuple(f.name for f in fields(Drops))
_drop_counts = attrgetter(*DROP_CAUSES)


def drops_by_cause(drops: Drops) -> dict[str, int]:
    """The drops as a map, in the order of the documents."""
    return dict(zip(DROP_CAUSES, _drop_counts(drops), strict=True))


@dataclass(slots=True)
class Counters:
    """The newest counters of links, by (link, sending node)."""

    links: dict[tuple[int, int], LinkCounters] = field(default_factory=dict)

    def take(self, metrics: Metrics) -> None:
        """Takes in one message."""
        for link in metrics.links:
            self.links[link.link, link.node] = link
