from __future__ import annotations

import pytest

from nextmini.hosts.echo import Answer, answer, request

IDENTITY, NUMBER, STAMP = 0x1234, 7, 1_700_000_000_000_000_123
IP = bytes([0x45, 0, 0, 84, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1])
IP_WITH_OPTIONS = bytes([0x46]) + IP[1:] + bytes(4)


def reply() -> bytes:
    return b"\x00" + request(IDENTITY, NUMBER, STAMP)[1:]


def test_a_request_is_64_bytes_and_adds_up() -> None:
    packet = request(IDENTITY, NUMBER, STAMP)
    assert packet[:2] == b"\x08\x00"
    assert packet[4:8] == b"\x12\x34\x00\x07"
    assert len(packet) == 64
    total = sum(int.from_bytes(packet[at : at + 2]) for at in range(0, 64, 2))
    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF


@pytest.mark.parametrize("header", [IP, IP_WITH_OPTIONS])
def test_a_reply_brings_the_stamp_back(header: bytes) -> None:
    assert answer(header + reply(), IDENTITY) == Answer(NUMBER, STAMP)


@pytest.mark.parametrize("kind", [3, 11])
def test_an_error_names_the_request_that_it_is_about(kind: int) -> None:
    quoted = IP + request(IDENTITY, NUMBER, STAMP)[:8]
    assert answer(IP + bytes([kind, 1, 0, 0, 0, 0, 0, 0]) + quoted, IDENTITY) == Answer(NUMBER, None)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        IP,
        IP + b"\x00",
        bytes([0x65]) + IP[1:] + reply(),
        IP + request(IDENTITY, NUMBER, STAMP),
        IP + reply()[:12],
        IP + bytes([3, 1, 0, 0, 0, 0, 0, 0]),
        IP + bytes([3, 1, 0, 0, 0, 0, 0, 0]) + IP + reply(),
    ],
    ids=[
        "empty",
        "no message",
        "cut off",
        "not version 4",
        "a request",
        "no stamp",
        "no quotation",
        "of a reply",
    ],
)
def test_others_are_not_for_us(packet: bytes) -> None:
    assert answer(packet, IDENTITY) is None


def test_others_requests_are_theirs() -> None:
    assert answer(IP + reply(), IDENTITY + 1) is None
    quoted = IP + request(IDENTITY, NUMBER, STAMP)[:8]
    assert answer(IP + bytes([3, 1, 0, 0, 0, 0, 0, 0]) + quoted, IDENTITY + 1) is None
