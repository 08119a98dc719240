"""Networks to put into the database."""

from __future__ import annotations

from nextmini.scenario.network import Flow, Link, Network, Node, Route


def ring(size: int, name: str = "lab") -> Network:
    """Nodes 1..size in a ring, with a route of two hops from each node and a flow over it."""
    ids = range(1, size + 1)
    after = [0, *(i % size + 1 for i in ids)]
    return Network(
        name=name,
        seed=2**64 - 1,
        duration=None,
        interval=1.0,
        processes=2,
        on_process_death="fail",
        keep=3600.0,
        listen="127.0.0.1:0",
        nodes=tuple(
            Node(i, f"n{i}", f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}", 1, "sequential", size, i % 2)
            for i in ids
        ),
        links=tuple(Link(i, i, after[i], "tcp", 1.5, "cubic") for i in ids),
        routes=tuple(Route(i, (i, after[i], after[after[i]]), 2, "scenario") for i in ids),
        flows=tuple(
            Flow(i, f"f{i}", i, after[after[i]], "lossless", "normal", 10**9 * i, None, None, 1, 0.25)
            for i in ids
        ),
    )


def with_everything_optional() -> Network:
    """Two nodes, no routes, and flows that have what others lack."""
    network = ring(3)
    forever = Flow(1, "forever", 1, 2, "lossless", "normal", None, None, None, 3, 0.0)
    timed = Flow(2, "timed", 2, 1, "lossless", "normal", None, 2.5, 10**10, 1, 1.5)
    nodes = (
        Node(1, "a", "10.0.0.1", 4, "concurrent", 65535, 0),
        Node(2, "b", "fd00::2", 1, "sequential", 1, 0),
    )
    return Network(
        name=network.name,
        seed=0,
        duration=5.0,
        interval=0.5,
        processes=1,
        on_process_death="fail",
        keep=60.0,
        listen="127.0.0.1:0",
        nodes=nodes,
        links=(Link(1, 2, 1, "memory", 1.0, "bbr"),),
        routes=(),
        flows=(forever, timed),
    )
