"""Messages of bounded size that together say what one would have said."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextmini.controller.batches import MAX_BYTES, batches, size_bound
from nextmini.controller.plan import Body
from nextmini.controller.shaping import trace_records
from nextmini.protocol import (
    AddressRecord,
    Apply,
    ArrivalRecord,
    ChanceRecord,
    ClassRecord,
    DeviceRecord,
    DirectionRecord,
    DropRecord,
    FlowRecord,
    ForestRecord,
    ForestRow,
    JitterRecord,
    LimitsRecord,
    LinkRecord,
    LossRecord,
    NodeRecord,
    RouteRecord,
    SocksRecord,
    TraceRecord,
    encode,
)
from nextmini.scenario import Trace
from nextmini.scenario.class_table import MOST_CLASSES

IDS = st.integers(0, 2**32 - 1)
BIG = st.integers(0, 2**64 - 1)
NAMES = st.text(max_size=63)
ADDRESS = st.just("fd00:6e6d:1234:1234:1234:1234:1234:5678")
ENTRANCES = st.builds(
    SocksRecord,
    *(NAMES, st.sampled_from(["max", "normal"]), st.none() | IDS),
    st.lists(st.just("0" * 64) | NAMES, max_size=3).map(tuple),
    IDS,
)
NODES = st.builds(
    NodeRecord,
    *(IDS, NAMES, ADDRESS, IDS, st.just("sequential"), st.just(65535), st.booleans()),
    address6=st.none() | ADDRESS,
    device=st.none() | st.builds(DeviceRecord, NAMES, NAMES, st.integers(1, 65535), st.booleans()),
    socks=st.lists(ENTRANCES, max_size=3).map(tuple),
    transparent=st.none() | st.integers(1, 65535),
)
ADDRESSES = st.builds(AddressRecord, IDS, NAMES, st.none() | ADDRESS, st.none() | ADDRESS)
SHARES = st.floats(0, 1)
CHANCES = st.none() | st.builds(ChanceRecord, SHARES, SHARES)
LOSSES = (
    st.none()
    | st.builds(LossRecord, st.just("random"), SHARES, SHARES)
    | st.text("01", max_size=300).map(lambda pattern: LossRecord("pattern", pattern=pattern))
)
DIRECTIONS = st.builds(
    DirectionRecord,
    *[st.none() | BIG] * 3,
    BIG,
    st.none() | st.builds(JitterRecord, BIG, st.just("uniform"), SHARES, st.booleans()),
    LOSSES,
    *[CHANCES] * 3,
    st.builds(LimitsRecord, BIG, BIG, BIG),
    st.just("fifo"),
    st.just(DropRecord("red", True, 1, 2**63, 0.1, 0.002, True, ecn=True)) | st.just(DropRecord("tail")),
)
LINKS = st.builds(
    LinkRecord,
    *[IDS] * 3,
    st.just("memory"),
    NAMES,
    st.floats(0, 1e9),
    *[st.booleans()] * 2,
    NAMES,
    st.just(65535),
    st.booleans(),
    DIRECTIONS,
    DIRECTIONS,
    st.booleans(),
)
ROUTES = st.builds(RouteRecord, IDS, st.lists(IDS, max_size=30).map(tuple), IDS, IDS)
FLOWS = st.builds(
    FlowRecord,
    *[IDS] * 3,
    NAMES,
    BIG,
    st.floats(0, 1e9),
    BIG,
    IDS,
    st.floats(0, 1e9),
    st.just(65507),
    st.builds(ArrivalRecord, st.just("on_off"), BIG, BIG),
    st.booleans(),
    st.none() | NAMES,
    st.booleans(),
)
TRACES = st.builds(
    TraceRecord, IDS, st.just("opportunities"), BIG, IDS, IDS, st.lists(st.tuples(BIG, BIG)).map(tuple)
)
FORESTS = st.builds(
    ForestRecord, st.integers(0, 1023), st.binary(max_size=300), st.lists(IDS, max_size=9).map(tuple)
)
FOREST_ROWS = st.builds(ForestRow, st.integers(0, 1023), IDS, st.binary(max_size=300))
CLASSES = st.lists(st.builds(ClassRecord, *[st.integers(1, 65535)] * 4), max_size=5).map(tuple)
BODIES = st.builds(
    Body,
    st.none() | CLASSES,
    *[
        st.lists(kind, max_size=8)
        for kind in (TRACES, ADDRESSES, NODES, LINKS, ROUTES, FLOWS, FORESTS, FOREST_ROWS)
    ],
    st.none() | st.integers(0, 1023),
    *[st.lists(IDS, max_size=8)] * 5,
)
ORDER = [
    *("remove_flows", "remove_routes", "remove_links", "remove_nodes", "remove_forests"),
    *("traces", "addresses", "nodes", "links", "routes", "forests", "forest_rows", "flows"),
]


def items(message: Apply | Body) -> list[tuple[str, object]]:
    return [(name, item) for name in ORDER for item in getattr(message, name)]


@given(BODIES, st.integers(1, 4000))
def test_the_parts_say_the_same_in_the_same_order(body: Body, limit: int) -> None:
    parts = list(batches(body, limit))
    if body.classes is not None:
        assert parts.pop(0) == Apply(0, classes=body.classes)
    if body.forest is not None:
        assert parts.pop(0) == Apply(0, forest=body.forest)
    assert all(part.classes is None and part.forest is None for part in parts)
    assert [item for part in parts for item in items(part)] == items(body)
    for part in parts:
        # A record that is larger than the limit has a message of its own.
        overhead = len(encode(Apply(2**64 - 1)))
        assert len(encode(replace(part, generation=2**64 - 1))) <= overhead + limit or len(items(part)) == 1


@given(st.one_of(TRACES, ADDRESSES, NODES, LINKS, ROUTES, FORESTS, FOREST_ROWS, FLOWS))
def test_the_bound_is_a_bound(
    record: TraceRecord
    | AddressRecord
    | NodeRecord
    | LinkRecord
    | RouteRecord
    | ForestRecord
    | ForestRow
    | FlowRecord,
) -> None:
    name = type(record).__name__.removesuffix("Record").lower() + "s"
    name = {"addresss": "addresses", "forestrows": "forest_rows"}.get(name, name)
    with_it, without = (encode(Apply(1, **{name: value})) for value in ((record,), ()))  # type: ignore[arg-type]
    assert len(with_it) - len(without) <= size_bound(record)


@pytest.mark.parametrize("count", [0, 1])
def test_few_records_are_one_message_and_none_are_none(count: int) -> None:
    assert len(list(batches(Body(remove_links=[5] * count)))) == count


def test_the_longest_routes_stay_below_what_a_message_may_have() -> None:
    routes = [RouteRecord(id, tuple(range(60_000, 65_000)), 1) for id in range(1, 200)]
    messages = list(batches(Body(routes=routes)))
    assert [route for message in messages for route in message.routes] == routes
    assert max(len(encode(message)) for message in messages) < 512 * 1024
    assert len(messages) < 20
    assert MAX_BYTES < 512 * 1024


def test_every_field_of_a_body_is_sent() -> None:
    assert {field.name for field in fields(Body)} == {*ORDER, "classes", "forest"}


def test_as_many_classes_as_there_may_be_are_one_message() -> None:
    largest = ClassRecord(65535, 2**32 - 1, 2**32 - 1, 255, 65535, 2**64 - 1, 65535)
    (message,) = batches(Body(classes=(largest,) * MOST_CLASSES))
    assert len(encode(message)) < 512 * 1024


def test_a_long_trace_is_several_messages() -> None:
    points = tuple((2**62 + at, 2**62) for at in range(100_000))
    parts = trace_records(Trace(1, "long", "rates", 0.0, points))
    assert tuple(point for part in parts for point in part.points) == points
    assert [part.first for part in parts] == list(range(0, 100_000, 20_000))
    assert {part.total for part in parts} == {100_000}
    messages = list(batches(Body(traces=parts)))
    assert max(len(encode(message)) for message in messages) < 512 * 1024
