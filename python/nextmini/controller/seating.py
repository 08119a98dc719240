"""Which process of its site a newcomer is: the first whose place is free. Pure."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from nextmini.errors import ProtocolError
from nextmini.protocol import Seat
from nextmini.scenario.wording import nearest, shown

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from nextmini.scenario.network import Site

NOTICED_SECONDS = 20
"""A connection whose other end has gone without a word is found out within this time."""


def seat_at(name: str, sites: Sequence[Site], taken: Collection[int]) -> Seat:
    """The place of a process that joins the site of this name. Raises ProtocolError if there is none."""
    if not sites:
        raise ProtocolError("this experiment has no sites", "say which process it is with --process")
    site = next((site for site in sites if site.name == name), None)
    if site is None:
        names = [site.name for site in sites]
        meant = nearest(name, names)
        remedy = f"did you mean {shown(meant)}?" if meant else f"the sites are {', '.join(names)}"
        raise ProtocolError(f"there is no site {shown(name)}", remedy)
    for process in range(site.first, site.first + site.processes):
        if process not in taken:
            return Seat(process, _anywhere(site), site.ports)
    all_of_them = "its process is" if site.processes == 1 else f"all its {site.processes} processes are"
    raise ProtocolError(
        f"nobody is missing at the site {name}: {all_of_them} connected",
        f"end one first; one that was cut off is noticed within {NOTICED_SECONDS} seconds",
    )


def check_public(public: str | None) -> None:
    """Raises ProtocolError if what a process calls its public address is none."""
    try:
        if public is not None:
            ip_address(public)
    except ValueError:
        raise ProtocolError(
            f"{shown(public)} is not an IP address", "write it as in --public 192.0.2.7"
        ) from None


def _anywhere(site: Site) -> str:
    """Every address of a machine, of the family in which the site is reached."""
    known = site.public or site.private
    return "::" if known is not None and ip_address(known).version == 6 else "0.0.0.0"  # noqa: S104
