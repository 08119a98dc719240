"""Rows for tests, with everything filled in that a test does not care about."""

from __future__ import annotations

from typing import Any

from nextmini.controller.view import NetworkView
from nextmini.scenario import Class, Direction, Flow, Link, Node, Route, Trace


def node(id: int, process: int = 0, **changes: Any) -> Node:
    settings: dict[str, Any] = {"processors": 1, "mapping": "sequential", "hop_limit": 64} | changes
    return Node(id=id, name=f"n{id}", address=f"10.0.0.{id}", process=process, **settings)


def link(id: int, a: int, b: int, transport: str = "tcp", cost: float = 1.0, **changes: Any) -> Link:
    """`forward` and `backward` are texts."""
    for way in ("forward", "backward"):
        if isinstance(changes.get(way), dict):
            changes[way] = Direction.model_validate(changes[way])
    return Link(id, a, b, transport, cost, "cubic", **changes)


def trace(id: int, *rates: int) -> Trace:
    """One of a second for each rate."""
    return Trace(id, f"t{id}", "rates", 0.0, tuple((at * 10**9, rate) for at, rate in enumerate(rates)))


def route(id: int, *path: int, weight: int = 1) -> Route:
    return Route(id, path, weight, "scenario")


def flow(id: int, source: int, destination: int, **changes: Any) -> Flow:
    settings: dict[str, Any] = {
        "kind": "lossless",
        "mode": "normal",
        "size": 1000,
        "duration": None,
        "rate": None,
        "weight": 1,
        "start": 0.0,
    }
    return Flow(id=id, name=f"f{id}", source=source, destination=destination, **(settings | changes))


Row = Node | Link | Route | Flow | Class | Trace


def view(*rows: Row) -> NetworkView:
    made = NetworkView()
    put(made, *rows)
    return made


def put(view: NetworkView, *rows: Row) -> Any:
    """Takes over rows; returns what is dirty."""
    return view.replace(
        {row.id: row for row in rows if isinstance(row, Node)},
        {row.id: row for row in rows if isinstance(row, Link)},
        {row.id: row for row in rows if isinstance(row, Route)},
        {row.id: row for row in rows if isinstance(row, Flow)},
        {row.id: row for row in rows if isinstance(row, Class)},
        {row.id: row for row in rows if isinstance(row, Trace)},
    )


def line(*processes: int) -> NetworkView:
    """Nodes 1, 2, ... in a row, each in the given process; link i is between nodes i and i + 1."""
    nodes = [node(id, process) for id, process in enumerate(processes, 1)]
    links = [
        link(id, id, id + 1, "memory" if processes[id - 1] == processes[id] else "tcp")
        for id in range(1, len(nodes))
    ]
    return view(*nodes, *links)
