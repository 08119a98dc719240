"""Requests for captures, and the blocks that come back."""

from __future__ import annotations

import struct

import msgpack  # type: ignore[import-untyped]
import pytest

from nextmini.errors import ProtocolError
from nextmini.protocol.capture import (
    BlockReader,
    CaptureRequest,
    Statistics,
    WantedLink,
    encode_request,
    kind_of,
    place_of,
    read_statistics,
    statistics_block,
)

# As the Rust side pins them too (rust/wire/src/pcapng.rs).
PACKET = bytes.fromhex(
    "06000000 3c000000 01000000 44332211 88776655 05000000 09000000 45010203 04000000"
    "01000400 6c6f7374 02000400 02000000 00000000 3c000000"
)
STATISTICS = bytes.fromhex(
    "05000000 34000000 03000000 44332211 88776655"
    "04000800 0201000000000000 05000800 0700000000000000 00000000 34000000"
)


def test_a_request_has_its_length_in_front() -> None:
    request = CaptureRequest(2**60, 96, (WantedLink(7, 1, "a-b", "from a to b"),))
    data = encode_request(request)
    assert struct.unpack_from(">I", data) == (len(data) - 4,)
    link = {"link": 7, "from": 1, "name": "a-b", "description": "from a to b"}
    assert msgpack.unpackb(data[4:]) == {"epoch_ns": 2**60, "kept": 96, "links": [link]}


def test_blocks_are_found_wherever_the_stream_is_cut() -> None:
    whole = PACKET + STATISTICS + PACKET
    for size in (1, 7, 59, 60, 61, len(whole)):
        reader = BlockReader()
        parts = [whole[at : at + size] for at in range(0, len(whole), size)]
        assert [block for part in parts for block in reader.feed(part)] == [PACKET, STATISTICS, PACKET]


def test_a_packet_has_a_time_and_an_interface() -> None:
    assert kind_of(PACKET) == "packet"
    assert place_of(PACKET) == (0x1122334455667788, 1)


def test_statistics_are_written_as_they_are_read() -> None:
    said = Statistics(3, 0x0102, 7)
    assert kind_of(STATISTICS) == "statistics"
    assert read_statistics(STATISTICS) == said
    assert statistics_block(said, 0x1122334455667788) == STATISTICS


@pytest.mark.parametrize(
    "length", [0, 8, 11, 13, 2**21], ids=["none", "short", "shorter", "uneven", "too long"]
)
def test_lengths_that_no_block_has_are_refused(length: int) -> None:
    with pytest.raises(ProtocolError, match=f"a block of {length} bytes"):
        BlockReader().feed(struct.pack("<II", 6, length))


def test_blocks_that_processes_do_not_write_are_refused() -> None:
    with pytest.raises(ProtocolError, match="type 4"):
        kind_of(struct.pack("<III", 4, 12, 12))
    with pytest.raises(ProtocolError, match="56 bytes"):
        read_statistics(STATISTICS + bytes(4))
    with pytest.raises(ProtocolError, match="options 9 and 5"):
        read_statistics(STATISTICS[:20] + b"\x09" + STATISTICS[21:])
