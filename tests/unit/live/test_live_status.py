from __future__ import annotations

from nextmini.live.status import flow_entries, network_entries
from nextmini.scenario import loads, resolve
from nextmini.store import Actual, Desired, FlowState, LinkState, NodeState
from nextmini.store.live import RecentFlow

NETWORK = resolve(
    loads("""
[experiment]
name = "lab"
[topology]
kind = "line"
nodes = 3
[[routes]]
path = ["n1", "n2", "n3"]
both = false
[[flows]]
name = "sized"
source = "n1"
destination = "n3"
size = "1 MB"
[[flows]]
name = "timed"
source = "n1"
destination = "n3"
duration = "9 s"
[[flows]]
name = "later"
source = "n1"
destination = "n2"
size = "1 B"
start = "5 s"
""")
)
DESIRED = Desired(
    nodes={node.id: node for node in NETWORK.nodes},
    links={link.id: link for link in NETWORK.links},
    routes={route.id: route for route in NETWORK.routes},
    flows={flow.id: flow for flow in NETWORK.flows},
)


def test_rows_are_counted_by_state_and_what_is_amiss_is_named() -> None:
    actual = Actual(
        nodes={id: NodeState(id, 0, 1, "up") for id in (1, 2, 3)},
        links={1: LinkState(1, 4, "up"), 2: LinkState(2, 5, "rejected", "its burst is below its mtu")},
    )
    assert network_entries(DESIRED, actual) == {
        "nodes": {"up": 3},
        "links": {"rejected": 1, "up": 1},
        "routes": {"pending": 1},
        "troubles": [
            {
                "kind": "link",
                "name": "n2 - n3",
                "status": "rejected",
                "reason": "its burst is below its mtu",
            },
            {"kind": "route", "name": "n1 n2 n3", "status": "pending", "reason": None},
        ],
    }


def test_a_flow_that_runs_is_as_far_as_its_newest_measurement_and_one_that_ended_as_its_end() -> None:
    actual = Actual(
        flows={1: FlowState(1, 3, "completed", bytes=1_000_000), 2: FlowState(2, 3, "running", bytes=10)}
    )
    recent = {1: RecentFlow(900_000, 5e6), 2: RecentFlow(700, 2e6)}
    sized, timed, later = flow_entries(DESIRED, actual, recent)
    assert (sized["status"], sized["bytes"], sized["size"], sized["rate_bps"]) == (
        *("completed", 1_000_000),
        *(1_000_000, 0),
    )
    assert (timed["status"], timed["bytes"], timed["rate_bps"]) == ("running", 700, 2_000_000)
    assert (later["status"], later["bytes"], later["source"], later["reason"]) == ("waiting", 0, "n1", None)
