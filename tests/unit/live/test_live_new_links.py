from __future__ import annotations

from typing import Any

import pytest

from nextmini.errors import ScenarioError
from nextmini.live.choice import LiveError
from nextmini.live.new_links import new_link
from nextmini.scenario import Link, loads, resolve
from nextmini.store import Desired, RegisteredSite

NETWORK = resolve(
    loads("""
[experiment]
name = "lab"
processes = 2
[network]
mtu = 1400
[topology]
kind = "line"
nodes = 6
""")
)
"""Nodes n1, n2 and n3 are in one process, the others in another."""
DESIRED = Desired(
    nodes={node.id: node for node in NETWORK.nodes}, links={link.id: link for link in NETWORK.links}
)


def made(a: str, b: str, **said: Any) -> Link:
    return new_link(DESIRED, a, b, said)


def test_a_link_of_which_nothing_is_said_is_as_usual() -> None:
    link = made("n3", "n1")
    assert (link.a, link.b, link.transport, link.congestion) == (3, 1, "memory", "cubic")
    assert (link.mtu, link.cost, link.forward.texts()) == (1400, 1.0, {})
    assert made("n1", "n4").transport == "tcp"


def test_between_sites_it_is_encrypted() -> None:
    sites = tuple(RegisteredSite(f"s{first}", first, 1, "nextmini ...") for first in (0, 1))
    assert new_link(DESIRED, "n1", "n4", {}, sites).transport == "quic"
    assert new_link(DESIRED, "n1", "n3", {}, sites).transport == "memory"
    assert new_link(DESIRED, "n1", "n4", {"transport": "tls"}, sites).transport == "tls"
    for plain in ("tcp", "memory"):
        with pytest.raises(ScenarioError, match='write "quic" or "tls"'):
            new_link(DESIRED, "n1", "n4", {"transport": plain}, sites)


def test_what_carries_it_may_be_said() -> None:
    link = made("n1", "n4", transport="quic", congestion="bbr", delay="5 ms")
    assert (link.transport, link.congestion) == ("quic", "bbr")
    assert link.forward.texts() == link.backward.texts() == {"delay": "5 ms"}
    plain = made("n1", "n3", transport="quic")
    assert (plain.transport, plain.datagrams) == ("quic", False)
    assert made("n1", "n3", transport="quic", datagrams=True).datagrams
    sealed = made("n1", "n4", transport="tls", congestion="reno")
    assert (sealed.transport, sealed.congestion) == ("tls", "reno")
    assert made("n1", "n3", transport="auto", congestion="dctcp").congestion == "dctcp"
    assert made("n1", "n4", transport=None, congestion=None).transport == "tcp"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            {"transport": "udp"},
            'transport: "udp" is not possible; write "auto", "memory", "tcp", "quic" or "tls"',
        ),
        (
            {"transport": "memory"},
            (
                "transport: memory cannot carry it from process 1 to process 2; "
                'write "auto", "tcp", "tls" or "quic"'
            ),
        ),
        (
            {"transport": "quic", "congestion": "vegas"},
            'congestion: "vegas" is no congestion control of QUIC links; write "cubic", "reno" or "bbr", or ',
        ),
        (
            {"transport": "tcp", "datagrams": True},
            "datagrams: only QUIC links have datagrams, and this one is carried by tcp; write transport",
        ),
        ({"congestion": "no such"}, 'congestion: "no such" cannot be a congestion control'),
        ({"delay": "5"}, "delay: "),
    ],
)
def test_settings_that_cannot_be_are_refused(said: dict[str, Any], told: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        made("n1", "n4", **said)
    assert str(refused.value).startswith(f"link n1 - n4: {told}")


@pytest.mark.parametrize(
    ("ends", "said", "told"),
    [
        (("n1", "n1"), {}, "not n1 to itself"),
        (("n2", "n1"), {}, "n2 and n1 are joined already"),
        (("n1", "n9"), {}, "n9"),
        (("n1", "n3"), {"cost": "2"}, "cost cannot be given"),
        (("n1", "n3"), {"forward": {}}, "forward cannot be given"),
    ],
)
def test_there_is_no_link_between_nodes_that_cannot_have_one(
    ends: tuple[str, str], said: dict[str, Any], told: str
) -> None:
    with pytest.raises(LiveError, match=told):
        made(*ends, **said)
