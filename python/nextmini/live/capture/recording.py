"""From packets as they come to a file that has them in order."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nextmini.errors import NextminiError
from nextmini.live.capture.merging import Merger
from nextmini.live.capture.output import ReaderGone
from nextmini.protocol.capture import place_of, statistics_block

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nextmini.live.capture.output import Output
    from nextmini.protocol.capture import Statistics

Reason = Literal["count", "duration", "interrupt", "reader", "experiment", "failure"]


@dataclass(frozen=True, slots=True)
class Clock:
    """The time by which packets are stamped; `epoch_ns` as in the request."""

    epoch_ns: int

    def now_ns(self) -> int:
        """Nanoseconds since 1970."""
        return self.epoch_ns + time.monotonic_ns()


class Recording:
    """A file that is being written; when it is to end, `over` is set, and `reason` says why."""

    def __init__(self, output: Output, interfaces: int, clock: Clock, most: int | None) -> None:
        """`most`: packets after which it ends."""
        self.packets = [0] * interfaces
        """In the file, by interface."""
        self.over = asyncio.Event()
        self.reason: Reason | None = None
        self.failure: NextminiError | None = None
        self._output = output
        self._clock = clock
        self._left = most
        self._merger = Merger()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._statistics: list[Statistics] | None = None
        self._broken = False

    def stop(self, reason: Reason) -> None:
        """It is to end; the first reason counts."""
        if self.reason is None:
            self.reason = reason
        self.over.set()

    def fail(self, failure: NextminiError) -> None:
        """It cannot go on."""
        self.failure = self.failure or failure
        self.stop("failure")

    def add(self, packet: bytes) -> None:
        """Takes the block of a packet."""
        was_empty = self._merger.due_ns() is None
        self._merger.add(packet)
        if was_empty or self._merger.is_full:
            self._news.set()

    async def until_room(self) -> None:
        """Returns when there is room for more packets."""
        while self._merger.is_full:
            self._room.clear()
            await self._room.wait()

    def end(self, statistics: Iterable[Statistics]) -> None:
        """All packets are there: makes `write` return when they are written, and `statistics` behind them."""
        self._statistics = list(statistics)
        self._news.set()

    async def write(self, header: Sequence[bytes]) -> None:
        """Writes `header`, and packets before which nothing can come any more, until the end."""
        await self._write(header)
        while self._statistics is None:
            await self._until_due()
            await self._write_packets(self._merger.take(self._clock.now_ns()))
        await self._write_packets(self._merger.take_all())
        at = self._clock.now_ns()
        await self._write([statistics_block(one, at) for one in self._statistics])

    async def _until_due(self) -> None:
        due = self._merger.due_ns()
        with suppress(TimeoutError):
            async with asyncio.timeout(None if due is None else (due - self._clock.now_ns()) / 1e9):
                await self._news.wait()
        self._news.clear()

    async def _write_packets(self, packets: list[bytes]) -> None:
        if self._left is not None:
            packets = packets[: self._left]
            self._left -= len(packets)
            if self._left == 0:
                self.stop("count")
        await self._write(packets)
        if not self._broken:
            for packet in packets:
                self.packets[place_of(packet)[1]] += 1
        self._room.set()

    async def _write(self, blocks: Sequence[bytes]) -> None:
        if self._broken or not blocks:
            return
        self._broken = True  # unless it returns: behind a part of a block nothing can be read
        try:
            await self._output.write(b"".join(blocks))
        except ReaderGone:
            self.stop("reader")
        except NextminiError as error:
            self.fail(error)
        else:
            self._broken = False
