"""One capture, from the processes that see packets to the file that has them."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from nextmini.errors import NextminiError, ProtocolError, RunError
from nextmini.experiment.interrupt import Interrupted
from nextmini.live.capture.recording import Clock, Reason, Recording
from nextmini.live.capture.stream import ProcessStream
from nextmini.protocol.capture import Statistics, kind_of, place_of, read_statistics

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nextmini.experiment import Interrupt
    from nextmini.live.capture.output import Output
    from nextmini.protocol.capture import CaptureRequest

REST_SECONDS = 10.0
"""How long processes may take to say the rest."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a capture ends by itself: after so many packets, or so many seconds."""

    packets: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted, the processes that have it, and the folder of their experiment."""

    folder: Path
    request: CaptureRequest
    processes: frozenset[int]


@dataclass(frozen=True, slots=True)
class Captured:
    """Packets by interface, in the file and missed; `unsaid`: processes that did not say what they missed."""

    reason: Reason
    packets: list[int]
    missed: list[int]
    unsaid: list[int]


async def capture(
    asked: Asked, output: Output, limits: Limits, interrupt: Interrupt, began: Callable[[], None]
) -> Captured:
    """Captures until a limit is reached, the experiment ends, nobody reads, or `interrupt` is requested.

    `began` is called when all processes show packets. Raises RunError, ProtocolError, and Interrupted if it
    has not begun.
    """
    async with AsyncExitStack() as stack:
        streams: dict[int, ProcessStream] = {}
        for process in sorted(asked.processes):
            opening = ProcessStream.open(asked.folder, process, asked.request)
            streams[process] = stream = await interrupt.guard(opening)
            stack.callback(stream.close)
        interfaces = len(asked.request.links)
        recording = Recording(output, interfaces, Clock(asked.request.epoch_ns), limits.packets)
        return await Capture(streams, recording, interfaces).run(limits.seconds, interrupt, began)


class Capture:
    """Processes that show packets, and the file that they go to."""

    def __init__(self, streams: dict[int, ProcessStream], recording: Recording, interfaces: int) -> None:
        self._streams = streams
        self._recording = recording
        self._missed = [0] * interfaces
        self._seen = [0] * interfaces
        self._unsaid = set(streams)

    async def run(self, seconds: float | None, interrupt: Interrupt, began: Callable[[], None]) -> Captured:
        """See `capture`."""
        recording = self._recording
        reading = asyncio.create_task(self._read_all())
        writing = asyncio.create_task(recording.write(next(iter(self._streams.values())).header))
        tasks = (reading, writing)
        for task in tasks:
            task.add_done_callback(lambda _: recording.stop("experiment"))
        try:
            began()
            await self._until_over(seconds, interrupt)
            for stream in self._streams.values():
                stream.end()
            await interrupt.unless_hastened(_finished(reading), REST_SECONDS)
            recording.end(map(Statistics, count(), self._seen, self._missed))
            if not await interrupt.unless_hastened(_finished(writing), REST_SECONDS):
                recording.fail(RunError("the last packets could not be written: nobody took them"))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            if not task.cancelled():
                task.result()
        if recording.failure is not None:
            raise recording.failure
        reason = recording.reason or "interrupt"
        return Captured(reason, recording.packets, self._missed, sorted(self._unsaid))

    async def _until_over(self, seconds: float | None, interrupt: Interrupt) -> None:
        try:
            async with asyncio.timeout(seconds):
                await interrupt.guard(self._recording.over.wait())
        except TimeoutError:
            self._recording.stop("duration")
        except Interrupted:
            self._recording.stop("interrupt")

    async def _read_all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for process, stream in self._streams.items():
                group.create_task(self._read(process, stream))

    async def _read(self, process: int, stream: ProcessStream) -> None:
        try:
            async for blocks in stream.blocks():
                for block in blocks:
                    self._take(process, block)
                await self._recording.until_room()
        except NextminiError as error:
            self._recording.fail(error)

    def _take(self, process: int, block: bytes) -> None:
        match kind_of(block):
            case "packet":
                self._check(place_of(block)[1])
                self._recording.add(block)
            case "statistics":
                said = read_statistics(block)
                self._check(said.interface)
                self._seen[said.interface] += said.seen
                self._missed[said.interface] += said.missed
                self._unsaid.discard(process)
            case kind:
                raise ProtocolError(f"dataplane process {process} sends a {kind} in the middle of a capture")

    def _check(self, interface: int) -> None:
        if interface >= len(self._seen):
            raise ProtocolError(f"a packet of interface {interface} in a capture of {len(self._seen)}")


async def _finished(task: asyncio.Task[None]) -> None:
    await asyncio.wait([task])
