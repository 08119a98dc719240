"""Which links are captured, and the processes that see their packets."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nextmini.live.choice import LiveError
from nextmini.live.session import find_link, find_node, session
from nextmini.protocol.capture import CaptureRequest, WantedLink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextmini.scenario import Link
    from nextmini.store import Desired, Registration, StateFolder


@dataclass(frozen=True, slots=True)
class CapturedLink:
    """A link as it was named: packets from `a` to `b` are going out, the others are coming in."""

    id: int
    a: str
    b: str
    a_id: int
    processes: frozenset[int]
    """Those that have an end of it."""

    def __str__(self) -> str:
        return f"{self.a}-{self.b}"


async def links_of(
    state: StateFolder, found: Registration, pairs: Sequence[tuple[str, str]] | None
) -> list[CapturedLink]:
    """These links of an experiment, or all of them.

    Raises LiveError if one is not there, or none is, DatabaseError.
    """
    async with session(state, found) as store:
        desired = await store.desired()
    return all_captured(desired) if pairs is None else captured(desired, pairs)


def captured(desired: Desired, pairs: Sequence[tuple[str, str]]) -> list[CapturedLink]:
    """These links, each once, in this order. Raises LiveError if one is not there."""
    links: dict[int, CapturedLink] = {}
    for a, b in pairs:
        link = find_link(desired, a, b)
        links.setdefault(link.id, _captured(desired, link, find_node(desired, a).id))
    return list(links.values())


def all_captured(desired: Desired) -> list[CapturedLink]:
    """All links. Raises LiveError if there is none."""
    if not desired.links:
        raise LiveError("the network has no links")
    return [_captured(desired, link, link.a) for link in desired.links.values()]


def _captured(desired: Desired, link: Link, first: int) -> CapturedLink:
    a = desired.nodes[first]
    b = desired.nodes[link.b if first == link.a else link.a]
    return CapturedLink(link.id, a.name, b.name, a.id, frozenset({a.process, b.process}))


def pair(word: str) -> tuple[str, str]:
    """The ends of the link that `A,B` stands for. Raises LiveError for what is no such word."""
    a, comma, b = (part.strip() for part in word.partition(","))
    if not (a and comma and b) or "," in b:
        raise LiveError(f"{word!r} is no link", "write its two ends, as in --link n1,n2")
    return a, b


def request(links: Sequence[CapturedLink], kept: int, experiment: str) -> CaptureRequest:
    """What processes are asked for; all of them are to go by one clock, that of this moment."""
    wanted = tuple(
        WantedLink(
            link.id,
            link.a_id,
            str(link),
            f"link {link.a} - {link.b} of {experiment}; outbound: from {link.a} to {link.b}",
        )
        for link in links
    )
    return CaptureRequest(time.time_ns() - time.monotonic_ns(), kept, wanted)
