from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nextmini.live.choice import LiveError, choose_from, choose_ready
from nextmini.live.flows import find_flow
from nextmini.live.routes import path_of
from nextmini.live.session import find_link, find_node, listed
from nextmini.scenario import loads, resolve
from nextmini.store import Desired, Registration, StateFolder

if TYPE_CHECKING:
    from pathlib import Path

NETWORK = resolve(
    loads("""
[experiment]
name = "lab"
[topology]
kind = "line"
nodes = 4
[[flows]]
name = "bulk"
source = "n1"
destination = "n4"
size = "1 MB"
""")
)
DESIRED = Desired(
    nodes={node.id: node for node in NETWORK.nodes},
    links={link.id: link for link in NETWORK.links},
    flows={flow.id: flow for flow in NETWORK.flows},
)


def registration(name: str, ready: bool = True) -> Registration:
    return Registration(name, f"{name}-1", "up", 1, None, None, "2026-01-02T03:04:05+00:00", ready)


def test_the_only_one_is_meant_and_of_several_the_one_that_is_named() -> None:
    one, two = registration("one"), registration("two")
    assert choose_from([one], None) is one
    assert choose_from([one, two], "two") is two


@pytest.mark.parametrize(
    ("running", "name", "words"),
    [
        ([], None, "no experiment is running here; start one with `nextmini up FILE`"),
        ([], "one", "no experiment 'one' is running here; running: none"),
        (["one"], "two", "no experiment 'two' is running here; running: one"),
        (["one", "two"], None, "several experiments are running: one, two; choose with --experiment"),
    ],
)
def test_else_the_names_that_there_are_are_told(running: list[str], name: str | None, words: str) -> None:
    with pytest.raises(LiveError) as caught:
        choose_from([registration(other) for other in running], name)
    assert str(caught.value) == words
    assert caught.value.exit_code == 2


def test_one_whose_network_is_not_in_force_cannot_be_acted_on(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    with state.hold("lab", registration("lab", ready=False)), pytest.raises(LiveError, match="not in force"):
        choose_ready(state, None)


def test_nodes_links_and_flows_are_found_by_name() -> None:
    assert find_node(DESIRED, "n2").id == 2
    assert find_link(DESIRED, "n2", "n1") is find_link(DESIRED, "n1", "n2") is DESIRED.links[1]
    assert find_flow(DESIRED, "bulk") is DESIRED.flows[1]
    assert path_of(DESIRED, ["n3", "n2", "n1"]) == (3, 2, 1)


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ("n1", "n4", "there is no link between n1 and n4; n1 has links to n2"),
        ("n2", "n4", "there is no link between n2 and n4; n2 has links to n1, n3"),
        ("n22", "n1", "there is no node 'n22'; did you mean n2?"),
        ("n1", "paris", "there is no node 'paris'; the nodes are n1, n2, n3, n4"),
        ("n1", "n1", "there is no link between n1 and n1; n1 has links to n2"),
    ],
)
def test_a_link_that_is_not_there_brings_those_that_are(a: str, b: str, words: str) -> None:
    with pytest.raises(LiveError) as caught:
        find_link(DESIRED, a, b)
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["n1"], "a route has at least two nodes"),
        (["n1", "n3"], "no link between n1 and n3"),
        (["n1", "n2", "n1"], "visits n1 twice"),
    ],
)
def test_a_route_that_cannot_be_is_refused(names: list[str], words: str) -> None:
    with pytest.raises(LiveError, match=words):
        path_of(DESIRED, names)


def test_a_flow_that_is_not_there_brings_those_that_are() -> None:
    with pytest.raises(LiveError, match=r"no flow 'bulck'; did you mean bulk\?"):
        find_flow(DESIRED, "bulck")
    with pytest.raises(LiveError, match="the flows are bulk"):
        find_flow(DESIRED, "xyz")
    with pytest.raises(LiveError, match="there are no flows"):
        find_flow(Desired(), "xyz")


def test_thousands_of_names_are_not_listed() -> None:
    assert listed(f"n{i}" for i in range(13)) == "n0, n1, n2, n3, n4, n5, n6, n7, n8, n9 and 3 more"
