"""Rows as their user knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nextmini.controller.actual import Actual
    from nextmini.controller.view import NetworkView


def label(row: tuple[str, int], view: NetworkView) -> str:
    """Such as "link n1 - n2"."""
    kind, id = row
    name = view.name
    if kind == "node":
        return f"node {name(id)}"
    if kind == "link" and id in view.links:
        link = view.links[id]
        return f"link {name(link.a)} - {name(link.b)}"
    if kind == "route" and id in view.routes:
        path = view.routes[id].path
        return f"route {id} from {name(path[0])} to {name(path[-1])}" if path else f"route {id}"
    return f"{kind} {id}"


def waiting(actual: Actual, view: NetworkView, most: int) -> str:
    """The first few rows that are not in force yet, for an error message."""
    rows = sorted(actual.waiting)
    texts = [f"{label(row, view)} ({actual.states[row].reason or 'not confirmed'})" for row in rows[:most]]
    more = f" and {len(rows) - most} more" if len(rows) > most else ""
    return ", ".join(texts) + more
