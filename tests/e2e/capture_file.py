"""A reader of pcapng files, by the draft (draft-ietf-opsawg-pcapng) and by nothing that Nextmini knows."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from ipaddress import IPv4Address

SECTION, INTERFACE, STATISTICS, PACKET = 0x0A0D0D0A, 1, 5, 6
RAW = 101
COMMENT, NAME, FLAGS, RESOLUTION, MISSED = 1, 2, 2, 9, 5


@dataclass(frozen=True)
class Packet:
    link: str
    seconds: float
    way: str
    length: int
    data: bytes
    comment: str

    @property
    def protocol(self) -> int:
        return self.data[9]

    @property
    def source(self) -> str:
        return str(IPv4Address(self.data[12:16]))

    @property
    def destination(self) -> str:
        return str(IPv4Address(self.data[16:20]))


@dataclass
class CaptureFile:
    """What is in a file, all of which must be whole."""

    links: list[str] = field(default_factory=list)
    packets: list[Packet] = field(default_factory=list)
    missed: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, data: bytes) -> CaptureFile:
        found = cls()
        for number, (kind, body) in enumerate(blocks(data)):
            assert (kind == SECTION) == (number == 0)
            match kind:
                case 0x0A0D0D0A:
                    assert struct.unpack_from("<IHH", body) == (0x1A2B3C4D, 1, 0)
                case 1:
                    assert struct.unpack_from("<H", body)[0] == RAW
                    said = options(body[8:])
                    assert said[RESOLUTION] == b"\x09"
                    found.links.append(said[NAME].decode())
                case 5:
                    link = found.links[struct.unpack_from("<I", body)[0]]
                    (found.missed[link],) = struct.unpack("<Q", options(body[12:])[MISSED])
                case 6:
                    found.packets.append(found._packet(body))
                case _:
                    raise AssertionError(f"a block of type {kind}")
        return found

    def of(self, link: str, comment: str = "") -> list[Packet]:
        """The packets of a link that bear this comment."""
        return [packet for packet in self.packets if (packet.link, packet.comment) == (link, comment)]

    def _packet(self, body: bytes) -> Packet:
        interface, high, low, kept, length = struct.unpack_from("<IIIII", body)
        said = options(body[20 + (kept + 3) // 4 * 4 :])
        (flags,) = struct.unpack("<I", said[FLAGS])
        return Packet(
            link=self.links[interface],
            seconds=(high << 32 | low) / 1e9,
            way={1: "in", 2: "out"}[flags],
            length=length,
            data=body[20 : 20 + kept],
            comment=said.get(COMMENT, b"").decode(),
        )


def blocks(data: bytes) -> list[tuple[int, bytes]]:
    """Type and body of each block."""
    found, at = [], 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert struct.unpack_from("<I", data, at + length - 4) == (length,)
        found.append((kind, data[at + 8 : at + length - 4]))
        at += length
    return found


def options(data: bytes) -> dict[int, bytes]:
    """The options that a body ends with."""
    found: dict[int, bytes] = {}
    at = 0
    while True:
        code, length = struct.unpack_from("<HH", data, at)
        if code == 0:
            return found
        found[code] = data[at + 4 : at + 4 + length]
        at += 4 + (length + 3) // 4 * 4
