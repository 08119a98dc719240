"""Networks to put into the database."""

from __future__ import annotations

from nextmini.scenario import Arrival, Direction
from nextmini.scenario.network import Class, Event, Flow, Link, Network, Node, Route, Socks, Trace


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
        links=tuple(
            Link(i, i, after[i], ("tcp", "quic", "tls")[i % 3], 1.5, "cubic", datagrams=i % 3 == 1)
            for i in ids
        ),
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
    bursts = Arrival.model_validate({"process": "on_off", "on": "1 s", "off": "250 ms"})
    packets = Flow(3, "packets", 2, 1, "udp", "normal", 10**6, None, 10**7, 7, 0.0, 1000, bursts, True)
    tcp = Flow(4, "tcp", 1, 2, "tcp", "normal", 10**6, None, None, 1, 0.0, congestion="reno", family="ipv6")
    nodes = (
        Node(1, "a", "10.0.0.1", 4, "concurrent", 65535, 0, up=False, socks=_entrances()),
        Node(2, "b", "fd00::2", 1, "sequential", 1, 0, transparent=61_080, transparent_ports=(80, 443)),
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
        links=(Link(1, 2, 1, "memory", 1.0, "bbr", 9000, False, *_directions()),),
        routes=(),
        flows=(forever, timed, packets, tcp),
        classes=(Class(1, 1, 2, 17, 53, 10**6, None), Class(2, None, None, None, None, None, 65535)),
        traces=(
            Trace(1, "lte", "opportunities", 0.012, ((1_000_000, 1), (12_000_000, 2**40))),
            Trace(2, "steps", "rates", 0.0, ((0, 10**7), (5 * 10**9, 0))),
        ),
        events=(Event(1, 0.25, {"link": ["a", "b"], "down": True, "duration": "1 s"}),),
    )


def _entrances() -> tuple[Socks, ...]:
    """One of which nothing is said, and one of which much is."""
    users = ("0123456789abcdef" * 4, "f" * 64)
    return (
        Socks("127.0.0.1:1080", "max", None, (), 4096),
        Socks("[::1]:65535", "normal", 2, users, 100_000),
    )


def _directions() -> tuple[Direction, Direction]:
    """Two directions of which much is said."""
    there = {
        "rate": "100 Mbit/s",
        "burst": "15 kB",
        "delay": "10 ms",
        "jitter": {"amount": "1 ms", "distribution": "pareto", "correlation": "25 %", "reorder": True},
        "loss": {"model": "gilbert-elliott", "p": "0.3 %", "r": "70 %"},
        "duplicate": "0.1 %",
        "reorder": {"probability": "1 %", "correlation": "50 %"},
        "queue": ["100 packets", "50 ms"],
        "discipline": "drr",
        "drop": {"policy": "red", "min": "5 packets", "max": "15 packets", "gentle": False},
        "ecn": True,
    }
    back = {"trace": 1, "corrupt": "0.00001 %", "queue": "64 kB", "drop": "codel"}
    return Direction.model_validate(there), Direction.model_validate(back)
