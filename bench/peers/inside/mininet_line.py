"""A network of Mininet: `mininet_line bridges N` or `mininet_line hosts N`, by Debian's Python.

With `bridges`, two hosts with N Linux bridges in a row between them. With `hosts`, N hosts in a line, each
linked to the next. Mininet is told not to raise limits of the machine, which would stay raised. Names are the
shortest, since those of interfaces have at most 15 characters.
"""

from __future__ import annotations

import resource
import sys
from typing import TYPE_CHECKING, Any

from mininet.log import setLogLevel
from mininet.net import Mininet
from mininet.nodelib import LinuxBridge
from mininet.topo import Topo

from bench.peers.inside.conversation import converse
from bench.peers.inside.iperf import OPTIONS, flow

if TYPE_CHECKING:
    from bench.peers.inside.iperf import Start

PATIENCE_SECONDS = "20"


def main(kind: str, number: str) -> None:
    """Makes it, and obeys `ping`, `iperf SECONDS` and `stop`."""
    setLogLevel("error")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    Mininet.inited = True
    topology, first, second = (bridges if kind == "bridges" else hosts)(int(number))
    network = Mininet(topo=topology, switch=LinuxBridge, controller=None, autoSetMacs=True)
    network.start()
    ends = network.get(first), network.get(second)
    converse(
        {
            "ping": lambda: ping(*ends),
            "iperf": lambda seconds: iperf(*ends, seconds),
            "stop": lambda: network.stop() or {},
        }
    )


def bridges(number: int) -> tuple[Any, str, str]:
    """Hosts with so many bridges between them, and the two."""
    topology = Topo()
    before = topology.addHost("h1")
    for index in range(1, number + 1):
        bridge = topology.addSwitch(f"s{index}")
        topology.addLink(before, bridge)
        before = bridge
    topology.addLink(before, topology.addHost("h2"))
    return topology, "h1", "h2"


def hosts(number: int) -> tuple[Any, str, str]:
    """So many hosts, each linked to the next with a network of its own, and the first two."""
    topology = Topo()
    for index in range(number):
        topology.addHost(f"h{index}", ip=None)
    for index in range(number - 1):
        high, low = divmod(index * 4, 256)
        network = f"10.{high // 256}.{high % 256}"
        ends = {"params1": {"ip": f"{network}.{low + 1}/30"}, "params2": {"ip": f"{network}.{low + 2}/30"}}
        topology.addLink(f"h{index}", f"h{index + 1}", **ends)
    return topology, "h0", "h1"


def ping(first: Any, second: Any) -> dict[str, Any]:
    """One answer, or the error."""
    program = first.popen(["ping", "-n", "-q", "-c", "1", "-w", PATIENCE_SECONDS, second.IP()])
    output, errors = program.communicate()
    return {} if program.returncode == 0 else {"error": f"no answer to a ping: {(output + errors).decode()}"}


def iperf(first: Any, second: Any, seconds: str) -> dict[str, Any]:
    """What a client of iperf3 reports of a flow from the first to the second."""
    return flow(_start(first), _start(second), second.IP(), seconds)


def _start(host: Any) -> Start:
    return lambda command: host.popen(list(command), **OPTIONS)


if __name__ == "__main__":
    main(*sys.argv[1:])
