"""What a process is told in one step, cut into messages that stay under the size limit.

The parts keep the order in which one message would be applied (removals of flows, routes, links and nodes,
then traces, addresses, nodes, links, routes and flows), so that sending them one after the other means the
same.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from nextmini.protocol import (
    AddressRecord,
    Apply,
    DirectionRecord,
    FlowRecord,
    LinkRecord,
    NodeRecord,
    RouteRecord,
    SocksRecord,
    TraceRecord,
    size_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nextmini.controller.plan import Body

MAX_BYTES = 480 * 1024
"""Below the 512 KiB that a message may have, with room for its envelope."""

_TRACE_BYTES = 100  # field names and numbers at their widest; addresses and names come on top
_POINT_BYTES = 19
_ADDRESS_BYTES = 50
_NODE_BYTES = 260
_SOCKS_BYTES = 90
_LINK_BYTES = 258
_ROUTE_BYTES = 90
_FLOW_BYTES = 360
_INTEGER_BYTES = 9

_FIELDS = (
    "remove_flows",
    "remove_routes",
    "remove_links",
    "remove_nodes",
    "traces",
    "addresses",
    "nodes",
    "links",
    "routes",
    "flows",
)


def batches(body: Body, max_bytes: int = MAX_BYTES) -> Iterator[Apply]:
    """The messages for `body`, in order, all with generation 0: the sender numbers them.

    A record that is larger than `max_bytes` by itself gets a message of its own, and so do the classes, which
    are told as a whole: that they come first does not matter, nothing is removed that they refer to.
    """
    if body.classes is not None:
        yield Apply(0, classes=body.classes)
    part: dict[str, list[Any]] = {}
    size = 0
    for name in _FIELDS:
        for item in getattr(body, name):
            item_size = size_bound(item)
            if part and size + item_size > max_bytes:
                yield _message(part)
                part, size = {}, 0
            part.setdefault(name, []).append(item)
            size += item_size
    if part:
        yield _message(part)


def size_bound(
    item: int | TraceRecord | AddressRecord | NodeRecord | LinkRecord | RouteRecord | FlowRecord,
) -> int:
    """At least as many bytes as the encoded item has."""
    if isinstance(item, RouteRecord):
        # Node ids have 32 bits.
        return _ROUTE_BYTES + 5 * len(item.path)
    if isinstance(item, NodeRecord):
        texts = _text_bytes(item.name) + _text_bytes(item.address) + _text_bytes(item.address6 or "")
        if item.device is not None:
            texts += _text_bytes(item.device.namespace) + _text_bytes(item.device.name)
        return _NODE_BYTES + texts + sum(map(_socks_bytes, item.socks))
    if isinstance(item, AddressRecord):
        texts = _text_bytes(item.name) + _text_bytes(item.address or "") + _text_bytes(item.address6 or "")
        return _ADDRESS_BYTES + texts
    if isinstance(item, LinkRecord):
        texts = _text_bytes(item.congestion) + _text_bytes(item.peer or "")
        return _LINK_BYTES + texts + _direction_bytes(item.forward) + _direction_bytes(item.backward)
    if isinstance(item, TraceRecord):
        return _TRACE_BYTES + _POINT_BYTES * len(item.points)
    if isinstance(item, FlowRecord):
        return _FLOW_BYTES + _text_bytes(item.kind) + _text_bytes(item.congestion or "")
    return _INTEGER_BYTES


# Most links of a network are alike.
@lru_cache(maxsize=4096)
def _direction_bytes(direction: DirectionRecord) -> int:
    return size_of(direction)


def _socks_bytes(socks: SocksRecord) -> int:
    users = sum(5 + len(user.encode()) for user in socks.users)
    return _SOCKS_BYTES + _text_bytes(socks.listen) + users


def _text_bytes(text: str) -> int:
    return 5 + 4 * len(text)


def _message(part: dict[str, list[Any]]) -> Apply:
    return Apply(0, **{name: tuple(items) for name, items in part.items()})
