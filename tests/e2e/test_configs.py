"""Every scenario that comes with Nextmini runs, and all its flows do what they should."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from program import CONFIGS, assert_complete

from nextmini.scenario import load, resolve

if TYPE_CHECKING:
    from pathlib import Path

    from program import Program

    from nextmini.scenario import Network

ELSEWHERE = {"allreduce", "ddp", "events", "quickstart", "ring-1000", "ring-10000", "ring-50-tcp", "sites"}
"""These run in test_run.py, test_many_namespaces.py, test_events.py, test_sites.py, test_allreduce.py and
test_ddp.py."""


def asked_for(network: Network) -> set[str]:
    """Why packets may be dropped in this network."""
    directions = [way for link in network.links for way in (link.forward, link.backward)]
    causes = {key for way in directions for key in ("loss", "corrupt") if getattr(way, key)}
    causes |= {way.drop.policy for way in directions if way.drop}
    # Kernels of nodes ask for routers that there are not.
    causes |= {"no_route"} if network.isolation != "none" else set()
    causes |= {"queue"} if any(flow.kind in ("udp", "tcp") for flow in network.flows) else set()
    # What is under way on a route that moves away.
    causes |= {"no_route"} if network.routing.reroute == "fast" or network.algorithms else set()
    return causes | ({"down"} if network.events else set())


@pytest.mark.parametrize(
    "config",
    [path for path in sorted(CONFIGS.glob("*.toml")) if path.stem not in ELSEWHERE],
    ids=lambda path: path.stem,
)
def test_a_config_runs(program: Program, config: Path) -> None:
    network = resolve(load(config))
    if network.isolation != "none" and os.geteuid() != 0:
        pytest.skip("namespaces of nodes need root")
    done = program.run("run", str(config), "--json")
    assert done.code == 0, done.err
    document = done.document
    stopped = {flow.name for flow in network.flows if flow.size is None and flow.duration is None}
    assert {flow["name"] for flow in document["flows"] if flow["status"] == "stopped"} == stopped
    document["flows"] = [flow for flow in document["flows"] if flow["name"] not in stopped]
    assert_complete(document, len(network.flows) - len(stopped), asked_for(network))
