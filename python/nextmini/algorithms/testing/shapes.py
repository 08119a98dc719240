"""Small networks that an algorithm should be at home in."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Shape:
    """Nodes and links by name, one flow's ends, and a link on its way that may fail."""

    nodes: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    ends: tuple[str, str]
    fragile: tuple[str, str]
    settings: dict[str, str] = field(default_factory=lambda: {"rate": "10 Mbit/s", "delay": "1 ms"})


SHAPES: dict[str, Shape] = {
    "line": Shape(("a", "b", "c"), (("a", "b"), ("b", "c")), ("a", "c"), ("b", "c")),
    "ring": Shape(
        ("a", "b", "c", "d", "e"),
        (("a", "b"), ("b", "c"), ("c", "d"), ("d", "e"), ("e", "a")),
        ("a", "c"),
        ("a", "b"),
    ),
    "two paths": Shape(
        ("a", "b", "c", "d"), (("a", "b"), ("b", "d"), ("a", "c"), ("c", "d")), ("a", "d"), ("b", "d")
    ),
    "unlimited links": Shape(
        ("a", "b", "c", "d"),
        (("a", "b"), ("b", "d"), ("a", "c"), ("c", "d")),
        ("a", "d"),
        ("a", "c"),
        settings={},
    ),
    "disconnected": Shape(("a", "b", "c", "d"), (("a", "b"), ("c", "d")), ("a", "d"), ("a", "b")),
}
