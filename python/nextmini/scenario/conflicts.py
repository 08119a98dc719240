"""What cannot be true of a direction of a link, although each of its keys by itself could be."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nextmini.scenario.impairments import Codel, GilbertElliott, Red
from nextmini.scenario.network import QUIC_CONGESTION
from nextmini.scenario.queue import Threshold
from nextmini.scenario.units import format_size, format_time
from nextmini.scenario.wording import alternatives, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nextmini.scenario.direction import Direction

USUAL_PACKETS = 1000
"""The limit of a queue of which nothing is said."""


class Conflict(NamedTuple):
    """The key to blame, what is wrong with it, and what to do about it."""

    key: str
    message: str
    remedy: str


def conflicts(direction: Direction, mtu: int) -> Iterator[Conflict]:
    """Everything about `direction` that cannot be, on a link with packets of up to `mtu` bytes."""
    yield from _rate(direction, mtu)
    yield from _order(direction)
    if isinstance(direction.loss, GilbertElliott) and direction.loss.p == 0 and direction.loss.r == 0:
        yield Conflict("loss", "with p and r both 0 % nothing ever changes", "give it one of them")
    if direction.ecn and not isinstance(direction.drop, Red | Codel):
        remedy = 'write drop = "red" or drop = "codel", or leave `ecn` out'
        yield Conflict("ecn", "only `red` and `codel` mark packets", remedy)
    if isinstance(direction.drop, Red):
        yield from _red(direction, direction.drop)


def congestion_conflict(transport: str, congestion: str) -> Conflict | None:
    """Why a link that is carried so cannot have this congestion control, if it cannot.

    What the kernel has is known to nobody but the kernel.
    """
    if transport != "quic" or congestion in QUIC_CONGESTION:
        return None
    known = alternatives(map(shown, QUIC_CONGESTION))
    message = f"{shown(congestion)} is no congestion control of QUIC links"
    return Conflict("congestion", message, f'write {known}, or transport = "tcp"')


def datagrams_conflict(transport: str, datagrams: bool) -> Conflict | None:
    """Why a link that is carried so cannot have datagrams, if it is to and cannot."""
    if transport == "quic" or not datagrams:
        return None
    message = f"only QUIC links have datagrams, and this one is carried by {transport}"
    return Conflict("datagrams", message, 'write transport = "quic" too, or datagrams = false')


def apart_conflict(transport: str) -> Conflict | None:
    """Why a link between two sites cannot be carried so, if it cannot."""
    if transport in ("auto", "quic", "tls"):
        return None
    why = {
        "memory": "memory does not reach from one site to another",
        "tcp": "what it carries over TCP between two sites, anybody on the way can read",
    }
    return Conflict("transport", why.get(transport, f"{transport} is not encrypted"), 'write "quic" or "tls"')


def thresholds(direction: Direction, red: Red) -> tuple[Threshold, Threshold]:
    """The thresholds of random early detection, where they are not given from each other or from the queue.

    A quarter of the queue, and a third of that: three times as far apart as Floyd and Jacobson ask for.
    """
    least, most = red.min, red.max
    if most is None and least is not None:
        most = Threshold(3 * least.number, least.unit)
    if most is None:
        limit = direction.queue.packets if direction.queue and direction.queue.packets else USUAL_PACKETS
        most = Threshold(max(3, limit // 4), "packets")
    if least is None:
        least = Threshold(max(1, most.number // 3), most.unit)
    return least, most


def _rate(direction: Direction, mtu: int) -> Iterator[Conflict]:
    limited = direction.rate is not None or direction.trace is not None
    if direction.rate is not None and direction.trace is not None:
        yield Conflict("trace", "a link has a rate or a trace of rates, not both", "keep one of the two")
    if direction.burst is not None and not limited:
        yield Conflict("burst", "a burst is nothing without a rate", 'write rate = "100 Mbit/s" too')
    if limited and direction.burst is not None and direction.burst < mtu:
        burst = format_size(direction.burst)
        message = f"{burst} is less than one packet of {mtu:,} bytes, which then never leaves"
        yield Conflict("burst", message, f"write at least {format_size(mtu)}, or leave `burst` out")
    if direction.queue is not None and direction.queue.time is not None and not limited:
        message = "a queue is so long only at a rate"
        yield Conflict("queue", message, 'write rate = "100 Mbit/s" too, or a limit as in "100 packets"')


def _order(direction: Direction) -> Iterator[Conflict]:
    jitter = direction.jitter
    if jitter is not None and jitter.amount > direction.delay and not jitter.reorder:
        amount, delay = format_time(jitter.amount), format_time(direction.delay)
        message = f"{amount} is more than the delay, {delay}: packets would arrive before they left"
        remedy = f'write a longer delay, or jitter = {{ amount = "{amount}", reorder = true }}'
        yield Conflict("jitter", message, remedy)
    if direction.reorder is not None and direction.delay == 0:
        message = "packets overtake others only where there is a delay"
        yield Conflict("reorder", message, 'write delay = "10 ms" too')


def _red(direction: Direction, red: Red) -> Iterator[Conflict]:
    if red.min is not None and red.max is not None and red.min.unit != red.max.unit:
        yield Conflict("drop", "`min` and `max` are in packets and bytes", "write both in the same unit")
        return
    least, most = thresholds(direction, red)
    if least.number >= most.number:
        message = f"`min`, {least.text()}, is not below `max`, {most.text()}"
        yield Conflict("drop", message, "write a larger `max`")
