"""What Mininet prints, to the byte."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nextmini.hosts.probes import Outcome, Pair
from nextmini.live import mininet_text as text
from nextmini.live.wiring import Wiring
from nextmini.scenario import loads, resolve
from nextmini.store import Desired

NETWORK = resolve(
    loads("""
[experiment]
name = "lab"
[topology]
kind = "custom"
nodes = ["h1", "s1", "h2"]
[[links]]
ends = ["h1", "s1"]
[[links]]
ends = ["h2", "s1"]
""")
)
DESIRED = Desired(
    nodes={node.id: node for node in NETWORK.nodes}, links={link.id: link for link in NETWORK.links}
)
WIRING = Wiring.of(DESIRED)


def outcome(source: str, destination: str, *times: float, sent: int = 1, **more: int) -> Outcome:
    return Outcome(Pair(source, destination, "10.0.0.9"), sent, times=list(times), elapsed=3.0041, **more)


def test_nodes() -> None:
    assert text.nodes(["s1", "h2", "h1"]) == "available nodes are: \nh1 h2 s1\n"


def test_net() -> None:
    assert text.net(WIRING) == (
        "h1 h1-eth0:s1-eth0\ns1 s1-eth0:h1-eth0 s1-eth1:h2-eth0\nh2 h2-eth0:s1-eth1\n"
    )


def test_dump() -> None:
    assert text.dump(WIRING, {"h1": 11, "s1": 12, "h2": None}) == (
        "<Host h1: h1-eth0:10.0.0.1 pid=11> \n"
        "<Host s1: s1-eth0:10.0.0.2,s1-eth1:None pid=12> \n"
        "<Host h2: h2-eth0:10.0.0.3 pid=None> \n"
    )


def test_links() -> None:
    assert text.links(WIRING) == "h1-eth0<->s1-eth0 (OK OK) \nh2-eth0<->s1-eth1 (OK OK) \n"


def test_links_that_are_down() -> None:
    links = {id: replace(link, up=id != 1) for id, link in DESIRED.links.items()}
    nodes = {id: replace(node, up=node.name != "h2") for id, node in DESIRED.nodes.items()}
    assert text.links(Wiring.of(Desired(DESIRED.nodes, links))) == (
        "h1-eth0<->s1-eth0 (DOWN DOWN) \nh2-eth0<->s1-eth1 (OK OK) \n"
    )
    assert text.links(Wiring.of(Desired(nodes, DESIRED.links))) == (
        "h1-eth0<->s1-eth0 (OK OK) \nh2-eth0<->s1-eth1 (DOWN DOWN) \n"
    )


def test_interfaces_and_ports() -> None:
    assert text.interfaces(WIRING) == "h1: h1-eth0\ns1: s1-eth0,s1-eth1\nh2: h2-eth0\n"
    assert text.ports(WIRING) == "h1 h1-eth0:0 \ns1 s1-eth0:0 s1-eth1:1 \nh2 h2-eth0:0 \n"


def test_a_node_without_links_has_no_interfaces() -> None:
    wiring = Wiring.of(Desired(DESIRED.nodes))
    assert text.net(wiring) == "h1\ns1\nh2\n"
    assert text.ports(wiring).startswith("h1 \n")


def test_pings() -> None:
    outcomes = [outcome("h1", "h2", 0.0001), outcome("h1", "h3"), outcome("h2", "h1", 0.0002)]
    assert [text.ping_row(*row) for row in text.rows(outcomes)] == ["h1 -> h2 X \n", "h2 -> h1 \n"]
    assert text.ping_summary(outcomes) == "*** Results: 33% dropped (2/3 received)\n"
    assert text.ping_summary(outcomes[:1] * 2) == "*** Results: 0% dropped (2/2 received)\n"
    assert text.ping_summary([]) == "*** Warning: No packets sent\n"


def test_pings_with_times() -> None:
    outcomes = [outcome("h1", "h2", 0.0001, 0.0003, sent=2), outcome("h2", "h1")]
    assert text.ping_details(outcomes) == (
        "*** Results: \n"
        " h1->h2: 2/2, rtt min/avg/max/mdev 0.100/0.200/0.300/0.100 ms\n"
        " h2->h1: 1/0, rtt min/avg/max/mdev 0.000/0.000/0.000/0.000 ms\n"
    )


def test_the_last_words_of_ping() -> None:
    assert text.ping_statistics(outcome("h1", "h2", 0.0001, 0.0003, sent=4)) == (
        "--- h1 -> h2 ping statistics ---\n"
        "4 packets transmitted, 2 received, 50% packet loss, time 3004ms\n"
        "rtt min/avg/max/mdev = 0.100/0.200/0.300/0.100 ms\n"
    )
    assert text.ping_statistics(outcome("h1", "h2", sent=3, unreachable=2)) == (
        "--- h1 -> h2 ping statistics ---\n"
        "3 packets transmitted, 0 received, +2 errors, 100% packet loss, time 3004ms\n"
    )


def test_bandwidth_between_two_nodes() -> None:
    assert text.iperf_title("TCP", "h1", "h2") == "*** Iperf: testing TCP bandwidth between h1 and h2 \n"
    assert text.iperf_result(["9.56 Mbits/sec", "9.90 Mbits/sec"]) == (
        "*** Results: ['9.56 Mbits/sec', '9.90 Mbits/sec']\n"
    )


@pytest.mark.parametrize(
    ("rate", "shown"),
    [
        (0, "0.00 bits/sec"),
        (999, "999 bits/sec"),
        (999.6, "1.00 Kbits/sec"),
        (9_556_000, "9.56 Mbits/sec"),
        (9_996_000, "10.0 Mbits/sec"),
        (99_960_000, "100 Mbits/sec"),
        (12_340_000_000, "12.3 Gbits/sec"),
        (1_234_000_000_000, "1234 Gbits/sec"),
    ],
)
def test_rates_have_three_digits(rate: float, shown: str) -> None:
    assert text.bandwidth(rate) == shown


def test_elapsed() -> None:
    assert text.elapsed(0.0000544) == "*** Elapsed time: 0.000054 secs\n"
