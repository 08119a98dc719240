"""What becomes of packets between processes and a file."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import struct
import sys
import time
from typing import TYPE_CHECKING

import pytest

from nextmini.errors import RunError
from nextmini.live.capture import recording
from nextmini.live.capture.links import all_captured, captured, pair, request
from nextmini.live.capture.merging import Merger
from nextmini.live.capture.output import Output, ReaderGone, opened
from nextmini.live.capture.recording import Clock, Recording
from nextmini.live.choice import LiveError
from nextmini.protocol.capture import Statistics, statistics_block
from nextmini.scenario import loads, resolve
from nextmini.store import Desired

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(30)

SECOND = 10**9
HEADER = [b"header"]


def packet(at: int, interface: int = 0, size: int = 32) -> bytes:
    head = struct.pack("<IIIII", 6, size, interface, at >> 32, at & 0xFFFFFFFF)
    return head.ljust(size - 4, b"\0") + struct.pack("<I", size)


def test_packets_go_on_in_order_when_nothing_can_come_before_them() -> None:
    merger = Merger(window_ns=10)
    assert merger.due_ns() is None
    for at in (105, 100, 103):
        merger.add(packet(at))
    assert merger.due_ns() == 110
    assert merger.take(109) == []
    assert merger.take(113) == [packet(100), packet(103)]
    merger.add(packet(101))
    assert merger.take_all() == [packet(101), packet(105)]
    assert merger.due_ns() is None


def test_those_of_the_same_moment_stay_as_they_came() -> None:
    merger = Merger(window_ns=0)
    same = [packet(7, interface) for interface in (3, 1, 2)]
    for one in same:
        merger.add(one)
    assert merger.take(7) == same


def test_too_many_do_not_wait() -> None:
    merger = Merger(window_ns=10, most_bytes=100)
    for at in range(4):
        merger.add(packet(at))
    assert merger.is_full
    assert merger.take(0) == [packet(0)]
    assert not merger.is_full


class Pipe(Output):
    """What was written, until it breaks."""

    def __init__(self, breaks: Exception | None = None) -> None:
        self.written: list[bytes] = []
        self._breaks = breaks

    async def write(self, data: bytes) -> None:
        if self._breaks and self.written:
            raise self._breaks
        self.written.append(data)


@pytest.mark.asyncio
async def test_a_file_has_the_header_the_packets_and_how_many_there_were() -> None:
    output, clock = Pipe(), Clock(5 * SECOND)
    record = Recording(output, 2, clock, None)
    writing = asyncio.create_task(record.write(HEADER))
    early, late = packet(clock.now_ns() - SECOND, 1), packet(clock.now_ns() + 900 * SECOND)
    for one in (late, early):
        record.add(one)
    statistics = [Statistics(0, 9, 8), Statistics(1, 1, 0)]
    record.end(statistics)
    await writing
    whole = b"".join(output.written)
    assert whole.startswith(b"header" + early + late)
    at_end = [statistics_block(one, 0)[20:] for one in statistics]
    assert [whole[-84:-52], whole[-32:]] == at_end
    assert (record.packets, record.reason, record.failure) == ([1, 1], None, None)


@pytest.mark.asyncio
async def test_packets_are_written_when_their_time_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "Merger", lambda: Merger(window_ns=1))
    output, clock = Pipe(), Clock(0)
    record = Recording(output, 1, clock, 2)
    writing = asyncio.create_task(record.write(HEADER))
    for at in range(3):
        record.add(packet(time.monotonic_ns() + at))
    await record.over.wait()
    assert record.reason == "count"
    record.end([])
    await writing
    assert record.packets == [2]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("breaks", "reason"), [(ReaderGone(), "reader"), (RunError("the disk is full"), "failure")]
)
async def test_a_file_that_cannot_be_written_ends_it(breaks: Exception, reason: str) -> None:
    output = Pipe(breaks)
    record = Recording(output, 1, Clock(0), None)
    writing = asyncio.create_task(record.write(HEADER))
    record.add(packet(0))
    await record.over.wait()
    for at in range(100):
        record.add(packet(at))
        await record.until_room()
    record.end([Statistics(0, 1, 0)])
    await writing
    assert (record.reason, record.packets, output.written) == (reason, [0], HEADER)
    assert record.failure is (breaks if reason == "failure" else None)


@pytest.mark.asyncio
async def test_a_pipe_that_is_full_is_waited_for_and_one_that_is_closed_is_an_end() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    size = fcntl.fcntl(writing, fcntl.F_GETPIPE_SZ)
    task = asyncio.create_task(Output("pipe", writing).write(bytes(2 * size)))
    assert len(await asyncio.to_thread(_read, reading, 2 * size)) == 2 * size
    await task
    os.close(reading)
    with pytest.raises(ReaderGone):
        await Output("pipe", writing).write(b"more")
    os.close(writing)


def _read(descriptor: int, size: int) -> bytes:
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        return file.read(size)


@pytest.mark.asyncio
async def test_a_full_disk_leaves_what_was_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"of an earlier capture")
    write = os.write

    def until_full(descriptor: int, data: memoryview) -> int:
        room = 8 - os.fstat(descriptor).st_size
        if room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data[:room])

    monkeypatch.setattr(os, "write", until_full)
    with opened(str(path)) as output:
        await output.write(b"whole")
        with pytest.raises(RunError, match="No space left on device; the packets until then are in it"):
            await output.write(b"partly")
    assert path.read_bytes() == b"whole"


def test_a_file_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "no" / "folder"):
        with pytest.raises(LiveError, match="cannot be written"), opened(str(path)):
            pass


@pytest.mark.asyncio
async def test_standard_output_is_as_it_was_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "out").open("w") as file:
        monkeypatch.setattr(sys, "stdout", file)
        with opened("-") as output:
            assert not os.get_blocking(file.fileno())
            await output.write(b"whole")
        assert os.get_blocking(file.fileno())
    assert (tmp_path / "out").read_bytes() == b"whole"


NETWORK = resolve(
    loads("""
[experiment]
name = "lab"
processes = 2
[topology]
kind = "line"
nodes = 4
""")
)
DESIRED = Desired(
    nodes={node.id: node for node in NETWORK.nodes}, links={link.id: link for link in NETWORK.links}
)


def test_links_are_called_as_they_were_named_and_each_is_there_once() -> None:
    links = captured(DESIRED, [("n3", "n2"), ("n1", "n2"), ("n2", "n3")])
    assert [str(link) for link in links] == ["n3-n2", "n1-n2"]
    wanted = request(links, 96, "lab")
    first = DESIRED.nodes[wanted.links[0].from_node]
    assert (wanted.kept, wanted.links[0].name, first.name) == (96, "n3-n2", "n3")
    assert wanted.links[0].description == "link n3 - n2 of lab; outbound: from n3 to n2"
    assert abs(wanted.epoch_ns + time.monotonic_ns() - time.time_ns()) < SECOND
    assert len(all_captured(DESIRED)) == 3
    assert frozenset().union(*(link.processes for link in all_captured(DESIRED))) == {0, 1}


def test_a_link_that_is_not_there_is_refused() -> None:
    with pytest.raises(LiveError, match="there is no link between n1 and n3; n1 has links to n2"):
        captured(DESIRED, [("n1", "n3")])
    with pytest.raises(LiveError, match="no links"):
        all_captured(Desired())


def test_a_link_is_named_by_its_two_ends() -> None:
    assert pair("a, b") == ("a", "b")
    for word in ("a", "a,", ",b", "a,b,c", "a-b"):
        with pytest.raises(LiveError, match="is no link"):
            pair(word)
