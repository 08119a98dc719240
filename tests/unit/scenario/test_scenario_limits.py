"""Limits of nodes: said once for all, or of one."""

from __future__ import annotations

import pytest

from nextmini.errors import ScenarioError
from nextmini.scenario import dump, loads, resolve
from nextmini.scenario.network import UNLIMITED, Limits

_HEAD = '[experiment]\nname = "x"\n[topology]\nkind = "ring"\nnodes = 3\n'
_BOTH = """
[network]
limits = { cpu = 2, memory = "1 GiB" }
[[nodes]]
name = "n2"
limits = { memory = "64 MiB" }
"""


def test_a_node_has_its_own_and_else_those_of_all() -> None:
    nodes = resolve(loads(_HEAD + _BOTH)).nodes
    assert [node.limits for node in nodes] == [Limits(2, 2**30), Limits(2, 2**26), Limits(2, 2**30)]
    assert {node.limits for node in resolve(loads(_HEAD)).nodes} == {UNLIMITED}


def test_they_are_written_down_as_they_were_read() -> None:
    network = resolve(loads(_HEAD + _BOTH))
    assert resolve(loads(dump(network))).nodes == network.nodes


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ('{ memory = "1 MiB" }', 'fit into "1 MiB"; write at least 64 MiB'),
        ("{ memory = 5 }", "has no unit"),
        ("{ cpu = 0 }", "network.limits.cpu"),
        ("{ cpus = 1 }", "cpus: unknown key; did you mean cpu?"),
    ],
)
def test_what_is_no_limit_is_refused(limits: str, told: str) -> None:
    with pytest.raises(ScenarioError, match=r".") as caught:
        loads(f"{_HEAD}[network]\nlimits = {limits}\n")
    assert told in str(caught.value)
