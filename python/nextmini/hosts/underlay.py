"""What links between nodes run over that have a dataplane process each: Ethernet inside one machine.

```
 node 1              hub, a network namespace of the experiment              node 2
 under0 ── veth ── port of a bridge ── (bridges joined by veth) ── port ── veth ── under0
```

All of it is in namespaces of the experiment, nothing in the machine's own: no rules of a firewall apply, and
no name collides. A bridge takes 1,023 ports (BR_MAX_PORTS), and is slower to add to the more it has, so there
are several.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

from nextmini.errors import PrerequisiteError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyroute2 import IPRoute

PREFIX = IPv4Network("198.18.0.0/15")
"""Addresses for tests of devices (RFC 2544, appendix C.2.2), which nobody routes."""
DEVICE = "under0"
PORTS = 500
"""Nodes on a bridge."""
_MTU = 65_521
"""So that a batch of packets is one; a bridge takes no more."""


def path_of(name: str) -> Path:
    """The file of the namespace of this name."""
    return Path("/run/netns", name)


def hub_name(experiment: str) -> str:
    """The namespace of the bridges, which no node's is called."""
    return f"{experiment}.hub"


def address(process: int) -> IPv4Address:
    """Where the links of a process, counted from 0, are."""
    return PREFIX[process + 1]


def build(hub: str, nodes: Sequence[Path]) -> None:
    """Makes the namespace `hub`, and joins the namespaces of nodes to it, in the order of their processes.

    Raises PrerequisiteError if that is not possible.
    """
    # Late: it takes a quarter of a second to import.
    from pyroute2.netlink.exceptions import NetlinkError

    from nextmini import _native

    try:
        _native.create_bare_namespace(hub)
        inside(path_of(hub), lambda link: _fill(link, nodes))
        for process, node in enumerate(nodes):
            inside(node, partial(_address, process))
    except (NetlinkError, OSError) as error:
        raise PrerequisiteError(
            f"the bridges between the nodes' processes cannot be made: {error}", "see `nextmini doctor`"
        ) from error


def inside(namespace: Path, work: Callable[[IPRoute], None]) -> None:
    """Does `work` with the network of a namespace, on a thread that ends there. Raises what it raises.

    Not by pyroute2's own way into namespaces: it forks, and a child that is ended by a signal tells the event
    loop that it was forked from of that signal.
    """
    from pyroute2 import IPRoute

    from nextmini import _native

    def visit() -> None:
        _native.enter_namespace(namespace, [])
        with IPRoute() as link:
            work(link)

    with ThreadPoolExecutor(1) as thread:
        thread.submit(visit).result()


def _fill(link: IPRoute, nodes: Sequence[Path]) -> None:
    """Makes bridges with a port for each of the nodes, and the other ends in these."""
    bridges = _bridges(link, -(-len(nodes) // PORTS))
    for process, node in enumerate(nodes):
        descriptor = os.open(node, os.O_RDONLY | os.O_CLOEXEC)
        try:
            peer = {"ifname": DEVICE, "net_ns_fd": descriptor, "mtu": _MTU}
            port = {"ifname": f"n{process}", "mtu": _MTU, "state": "up"}
            link.link("add", kind="veth", master=bridges[process // PORTS], peer=peer, **port)
        finally:
            os.close(descriptor)


def _bridges(link: IPRoute, count: int) -> list[int]:
    """Makes bridges, all joined to the first one; returns their numbers."""
    bridges: list[int] = []
    for number in range(count):
        link.link("add", ifname=f"br{number}", kind="bridge", mtu=_MTU)
        (index,) = link.link_lookup(ifname=f"br{number}")
        link.link("set", index=index, state="up")
        bridges.append(index)
        if number > 0:
            peer = {"ifname": f"down{number}", "mtu": _MTU}
            link.link("add", ifname=f"up{number}", kind="veth", mtu=_MTU, peer=peer)
            for end, master in ((f"up{number}", index), (f"down{number}", bridges[0])):
                (port,) = link.link_lookup(ifname=end)
                link.link("set", index=port, master=master, state="up")
    return bridges


def _address(process: int, link: IPRoute) -> None:
    (index,) = link.link_lookup(ifname=DEVICE)
    link.addr("add", index=index, address=str(address(process)), prefixlen=PREFIX.prefixlen)
    link.link("set", index=index, state="up")
