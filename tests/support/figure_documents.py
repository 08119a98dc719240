"""A figure as it could have been measured."""

from __future__ import annotations

from bench.figures.document import Document, Origin, Panel, Row

PANEL = Panel("tcp", "Links over TCP", "hops", "gbps", "Gbit/s", columns=("ratio",))


def document(rows: list[Row], panel: Panel = PANEL, figure: str = "fig05") -> Document:
    return Document(
        figure=figure,
        title="Paths",
        command="python -m bench.figures.fig05_paths",
        date="2026-01-02T03:04:05+00:00",
        machine={
            "processor": "x",
            "cores": 2,
            "memory_gib": 8.0,
            "kernel": "6",
            "python": "3.11",
            "nextmini": "1",
        },
        seconds=1.0,
        repeat=3,
        quick=False,
        panels=[panel],
        rows=rows,
        notes=["a note"],
        versions={"Mininet": "2.3.0"},
    )


def measured() -> list[Row]:
    return [
        Row("tcp", "lossless", 10, Origin.OURS, {"gbps": [5.0, 4.0, 6.0], "ratio": [0.9, 1.0, 1.1]}),
        Row("tcp", "lossless", 2, Origin.OURS, {"gbps": [12.0], "ratio": [1.2]}),
        Row("tcp", "Mininet", 2, Origin.PEER, {"gbps": [1234.0]}),
        Row("tcp", "Mininet", 10, Origin.PEER, reason="there is no program mn"),
        Row("tcp", "socat", 2, Origin.PEER, reason="there is no\nprogram socat"),
    ]
