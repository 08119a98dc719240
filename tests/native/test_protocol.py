"""The Rust types and their Python mirror agree: every control message survives the way through both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nextmini import _native
from nextmini.errors import ProtocolError
from nextmini.protocol import VERSION, Hello, decode, encode
from nextmini.protocol.messages import TYPES

GOLDEN = Path(__file__).parents[1] / "golden" / "control.json"
VECTORS: list[dict[str, Any]] = json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_both_sides_know_the_same_messages() -> None:
    assert set(_native.message_names()) == set(TYPES)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["name"]))
def test_a_golden_message_survives_the_native_codec(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["hex"])
    assert decode(_native.roundtrip(data)) == decode(data)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["name"]))
def test_both_sides_write_the_same_bytes(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["hex"])
    assert _native.roundtrip(data) == data == encode(decode(data))


@pytest.mark.parametrize("data", [b"", b"\xc1", bytes.fromhex("81a474797065a568756c6c6f")])
def test_both_sides_refuse_what_is_no_message(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(data)
    with pytest.raises(ValueError, match=r"."):
        _native.roundtrip(data)


def test_both_sides_ignore_unknown_fields() -> None:
    hello = encode(Hello(VERSION, 0, 9, "127.0.0.1:1"))
    extended = bytes([hello[0] + 1]) + hello[1:] + b"\xa6colour\xa4blue"
    assert decode(extended) == decode(_native.roundtrip(extended)) == decode(hello)
