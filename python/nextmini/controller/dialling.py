"""Who connects for a link between two processes, and to which address. Pure.

Inside a site the process of end `a` connects, to the address that is for inside. Between two sites it does
too if it can: a site that publishes no address is reached by nobody, so it connects itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from nextmini.scenario.network import Site


@dataclass(frozen=True, slots=True)
class Reach:
    """Where links of a process arrive, as "host:port": from its own site, and from others if they can."""

    inside: str
    outside: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """The end that connects, and where to; None while that is not known."""

    dialler: Literal["a", "b"]
    address: str | None


@dataclass(frozen=True, slots=True)
class NoCall:
    """Neither end can: why."""

    reason: str


NEITHER_REACHED = "neither of its sites has an address that the other one reaches"


def reach_of(listen: str, public: str | None, site: Site | None) -> Reach:
    """Of a process that listens at `listen`; `public` is what it says itself of its address for others."""
    host, _, port = listen.rpartition(":")
    if site is None:
        return Reach(listen)
    address = ip_address(host.strip("[]"))
    inside = listen
    if address.is_unspecified:
        loopback = "127.0.0.1" if address.version == 4 else "::1"
        inside = _at(site.private or loopback, port)
    known = public or site.public
    return Reach(inside, None if known is None else _at(known, port))


def call(a: Reach | None, b: Reach | None, *, apart: bool) -> Call | NoCall | None:
    """Who connects, of the ends of a link that are `apart` (in two sites) or not.

    None is not known yet: of two sites, both have to be there.
    """
    if not apart:
        return Call("a", None if b is None else b.inside)
    if a is None or b is None:
        return None
    if b.outside is not None:
        return Call("a", b.outside)
    if a.outside is not None:
        return Call("b", a.outside)
    return NoCall(NEITHER_REACHED)


def _at(host: str, port: str) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
