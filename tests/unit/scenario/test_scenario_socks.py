"""Entrances to the network: what comes out of their tables, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from nextmini.errors import ScenarioError
from nextmini.scenario import Network, Socks, dump, loads, resolve

if TYPE_CHECKING:
    from pathlib import Path

_BASE: dict[str, Any] = {
    "experiment": {"name": "x"},
    "topology": {"kind": "line", "nodes": ["a", "b", "c"]},
}
_APART = {"network": {"isolation": "namespace"}}


def network(*socks: dict[str, Any], **tables: Any) -> Network:
    made = resolve(loads(json.dumps({**_BASE, "socks": socks, **tables}), "json"))
    assert resolve(loads(dump(made))) == made
    return made


def refused(*socks: dict[str, Any], **tables: Any) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        loads(json.dumps({**_BASE, "socks": socks, **tables}), "json")
    assert all(problem.remedy for problem in caught.value.problems)
    return [str(problem).split(": ", 1)[1] for problem in caught.value.problems]


def test_what_is_left_out_is_filled_in() -> None:
    made = network({"node": "b"})
    assert [node.socks for node in made.nodes] == [
        (),
        (Socks("127.0.0.1:1080", "max", None, (), 4096),),
        (),
    ]


def test_what_is_said_is_kept() -> None:
    said = {"listen": "[::1]:01080", "mode": "normal", "exit": "c", "connections": 7}
    made = network({"node": "a", **said}, {"node": "c"}, {"node": "a", "listen": 9050})
    assert made.nodes[0].socks == (
        Socks("[::1]:1080", "normal", 3, (), 7),
        Socks("127.0.0.1:9050", "max", None, (), 4096),
    )
    assert len(made.nodes[2].socks) == 1


@pytest.mark.parametrize(
    ("listen", "kept"),
    [
        (1, "127.0.0.1:1"),
        ("0.0.0.0:65535", "0.0.0.0:65535"),
        ("[::]:80", "[::]:80"),
        ("[FD00:0::1]:80", "[fd00::1]:80"),
        ("10.0.0.1:080", "10.0.0.1:80"),
    ],
)
def test_where_it_may_listen(listen: object, kept: str) -> None:
    made = network({"node": "a", "listen": listen}, **_APART)
    assert made.nodes[0].socks[0].listen == kept


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"node": "d"}, 'socks[0].node: there is no node "d"; '),
        ({"exit": "aa"}, 'socks[0].exit: there is no node "aa"; '),
        ({"exit": 1}, "socks[0].exit: expected the name of a node as text, got 1"),
        ({"listen": ":1080"}, 'socks[0].listen: ":1080" is not an address with a port; write it as in'),
        ({"listen": 0}, "socks[0].listen: 0 is not an address with a port; "),
        ({"listen": 65536}, "socks[0].listen: 65536 is not an address with a port; "),
        ({"listen": True}, "socks[0].listen: true is not an address with a port; "),
        ({"listen": "localhost:1080"}, 'socks[0].listen: "localhost:1080" is not an address with a port; '),
        ({"listen": "127.0.0.1:0"}, 'socks[0].listen: "127.0.0.1:0" is not an address with a port; '),
        ({"listen": "127.0.0.1"}, 'socks[0].listen: "127.0.0.1" is not an address with a port; '),
        ({"listen": "::1:1080"}, 'socks[0].listen: "::1:1080" is not an address with a port; '),
        ({"listen": "[127.0.0.1]:80"}, 'socks[0].listen: "[127.0.0.1]:80" is not an address with a port; '),
        ({"listen": "[fe80::1%lo]:80"}, 'socks[0].listen: "[fe80::1%lo]:80" is not an address with a port'),
        ({"listen": "[::ffff:127.0.0.1]:80"}, "socks[0].listen: "),
        ({"mode": "fast"}, 'socks[0].mode: "fast" is not possible; write "max" or "normal"'),
        ({"connections": 0}, "socks[0].connections: 0 is too small; "),
        ({"connections": 100_001}, "socks[0].connections: 100001 is too large; "),
        ({"users": 3}, "socks[0].users: expected the path of a file as text, got 3; "),
        ({"user": "x"}, "socks[0].user: unknown key; did you mean users?"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_each_mistake_has_its_words(change: dict[str, Any], told: str) -> None:
    found = refused({"node": "a"} | change)
    assert len(found) == 1, found
    assert found[0].startswith(told), found


class TestPlaces:
    """No two entrances are at the same place, and none where it may not be."""

    def test_nodes_share_the_machine_where_they_have_no_network(self) -> None:
        (told,) = refused({"node": "a"}, {"node": "b"})
        assert told == (
            "socks[1].listen: socks[0] listens at this address and port too, on this machine, which nodes "
            "share; give each a port of its own"
        )
        assert network({"node": "a"}, {"node": "b", "listen": 1081})
        assert network({"node": "a"}, {"node": "b", "listen": "[::1]:1080"})

    def test_in_a_network_of_their_own_they_do_not(self) -> None:
        assert network({"node": "a"}, {"node": "b"}, **_APART)
        (told,) = refused({"node": "a"}, {"node": "a"}, **_APART)
        assert told.startswith(
            "socks[1].listen: socks[0] listens at this address and port too, in this node;"
        )

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("10.0.0.1:80", "0.0.0.0:80"),
            ("[::]:80", "127.0.0.1:80"),
            ("[::1]:80", "0.0.0.0:80"),
            ("[::1]:80", "[0::1]:80"),
        ],
    )
    def test_all_addresses_are_each_of_them(self, one: str, other: str) -> None:
        (told,) = refused({"node": "a", "listen": one}, {"node": "a", "listen": other}, **_APART)
        assert told.startswith("socks[1].listen: socks[0] listens at this address and port too")

    def test_the_machine_is_reached_from_itself_only(self) -> None:
        told = refused({"node": "a", "listen": "0.0.0.0:1080"}, {"node": "b", "listen": "[fd00::1]:1080"})
        assert told[0] == (
            "socks[0].listen: 0.0.0.0:1080 is not a loopback address, and nodes have no network of their "
            'own; write "127.0.0.1:1080", or isolation = "namespace" under [network]'
        )
        assert told[1].startswith("socks[1].listen: [fd00::1]:1080 is not a loopback address")
        assert network({"node": "a", "listen": "127.9.9.9:1080"})

    def test_what_is_not_known_is_not_blamed(self) -> None:
        socks = ({"node": "a", "listen": "0.0.0.0:1080"}, {"node": "b", "listen": "0.0.0.0:1080"})
        assert [one.split(":")[0] for one in refused(*socks, network={"isolation": "namespac"})] == [
            "network.isolation"
        ]
        told = refused({"node": "a", "listen": "x"}, {"node": "b"})
        assert [one.split(":")[0] for one in told] == ["socks[0].listen"]


class TestLinks:
    _SLOW = ({"ends": ["a", "b"], "delay": "1 ms"},)

    def test_nothing_leaves_a_node_all_of_whose_links_are_asked_for_more_than_a_rate(self) -> None:
        (told,) = refused({"node": "a"}, links=self._SLOW)
        assert told == (
            "socks[0].mode: in max mode nothing can leave a: the link a - b is asked for `delay`; "
            'write mode = "normal", or take `delay` away'
        )

    @pytest.mark.parametrize(
        "entrance", [{"node": "b"}, {"node": "a", "mode": "normal"}, {"node": "a", "exit": "a"}]
    )
    def test_elsewhere_it_is_seen_when_somebody_connects(self, entrance: dict[str, Any]) -> None:
        assert network(entrance, links=self._SLOW)

    def test_a_node_without_links_has_an_entrance_all_the_same(self) -> None:
        assert network({"node": "a"}, topology={"kind": "custom", "nodes": ["a"]})


class TestNumbers:
    def test_of_entrances(self) -> None:
        many = [{"node": "a", "listen": port} for port in range(1, 102)]
        assert refused(*many) == ['socks: "a" has 101 entrances; keep to 100 for each node']
        assert len(network(*many[1:]).nodes[0].socks) == 100

    def test_of_users(self, tmp_path: Path) -> None:
        (tmp_path / "u").write_text("".join(f"{number}:x\n" for number in range(2501)))
        two = [{"node": "a", "listen": port, "users": str(tmp_path / "u")} for port in (1, 2)]
        assert refused(*two) == ['socks: the entrances of "a" have 5,002 users; keep to 5,000 for each node']
