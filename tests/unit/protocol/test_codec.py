"""The codec: golden vectors, tolerance where the protocol promises it, refusal everywhere else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]
import pytest

from nextmini.errors import ProtocolError
from nextmini.protocol import (
    Applied,
    Apply,
    ArrivalRecord,
    FlowRecord,
    FlowState,
    Hello,
    LinkState,
    decode,
    encode,
    plain,
)
from nextmini.protocol.messages import TYPES

GOLDEN = Path(__file__).parents[2] / "golden" / "control.json"
VECTORS: list[dict[str, Any]] = json.loads(GOLDEN.read_text(encoding="utf-8"))


def message_of(name: str) -> dict[str, Any]:
    """The message of a golden vector."""
    return next(dict(vector["message"]) for vector in VECTORS if vector["name"] == name)


HELLO = {"type": "hello", "version": 2, "process": 0, "pid": 9, "listen": "127.0.0.1:1", "instance": 0}
APPLY = message_of("apply-nothing")
FLOW = message_of("apply")["flows"][0]


def packed(document: object) -> bytes:
    data = msgpack.packb(document)
    assert isinstance(data, bytes)
    return data


def test_the_golden_vectors_cover_every_message_type() -> None:
    assert {vector["message"]["type"] for vector in VECTORS} == set(TYPES)
    assert len({vector["name"] for vector in VECTORS}) == len(VECTORS)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["name"]))
def test_golden_vector(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["hex"])
    message = decode(data)
    assert type(message) is TYPES[vector["message"]["type"]]
    assert {"type": vector["message"]["type"], **as_map(plain(message))} == vector["message"]
    assert encode(message) == data
    assert decode(packed(vector["message"])) == message


def as_map(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return value


def test_unknown_fields_are_ignored() -> None:
    assert decode(packed({**HELLO, "colour": "blue"})) == Hello(2, 0, 9, "127.0.0.1:1")
    change = {"link": 1, "state": "up", "reason": None, "since": 4}
    assert decode(packed({"type": "link_state", "changes": [change], "n": 1})) == decode(
        packed({"type": "link_state", "changes": [{"link": 1, "state": "up"}]})
    )


def test_an_absent_optional_field_reads_as_null() -> None:
    message = decode(packed({"type": "link_state", "changes": [{"link": 1, "state": "up"}]}))
    assert isinstance(message, LinkState)
    assert message.changes[0].reason is None
    written = msgpack.unpackb(encode(message))
    assert written["changes"] == [{"link": 1, "state": "up", "reason": None}]


def test_a_whole_number_in_a_float_field_is_written_as_a_float() -> None:
    flow = FlowRecord(1, 1, 2, "lossless", None, 5, None, 1, 0)
    written = msgpack.unpackb(encode(Apply(1, flows=(flow,))))["flows"][0]
    assert type(written["duration"]) is float
    assert type(written["start"]) is float
    assert type(written["weight"]) is int
    assert isinstance(decode(encode(Apply(1, flows=(flow,)))), Apply)


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ([1, 2], "a control message is a map, not a list"),
        ({"process": 1}, "unknown message type None"),
        ({"type": "hullo"}, "unknown message type 'hullo'"),
        ({"type": ["hello"]}, "unknown message type ['hello']"),
        (
            {"type": "hello", "version": 2, "process": 0, "pid": 9},
            "hello.listen: expected a string, got null",
        ),
        ({**HELLO, "pid": True}, "hello.pid: expected a whole number"),
        ({**HELLO, "pid": -1}, "hello.pid: expected a whole number"),
        ({**HELLO, "pid": 1.0}, "hello.pid: expected a whole number"),
        (
            {"type": "applied", "generation": 1, "rejected": {}},
            "applied.rejected: expected a list, got a map",
        ),
        (
            {"type": "applied", "generation": 1, "rejected": [{"kind": "lnk", "id": 1, "reason": ""}]},
            "applied.rejected.kind: expected one of node, link, route, flow, got 'lnk'",
        ),
        ({"type": "routes_wanted", "pairs": [[1, 2, 3]]}, "routes_wanted.pairs: expected a list of 2"),
        ({"type": "link_state", "changes": [7]}, "link_state.changes: expected a map, got int"),
        (
            {**APPLY, "flows": [{**FLOW, "arrival": {"process": "pareto"}}]},
            "apply.flows.arrival.process: expected one of constant, poisson, on_off, got 'pareto'",
        ),
        (
            {**APPLY, "flows": [{**FLOW, "arrival": {"process": "on_off", "on_ns": 5}}]},
            "apply.flows.arrival.off_ns: is missing",
        ),
        (
            {**APPLY, "flows": [{**FLOW, "arrival": "constant"}]},
            "apply.flows.arrival: expected a map, got a string",
        ),
    ],
)
def test_refused(document: object, complaint: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode(packed(document))
    assert complaint in str(caught.value)


def test_a_record_of_a_kind_has_the_fields_of_that_kind_only() -> None:
    flow = FlowRecord(1, 1, 2, "udp", None, 5.0, 10, 1, 0.0, 100, ArrivalRecord("on_off", on_ns=1, off_ns=2))
    written = msgpack.unpackb(encode(Apply(1, flows=(flow,))))["flows"][0]
    assert written["arrival"] == {"process": "on_off", "on_ns": 1, "off_ns": 2}
    assert decode(encode(Apply(1, flows=(flow,)))) == Apply(1, flows=(flow,))
    surplus = {**FLOW, "arrival": {"process": "constant", "on_ns": 5}}
    message = decode(packed({**APPLY, "flows": [surplus]}))
    assert isinstance(message, Apply)
    assert message.flows[0].arrival == ArrivalRecord("constant")


def test_a_process_that_knows_no_tcp_flows_is_understood() -> None:
    old = {name: value for name, value in FLOW.items() if name != "congestion"}
    message = decode(packed({**APPLY, "flows": [old]}))
    assert isinstance(message, Apply)
    assert message.flows[0].congestion is None


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -1.0, "1", None])
def test_seconds_that_are_no_duration_are_refused(seconds: object) -> None:
    counts = dict.fromkeys(("bytes", "retransmitted", "reordered", "timeouts"), 0)
    change = {"flow": 1, "end": "sink", "status": "running", **counts}
    good = decode(packed({"type": "flow_state", "changes": [{**change, "seconds": 2}]}))
    assert isinstance(good, FlowState)
    assert good.changes[0].seconds == 2.0
    with pytest.raises(ProtocolError, match=r"flow_state\.changes\.seconds"):
        decode(packed({"type": "flow_state", "changes": [{**change, "seconds": seconds}]}))


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x81\xa4type", encode(Applied(1)) + b"\x00"])
def test_bytes_that_are_no_document_are_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError, match="not a MessagePack document"):
        decode(data)
