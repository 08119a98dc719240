"""How long a number that no flow takes any more stays: until what is under way on its path has arrived.

As TCP's TIME-WAIT (RFC 9293, section 3.3.2), it is a time in which everything has arrived or is lost: the
path's delays, and what may stand in its queues. A path that does not work any more holds up nobody: what is
under way on it is lost, and senders are to know.
"""

from __future__ import annotations

from itertools import pairwise
from math import ceil, inf
from typing import TYPE_CHECKING

from nextmini.algorithms.graph import pair_of
from nextmini.controller.shaping import direction_record

if TYPE_CHECKING:
    from collections.abc import Callable

    from nextmini.controller.view import NetworkView
    from nextmini.scenario import Direction

LEAST_SECONDS = 1.0
"""A process may be late, and sources finish a batch on the way that they had chosen."""
MOST_SECONDS = 60.0
STEP_SECONDS = 0.5
"""Numbers go together, so that taking them away costs little however often paths change."""
QUEUE_PACKETS = 1_000
"""A queue's limit where nothing is said."""
_VARIATIONS = 6
"""Of a delay that varies: beyond so many times the variation next to nothing arrives."""


def empty_at(
    path: tuple[int, ...] | None, view: NetworkView, works: Callable[[int], bool], now: float
) -> float:
    """When nothing is under way on a path that flows leave `now`; `works` says whether a link carries."""
    seconds = 0.0 if path is None else seconds_under_way(path, view, works)
    return ceil((now + seconds) / STEP_SECONDS) * STEP_SECONDS if seconds else 0.0


def link_seconds(view: NetworkView, works: Callable[[int], bool]) -> list[tuple[int, int, float]]:
    """From, to and seconds: how long something may be under way on each direction of links that carry."""
    found = []
    for link in view.links.values():
        if works(link.id):
            found.append((link.a, link.b, min(_seconds(link.forward, link.mtu), MOST_SECONDS)))
            found.append((link.b, link.a, min(_seconds(link.backward, link.mtu), MOST_SECONDS)))
    return found


def forest_empty_at(longest: float, now: float) -> float:
    """When nothing is under way any more on trees that packets have left `now`; `longest` of their ways."""
    return ceil((now + min(LEAST_SECONDS + longest, MOST_SECONDS)) / STEP_SECONDS) * STEP_SECONDS


def seconds_under_way(path: tuple[int, ...], view: NetworkView, works: Callable[[int], bool]) -> float:
    """How long something may be under way on a path; 0 if it does not lead to its end."""
    total = LEAST_SECONDS
    for one, other in pairwise(path):
        found = view.links_between.get(pair_of(one, other), ())
        links = [view.links[id] for id in found if works(id)]
        if not links or not all(view.nodes[node].up for node in (one, other) if node in view.nodes):
            return 0.0
        total += max(_seconds(link.forward if link.a == one else link.backward, link.mtu) for link in links)
    return min(total, MOST_SECONDS)


def _seconds(direction: Direction, mtu: int) -> float:
    """What a direction's delay and a full queue take; a rate that changes may be next to nothing for long."""
    record = direction_record(direction)
    varies = record.jitter.amount_ns if record.jitter is not None else 0
    delay = (record.delay_ns + _VARIATIONS * varies) / 1e9
    if record.rate is None:
        return delay if record.trace is None else inf
    packets = record.limits.packets or QUEUE_PACKETS
    standing = min(packets * mtu, record.limits.bytes or inf)
    full = standing * 8 / record.rate
    return delay + min(full, record.limits.time_ns / 1e9 if record.limits.time_ns else inf)
