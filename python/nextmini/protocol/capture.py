"""What a dataplane process is asked to capture, and the file that comes back, block by block (pcapng).

The process answers a request with a whole capture file. Whoever merges several has to know no more of a block
than what kind it is and, of a packet, when it was seen and at which interface; what a packet is stays as the
process wrote it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

import msgpack  # type: ignore[import-untyped]

from nextmini.errors import ProtocolError

MOST_BLOCK_BYTES = 2**20
_SECTION, _INTERFACE, _STATISTICS, _PACKET = 0x0A0D0D0A, 1, 5, 6
_SEEN, _MISSED = 4, 5
# Type, length, interface, time in two halves; two options and the end of them; the length again.
_STATISTICS_BLOCK = struct.Struct("<IIIIIHHQHHQHHI")
_PACKET_HEAD = struct.Struct("<III")

Kind = Literal["section", "interface", "statistics", "packet"]

_KINDS: dict[int, Kind] = {
    _SECTION: "section",
    _INTERFACE: "interface",
    _STATISTICS: "statistics",
    _PACKET: "packet",
}


@dataclass(frozen=True, slots=True)
class WantedLink:
    """A link, and how its interface is called; packets that leave the node `from_node` are going out."""

    link: int
    from_node: int
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class CaptureRequest:
    """`epoch_ns`: when the monotonic clock was 0, since 1970; `kept`: of each packet, in bytes."""

    epoch_ns: int
    kept: int
    links: tuple[WantedLink, ...]


@dataclass(frozen=True, slots=True)
class Statistics:
    """How many packets passed an interface, and how many of them are not in the file."""

    interface: int
    seen: int
    missed: int


def encode_request(request: CaptureRequest) -> bytes:
    """The request as it is sent: its length, then MessagePack."""
    links = [
        {"link": one.link, "from": one.from_node, "name": one.name, "description": one.description}
        for one in request.links
    ]
    body: bytes = msgpack.packb({"epoch_ns": request.epoch_ns, "kept": request.kept, "links": links})
    return struct.pack(">I", len(body)) + body


class BlockReader:
    """Cuts a stream of bytes into blocks."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The blocks that are complete with `data`. Raises ProtocolError for what is none."""
        buffer = self._rest + data if self._rest else data
        at, blocks = 0, []
        while len(buffer) - at >= 8:
            length = int.from_bytes(buffer[at + 4 : at + 8], "little")
            if length < 12 or length % 4 or length > MOST_BLOCK_BYTES:
                raise ProtocolError(f"a block of {length} bytes in a capture file")
            if len(buffer) - at < length:
                break
            blocks.append(buffer[at : at + length])
            at += length
        self._rest = buffer[at:]
        return blocks


def kind_of(block: bytes) -> Kind:
    """What a block is. Raises ProtocolError for one that processes do not write."""
    kind = int.from_bytes(block[:4], "little")
    if kind not in _KINDS:
        raise ProtocolError(f"a block of type {kind} in a capture file")
    return _KINDS[kind]


def place_of(packet: bytes) -> tuple[int, int]:
    """When the packet of a block was seen, in nanoseconds since 1970, and the number of its interface."""
    interface, high, low = _PACKET_HEAD.unpack_from(packet, 8)
    return high << 32 | low, interface


def read_statistics(block: bytes) -> Statistics:
    """What a block of statistics says. Raises ProtocolError if it is not as processes write it."""
    if len(block) != _STATISTICS_BLOCK.size:
        raise ProtocolError(f"statistics of {len(block)} bytes in a capture file")
    _, _, interface, _, _, first, _, seen, second, _, missed, *_ = _STATISTICS_BLOCK.unpack(block)
    if (first, second) != (_SEEN, _MISSED):
        raise ProtocolError(f"statistics with the options {first} and {second} in a capture file")
    return Statistics(interface, seen, missed)


def statistics_block(said: Statistics, at: int) -> bytes:
    """The block that says it; `at` in nanoseconds since 1970."""
    size = _STATISTICS_BLOCK.size
    options = (_SEEN, 8, said.seen, _MISSED, 8, said.missed, 0, 0)
    return _STATISTICS_BLOCK.pack(
        _STATISTICS, size, said.interface, at >> 32, at & 0xFFFFFFFF, *options, size
    )
