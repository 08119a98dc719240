"""What is told of sites and of the real paths between them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from nextmini.cli.link import _path as path_of_direction
from nextmini.cli.status import parts
from nextmini.live.links import path_entry
from nextmini.live.status import path_entries, site_entries
from nextmini.scenario import loads, resolve
from nextmini.store import Actual, Desired, LinkMetric, NodeState, RegisteredSite

NETWORK = resolve(
    loads("""
[experiment]
name = "far"
[topology]
kind = "line"
nodes = 4
[[links]]
ends = ["n2", "n3"]
delay = "5 ms"
[[sites]]
name = "lab"
nodes = ["n1..n2"]
public = "192.0.2.7"
[[sites]]
name = "home"
processes = 2
nodes = ["n3..n4"]
""")
)
DESIRED = Desired(
    nodes={node.id: node for node in NETWORK.nodes}, links={link.id: link for link in NETWORK.links}
)
SITES = (RegisteredSite("lab", 0, 1, "join lab"), RegisteredSite("home", 1, 2, "join home"))


def told(**states: str) -> list[str]:
    nodes = {int(name[1]): NodeState(int(name[1]), 0, 1, state, None) for name, state in states.items()}
    return [entry["status"] for entry in site_entries(SITES, DESIRED, Actual(nodes=nodes))]


def sample(node: int, rtt_us: int | None, most_bps: int | None) -> LinkMetric:
    time = datetime(2026, 1, 1, tzinfo=UTC)
    return LinkMetric("r", time, 2, node, 0, 0, {}, 0, rtt_us=rtt_us, most_bps=most_bps)


def test_a_site_has_joined_when_all_its_nodes_are_there() -> None:
    assert told() == ["waiting", "waiting"]
    assert told(n1="up", n2="up", n3="up", n4="pending") == ["joined", "waiting"]
    assert told(n1="up", n2="up", n3="up", n4="up") == ["joined", "joined"]
    assert told(n1="down", n2="down", n3="failed", n4="up") == ["lost", "missing"]


def test_paths_stand_beside_what_is_asked_of_their_links() -> None:
    samples = [sample(2, 40_200, 93_000_000), sample(3, 40_100, None)]
    assert path_entries(samples, DESIRED) == [
        {"link": ["n2", "n3"], "rtt_ms": 40.1, "asked_rtt_ms": 10.0, "most_bps": [93_000_000, 0]}
    ]
    assert path_entries([], DESIRED) == []


def test_status_says_what_to_run_where_somebody_is_missing() -> None:
    document: dict[str, Any] = {
        **{"experiment": "far", "status": "running", "seconds": 3.0, "folder": None, "metrics": None},
        **{"nodes": {}, "links": {}, "routes": {}, "troubles": [], "flows": [], "algorithms": []},
        "sites": [
            {"site": "lab", "status": "joined", "join": "join lab"},
            {"site": "home", "status": "missing", "join": "join home"},
        ],
        "paths": [
            {"link": ["n2", "n3"], "rtt_ms": 40.1, "asked_rtt_ms": 10.0, "most_bps": [93_000_000, 0]},
            {"link": ["n1", "n4"], "rtt_ms": 0.4, "asked_rtt_ms": 0.0, "most_bps": [0, 0]},
        ],
    }
    lines = [part for part in parts(document) if isinstance(part, str)]
    assert lines[-4:] == [
        "Site lab: joined",
        "Site home: missing; there, run: join home",
        "Path below n2 - n3: round trip 40.1 ms, asked for 10 ms; up to 93 Mbit/s have passed, 0 bit/s back",
        "Path below n1 - n4: round trip 400 us; nothing has passed yet",
    ]


def test_a_link_shows_what_is_below_it_if_it_leaves_the_site() -> None:
    assert path_entry(None) is path_entry(sample(2, None, None)) is None
    way = {"from": "n2", "to": "n3", "settings": {"delay": "5 ms"}, "path": path_entry(sample(2, 40_200, 5))}
    assert path_of_direction(way) == (
        "real path n2 -> n3: round trip 40.2 ms, up to 5 bit/s have passed; "
        "the delay of 5 ms that is asked for comes on top"
    )
    idle = {"from": "n2", "to": "n3", "settings": {}, "path": path_entry(sample(2, 40_200, None))}
    assert path_of_direction(idle) == "real path n2 -> n3: round trip 40.2 ms, nothing has passed yet"
