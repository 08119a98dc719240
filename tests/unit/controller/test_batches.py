"""Messages of bounded size that together say what one would have said."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextmini.controller.batches import MAX_BYTES, batches, size_bound
from nextmini.controller.plan import Body
from nextmini.protocol import Apply, FlowRecord, LinkRecord, NodeRecord, RouteRecord, encode

IDS = st.integers(0, 2**32 - 1)
BIG = st.integers(0, 2**64 - 1)
NAMES = st.text(max_size=63)
NODES = st.builds(
    NodeRecord, IDS, NAMES, st.just("fd00:6e6d::1234:5678"), IDS, st.just("sequential"), st.just(65535)
)
LINKS = st.builds(
    LinkRecord, IDS, IDS, IDS, st.just("memory"), NAMES, st.floats(0, 1e9), *[st.booleans()] * 2, NAMES
)
ROUTES = st.builds(RouteRecord, IDS, st.lists(IDS, max_size=30).map(tuple), IDS)
FLOWS = st.builds(FlowRecord, IDS, IDS, IDS, NAMES, BIG, st.floats(0, 1e9), BIG, IDS, st.floats(0, 1e9))
BODIES = st.builds(
    Body,
    *[st.lists(kind, max_size=8) for kind in (NODES, LINKS, ROUTES, FLOWS)],
    *[st.lists(IDS, max_size=8)] * 4,
)
ORDER = [
    *("remove_flows", "remove_routes", "remove_links", "remove_nodes"),
    *("nodes", "links", "routes", "flows"),
]


def items(message: Apply | Body) -> list[tuple[str, object]]:
    return [(name, item) for name in ORDER for item in getattr(message, name)]


@given(BODIES, st.integers(1, 4000))
def test_the_parts_say_the_same_in_the_same_order(body: Body, limit: int) -> None:
    parts = list(batches(body, limit))
    assert [item for part in parts for item in items(part)] == items(body)
    for part in parts:
        # A record that is larger than the limit has a message of its own.
        overhead = len(encode(Apply(2**64 - 1)))
        assert len(encode(replace(part, generation=2**64 - 1))) <= overhead + limit or len(items(part)) == 1


@given(st.one_of(NODES, LINKS, ROUTES, FLOWS))
def test_the_bound_is_a_bound(record: NodeRecord | LinkRecord | RouteRecord | FlowRecord) -> None:
    name = type(record).__name__.removesuffix("Record").lower() + "s"
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
    assert {field.name for field in fields(Body)} == set(ORDER)
