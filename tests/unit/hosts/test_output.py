"""What programs write, on its way into their logs."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from nextmini.hosts.output import Output

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize(
    ("pieces", "heard"),
    [
        ([b"it is up\n"], True),
        ([b"it i", b"s", b" up"], True),
        ([b"it is\nup"], False),
        ([b"x" * 100_000, b"xxit is up"], True),
        ([b"it is u", b"it is u"], False),
        ([], False),
    ],
)
async def test_a_text_is_heard_wherever_it_is_cut(tmp_path: Path, pieces: list[bytes], heard: bool) -> None:
    log = tmp_path / "log"
    output = Output(log, "is up")
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(output.writer, rest[:4096]) :]
            output.read()
    assert output.heard.is_set() == heard
    output.given()
    output.close()
    assert log.read_bytes() == b"".join(pieces)


async def test_it_is_read_as_it_comes_and_to_its_end(tmp_path: Path) -> None:
    output = Output(tmp_path / "log", "é")
    os.write(output.writer, "é".encode())
    async with asyncio.timeout(10):
        await output.heard.wait()
    output.read()  # there is nothing, and nobody waits for it
    os.write(output.writer, b"last words")
    output.given()
    output.read()
    output.read()
    output.close()
    assert (tmp_path / "log").read_text() == "élast words"
    output.read()


async def test_a_full_disk_holds_up_nobody() -> None:
    output = Output(Path("/dev/full"), "up")
    os.write(output.writer, b"it is up\n")
    output.read()
    assert output.heard.is_set()
    assert output.flaw == "No space left on device"
    output.given()
    output.close()
