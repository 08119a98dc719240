"""Real paths below links between sites: what results say of them, and when that makes a run untrue."""

from __future__ import annotations

from typing import Any

import pytest

from nextmini.controller.paths import Path
from nextmini.controller.view import NetworkView
from nextmini.experiment.fidelity import judge
from nextmini.experiment.paths import entries, findings
from nextmini.protocol import ProcessFidelity
from nextmini.protocol.fidelity import NEVER_MEASURED
from nextmini.scenario import Direction, Link, Node
from nextmini.scenario.network import Site

SITES = (
    Site("lab", 0, 1, "192.0.2.7", None, None, 120.0),
    Site("home", 1, 1, None, None, None, 120.0),
)


def view(*delays: str) -> NetworkView:
    made = NetworkView()
    nodes = {id: Node(id, f"n{id}", f"10.0.0.{id}", 1, "sequential", 9, id - 1) for id in (1, 2)}
    forward, backward = (Direction.model_validate({"delay": delay}) for delay in delays)
    link = Link(1, 1, 2, "quic", 1.0, "cubic", forward=forward, backward=backward)
    made.replace(nodes, {1: link}, {}, {})
    return made


def entry(asked_ms: float, rtt_ms: float) -> dict[str, Any]:
    return {"link": ["n1", "n2"], "rtt_ms": rtt_ms, "asked_rtt_ms": asked_ms}


def test_a_result_has_what_is_below_each_link_beside_what_was_asked_of_it() -> None:
    paths = {(1, 1): Path(40_100, 5_000_000), (1, 2): Path(40_300, 1_000)}
    assert entries(view("4 ms", "6 ms"), SITES, paths) == [
        {
            "link": ["n1", "n2"],
            "sites": ["lab", "home"],
            "rtt_ms": 40.1,
            "asked_rtt_ms": 10.0,
            "most_bps": [5_000_000, 1_000],
        }
    ]
    assert entries(view("4 ms", "6 ms"), SITES, {}) == []


@pytest.mark.parametrize(
    ("asked", "real", "severity"),
    [
        (10.0, 40.0, "invalid"),
        (100.0, 6.0, "degraded"),
        (100.0, 4.0, None),
        (10.0, 0.9, None),
        # Nothing was said of a delay, so none is wrong.
        (0.0, 200.0, None),
    ],
)
def test_a_path_that_adds_to_what_was_asked_makes_it_untrue(
    asked: float, real: float, severity: str | None
) -> None:
    found = findings([entry(asked, real)])
    assert [one for one, _ in found] == ([] if severity is None else [severity])


def test_the_verdict_says_so_whatever_crossed_the_link() -> None:
    found = findings([entry(10.0, 40.0)])
    judged = judge({}, {0: ProcessFidelity(NEVER_MEASURED, None, 0)}, {}, 1, found)
    assert judged["verdict"] == "invalid"
    assert judged["reasons"] == [
        "link n1 - n2: the real path has a round trip of 40 ms, so the 10 ms asked for cannot be true"
    ]
