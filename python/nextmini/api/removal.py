"""What is left of a description when a node is taken out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LISTS = {"links": "ends", "routes": "path"}
"""Tables with entries that name nodes in a list under this key."""
_NAMES = {
    "nodes": ("name",),
    "flows": ("source", "destination"),
    "apps": ("node",),
    "socks": ("node", "exit"),
    "events": ("node",),
}
"""Those with entries that name a node under these keys."""


def without_node(said: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The tables of a scenario without a node, and without all that cannot be without it.

    Of a partition the other nodes of its groups are left, unless a group has none.
    """
    left = {
        table: [entry for entry in entries if name not in _nodes_of(table, entry)]
        for table, entries in said.items()
        if table in _NAMES or table in _LISTS or table == "classes"
    }
    if "events" in left:
        left["events"] = [entry for event in left["events"] for entry in _parted(event, name)]
    return {**said, **left}


def _nodes_of(table: str, entry: Mapping[str, Any]) -> list[Any]:
    """The nodes without which there is no such entry."""
    if table in _LISTS:
        return list(entry[_LISTS[table]])
    if table == "classes":
        return [entry["match"].get(end) for end in ("source", "destination")]
    return [*(entry.get(key) for key in _NAMES[table]), *entry.get("link", ())]


def _parted(event: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    if "partition" not in event:
        yield event
        return
    groups = [[node for node in group if node != name] for group in event["partition"]]
    if all(groups):
        yield {**event, "partition": groups}
