"""Peers of benchmarks carry traffic, leave nothing behind, and say why where they cannot."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from bench.peers import haproxy, mininet, socat, splice_loop, wireguard
from bench.peers.catalogue import PEERS, Peer
from bench.peers.effort import tree
from bench.peers.enclosure import enclosed
from bench.peers.ends import ends
from bench.peers.measurement import PeerLimitError, PeerMissingError

from nextmini.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.peers.measurement import Throughput

ROOT = Path(__file__).parents[3]
SECONDS = 0.2
PROXY = """
import sys; from bench.peers.{} import proxy
with proxy(1) as one:
    print(one.process, flush=True); sys.stdin.read()
"""
ENCLOSURE = """
import sys; from bench.peers.enclosure import enclosed; from bench.peers.effort import tree
with enclosed("a pair", "veth_pair", ()) as pair:
    print(*tree(pair.process), flush=True); sys.stdin.read()
"""


def gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_each_peer_carries_a_flow_over_two_hops(peer: Peer) -> None:
    assert any(character.isdigit() for character in peer.version())
    measured = peer.throughput(peer.hops[0] if peer.hops else 2, SECONDS)
    assert measured.gbps > 0
    assert measured.cpu_seconds_per_gb is not None
    assert measured.cpu_seconds_per_gb > 0


async def at_once() -> None:
    """Nothing is waited for where memory is not looked at."""


def test_a_network_of_mininet_is_started_measured_and_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mininet, "settled", at_once)
    measured = mininet.scale(3)
    assert measured.start_seconds > 0
    assert measured.stop_seconds > 0


def test_what_is_interrupted_leaves_no_process_and_no_namespace() -> None:
    namespaces = set(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else set()
    with pytest.raises(KeyboardInterrupt), enclosed("a line", "wireguard_line", ("1",)) as line:
        processes = tree(line.process)
        raise KeyboardInterrupt
    # The enclosure's own, its first process inside, and one for each end of the tunnel.
    assert len(processes) == 4
    assert all(map(gone, processes))
    left = set(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else set()
    assert not {"n0", "n1"} & (left - namespaces)


def test_proxies_are_gone_after_an_interrupt() -> None:
    for proxy in (haproxy.proxy, socat.proxy):
        with pytest.raises(KeyboardInterrupt), ends(SECONDS) as both, proxy(both.port) as one:
            raise KeyboardInterrupt
        assert gone(one.process)
        assert gone(both.process.pid)


@pytest.mark.parametrize("started", [PROXY.format("haproxy"), PROXY.format("socat"), ENCLOSURE])
def test_what_was_started_ends_with_who_is_killed(started: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", started], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as starter:
        assert starter.stdout is not None
        held = [os.pidfd_open(int(number)) for number in starter.stdout.readline().split()]
        starter.kill()
        assert held
        for descriptor in held:
            select.select([descriptor], [], [])
            os.close(descriptor)


@pytest.mark.parametrize(
    ("measure", "package"),
    [
        (haproxy.throughput, "haproxy"),
        (socat.throughput, "socat"),
        (mininet.throughput, "mininet"),
        (wireguard.throughput, "wireguard-go"),
    ],
)
def test_a_program_that_is_missing_is_named_with_its_package(
    measure: Callable[[int, float], Throughput],
    package: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PeerMissingError, match=f"apt install {package}$"):
        measure(1, SECONDS)


@pytest.mark.parametrize("peer", [peer for peer in PEERS if peer.hops is None], ids=lambda peer: peer.name)
def test_more_hops_than_a_peer_has_are_refused(peer: Peer) -> None:
    with pytest.raises(PeerLimitError, match=r"1000 .* in a row"):
        peer.throughput(1_000, SECONDS)


def test_a_network_that_mininet_cannot_have_is_refused() -> None:
    with pytest.raises(PeerLimitError, match="Mininet: 1 hosts"):
        mininet.scale(1)


def test_the_reason_of_a_program_inside_is_told() -> None:
    with pytest.raises(RunError, match=r"the line failed: ValueError: .*'many'"):
        with enclosed("the line", "wireguard_line", ("many",)):
            pytest.fail("it began")


def test_a_chain_that_begins_nowhere_is_no_measurement() -> None:
    with ends(SECONDS) as both, pytest.raises(RunError, match=r"the ends of a chain failed: .*refused"):
        both.through(1, SECONDS)


def test_no_relays_are_a_direct_connection() -> None:
    assert splice_loop.throughput(0, SECONDS).gbps > 0
