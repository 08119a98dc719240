"""Processes of sites: which of them a newcomer is, and what becomes of those that do not come."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from nextmini.controller.actual import Missing
from nextmini.controller.joining import absent, awaited
from nextmini.controller.seating import seat_at
from nextmini.scenario.network import site_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from nextmini.controller.actual import Actual
    from nextmini.protocol import Join, Seat
    from nextmini.scenario.network import Site

log = logging.getLogger(__name__)


class Attendance:
    """Keeps an eye on the processes that somebody starts elsewhere."""

    def __init__(
        self,
        sites: tuple[Site, ...],
        actual: Actual,
        command: Callable[[str], str],
        given_up: Callable[[Iterable[int], str], None],
    ) -> None:
        """`command` is what to run at the site of a name; `given_up` is told of processes that did not come
        while their site was waited for, and what to say of what needs them.
        """
        self._sites = sites
        self._actual = actual
        self._command = command
        self._given_up = given_up
        self._expected = {process for site in sites for process in site.process_range}
        self._seats: set[int] = set()
        """Who somebody has been told to be, and has not said yet that he is."""
        self._timers: list[asyncio.TimerHandle] = []

    def begin(self) -> None:
        """Waits for everybody from now on."""
        loop = asyncio.get_running_loop()
        for site in self._sites:
            for process in self._expected.intersection(site.process_range):
                self._actual.missing(process, Missing("pending", awaited(site)))
            self._timers.append(loop.call_later(site.patience, self._miss, site))

    def end(self) -> None:
        """Waits for nobody any more."""
        for timer in self._timers:
            timer.cancel()

    def seat(self, join: Join, connected: Collection[int]) -> Seat:
        """Which process of its site one is, kept free for it until `unseat`.

        Raises ProtocolError if nobody is missing there.
        """
        seat = seat_at(join.site, self._sites, self._seats.union(connected))
        self._seats.add(seat.process)
        return seat

    def unseat(self, seat: Seat) -> None:
        """Whoever was to be this process is, or does not come."""
        self._seats.discard(seat.process)

    def came(self, process: int) -> bool:
        """A process is there; returns whether it has been missing until now."""
        if process not in self._expected:
            return False
        self._expected.discard(process)
        site = site_of(process, self._sites)
        log.info("the site %s has joined with process %d", site.name if site else "?", process)
        return True

    def _miss(self, site: Site) -> None:
        missing = self._expected.intersection(site.process_range)
        if not missing:
            return
        reason = absent(site, len(missing))
        remedy = f"{reason}; there, run: {self._command(site.name)}"
        log.error("%s", remedy)
        for process in missing:
            self._actual.missing(process, Missing("failed", reason))
        self._given_up(missing, remedy)
