"""ICMP echo over IPv4: requests as bytes, and what comes back of them. Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass

REPLY, UNREACHABLE, EXCEEDED = 0, 3, 11
"""Types of messages that may come back."""

_REQUEST = 8
_HEADER = struct.Struct("!BBHHH")
_STAMP = struct.Struct("!Q")
_DATA_BYTES = 56
"""As those of ping, which make 64 bytes with the header."""
_LEAST_IP = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back of request `number`: `sent` is the request's own stamp, None of one that got nowhere."""

    number: int
    sent: int | None


def request(identity: int, number: int, stamp: int) -> bytes:
    """An echo request; `stamp` (64 bits) comes back with the reply."""
    data = _STAMP.pack(stamp) + bytes(_DATA_BYTES - _STAMP.size)
    bare = _HEADER.pack(_REQUEST, 0, 0, identity, number) + data
    return _HEADER.pack(_REQUEST, 0, _checksum(bare), identity, number) + data


def answer(packet: bytes, identity: int) -> Answer | None:
    """What a packet, with its IP header, says of a request with this identity; None if it is of others."""
    message = _inside_ip(packet)
    if message is None:
        return None
    kind, _, _, whose, number = _HEADER.unpack_from(message)
    if kind == REPLY:
        if whose != identity or len(message) < _HEADER.size + _STAMP.size:
            return None
        return Answer(number, _STAMP.unpack_from(message, _HEADER.size)[0])
    if kind not in (UNREACHABLE, EXCEEDED):
        return None
    # It quotes the packet that it is about.
    quoted = _inside_ip(message[_HEADER.size :])
    if quoted is None:
        return None
    kind, _, _, whose, number = _HEADER.unpack_from(quoted)
    return Answer(number, None) if (kind, whose) == (_REQUEST, identity) else None


def _inside_ip(packet: bytes) -> bytes | None:
    """What an IPv4 packet carries, if that can be an ICMP message."""
    if len(packet) < _LEAST_IP or packet[0] >> 4 != 4:
        return None
    inside = packet[(packet[0] & 15) * 4 :]
    return inside if len(inside) >= _HEADER.size else None


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF
