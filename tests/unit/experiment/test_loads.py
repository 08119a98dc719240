"""Loads of links as they are predicted from demands and routes, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nextmini.experiment.load_rows import load_summary
from nextmini.experiment.loads import entries, loads, seconds_of, volume_of
from nextmini.scenario import Route, resolve
from nextmini.scenario import loads as scenario_of

# a - b - d with 8 Mbit/s, a - c - d with 4; 2 Mbit/s of udp in packets of 972 bytes from a to d for 4 s.
DIAMOND = """
[experiment]
name = "x"
[topology]
kind = "custom"
nodes = ["a", "b", "c", "d"]
[[links]]
ends = ["a", "b"]
rate = "8 Mbit/s"
[[links]]
ends = ["b", "d"]
rate = "8 Mbit/s"
[[links]]
ends = ["a", "c"]
rate = "4 Mbit/s"
[[links]]
ends = ["c", "d"]
[[flows]]
name = "f"
source = "a"
destination = "d"
kind = "udp"
rate = "1944 kbit/s"
packet_size = 972
duration = "4 s"
"""
NETWORK = resolve(scenario_of(DIAMOND))
ROUTES = [Route(1, (1, 2, 4), 3, "scenario"), Route(2, (1, 3, 4), 1, "scenario")]
NAMES = {node.id: node.name for node in NETWORK.nodes}


def test_a_flow_is_spread_by_weights_with_its_headers() -> None:
    found = loads(NETWORK, NETWORK.flows, ROUTES, {}, {(1, 1): 750_000, (3, 1): 250_000}, 9.0)
    assert found is not None
    # 1,944 kbit/s of payload are 2 Mbit/s on the wire: 1 MB in 4 s, three quarters of it over b.
    assert {(one.sender, one.receiver): one.predicted for one in found if one.predicted} == {
        (1, 2): 750_000,
        (2, 4): 750_000,
        (1, 3): 250_000,
        (3, 4): 250_000,
    }
    said = {(entry["from"], entry["to"]): entry for entry in entries(found, NAMES, 4.0)}
    assert len(said) == 8
    assert said["a", "b"] == {
        "from": "a",
        "to": "b",
        "rate_bps": 8_000_000,
        "predicted_bps": 1_500_000,
        "measured_bps": 1_500_000,
        "predicted_utilisation": 0.1875,
        "utilisation": 0.1875,
    }
    assert said["c", "d"]["rate_bps"] is said["c", "d"]["utilisation"] is None
    assert load_summary(list(said.values())) == (
        "Loads of 8 directions of links: measured and predicted differ by 50.0 % of all that was predicted; "
        "fullest 18.8% predicted, 18.8% measured"
    )


def test_a_flow_that_is_pinned_brings_all_of_it_to_its_route() -> None:
    (flow,) = NETWORK.flows
    flows = [flow, replace(flow, id=2), replace(flow, id=3)]
    found = loads(NETWORK, flows, ROUTES, {2: 2, 3: 1}, {}, 9.0)
    assert found is not None
    # One is spread by 3 to 1, one takes the route over c, one that over b; each is 1 MB.
    assert {(one.sender, one.receiver): one.predicted for one in found if one.predicted} == {
        (1, 2): 1_750_000,
        (2, 4): 1_750_000,
        (1, 3): 1_250_000,
        (3, 4): 1_250_000,
    }
    # A flow whose route is gone waits, whatever other routes its pair has.
    assert loads(NETWORK, flows, ROUTES, {2: 9}, {}, 9.0) is None


def test_what_is_not_known_beforehand_is_not_predicted() -> None:
    (flow,) = NETWORK.flows
    assert loads(NETWORK, [replace(flow, rate=None)], ROUTES, {}, {}, 9.0) is None
    assert loads(NETWORK, [flow], [], {}, {}, 9.0) is None
    assert entries(None, NAMES, 4.0) == []
    assert entries([], NAMES, 0.0) == []


def test_volumes() -> None:
    (flow,) = NETWORK.flows
    assert volume_of(flow, 1500, 9.0) == pytest.approx(1_000_000)
    assert volume_of(replace(flow, duration=None, start=1.0), 1500, 9.0) == pytest.approx(2_000_000)
    bulk = replace(flow, kind="lossless", size=1_460_000, rate=None, duration=None, packet_size=None)
    assert volume_of(bulk, 1500, 9.0) == pytest.approx(1_500_000)


def test_loads_are_means_over_the_time_in_which_flows_were_to_send() -> None:
    (flow,) = NETWORK.flows
    assert seconds_of([flow], 9.0) == 4.0
    assert seconds_of([flow, replace(flow, start=3.0)], 9.0) == 7.0
    assert seconds_of([flow], 2.0) == 2.0
    assert seconds_of([replace(flow, duration=None)], 9.0) == seconds_of([], 9.0) == 9.0
