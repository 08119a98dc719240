"""The resolved scenario: written, read again, it is the same network."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextmini.scenario import Network, Scenario, dump, load, loads, resolve
from nextmini.scenario.examples import example_names
from nextmini.scenario.network import Route

_CONFIGS = Path(__file__).parents[3] / "configs"


_SMALL = [name for name in example_names() if name not in ("ring-1000", "ring-10000")]


@pytest.mark.parametrize("name", _SMALL)
def test_examples_survive(name: str) -> None:
    network = resolve(load(_CONFIGS / f"{name}.toml"))
    assert resolve(loads(dump(network))) == network


_TIMES = st.floats(0, 100).map(lambda seconds: f"{seconds:.9f} s")
_FLOWS = st.fixed_dictionaries(
    {"between": st.just("random"), "count": st.integers(1, 5)},
    optional={
        "rate": st.integers(1, 10**12).map(lambda rate: f"{rate} bit/s"),
        "weight": st.integers(1, 65_535),
        "start": _TIMES,
    },
)
_TCP_FLOWS = st.fixed_dictionaries(
    {"kind": st.just("tcp"), "between": st.just("random"), "count": st.integers(1, 5)},
    optional={
        "start": _TIMES,
        "congestion": st.sampled_from(["cubic", "reno", "none"]),
        "family": st.sampled_from(["ipv4", "ipv6"]),
    },
)
_ENDS = st.one_of(
    st.integers(1, 2**63 - 1).map(lambda size: {"size": f"{size} B"}),
    st.floats(1e-6, 100).map(lambda seconds: {"duration": f"{seconds:.9f} s"}),
)


@settings(max_examples=50)
@given(
    st.integers(3, 12),
    st.integers(1, 3),
    st.sampled_from(["auto", "tcp", "quic", "tls"]),
    st.floats(1e-6, 1e9),
    st.lists(st.tuples(_FLOWS | _TCP_FLOWS, _ENDS), max_size=3),
)
def test_any_network_survives(
    nodes: int,
    processes: int,
    transport: str,
    cost: float,
    flows: list[tuple[dict[str, Any], dict[str, Any]]],
) -> None:
    scenario = Scenario.model_validate(
        {
            "experiment": {"name": "x", "processes": processes},
            "network": {
                "transport": transport,
                "datagrams": transport == "quic",
                "mtu": 9000,
                "mapping": "concurrent",
                "hop_limit": 77,
            },
            "topology": {"kind": "ring", "nodes": nodes, "link": {"cost": cost}},
            "nodes": [{"name": "n2", "processors": 7, "address": "10.250.0.1"}],
            "routes": [{"path": ["n1", "n2", "n3"], "weight": 4}],
            "flows": [{"name": f"f{place}", **flow, **end} for place, (flow, end) in enumerate(flows)],
        }
    )
    network = resolve(scenario)
    assert resolve(loads(dump(scenario))) == network


def _ring() -> Network:
    return resolve(loads('[experiment]\nname = "x"\n[topology]\nkind = "ring"\nnodes = 3\n'))


def test_computed_routes_are_left_out() -> None:
    network = dataclasses.replace(_ring(), routes=(Route(1, (1, 2), 1, "computed"),))
    assert resolve(loads(dump(network))).routes == ()


def test_a_scenario_is_resolved_first() -> None:
    scenario = loads('[experiment]\nname = "x"\n[topology]\nkind = "ring"\nnodes = 3\n')
    assert dump(scenario) == dump(_ring())


def test_it_reads_well() -> None:
    text = dump(_ring())
    assert '[[nodes]]\nname = "n1"\naddress = "10.0.0.1"\nprocessors = 1\n' in text
    assert '[[links]]\nends = ["n1", "n2"]\ntransport = "memory"\ncost = 1.0\ncongestion = "cubic"\n' in text
    assert tomllib.loads(text)["experiment"]["interval"] == "1 s"
