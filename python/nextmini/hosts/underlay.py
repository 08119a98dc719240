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
from contextlib import ExitStack
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

from nextmini.errors import PrerequisiteError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PREFIX = IPv4Network("198.18.0.0/15")
"""Addresses for tests of devices (RFC 2544, appendix C.2.2), which nobody routes."""
DEVICE = "under0"
PORTS = 500
"""Nodes on a bridge."""
_MTU = 65_521
"""So that a batch of packets is one; a bridge takes no more."""


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
    from pyroute2 import NetNS, netns
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        netns.create(hub)
        with NetNS(hub) as link:
            bridges = _bridges(link, -(-len(nodes) // PORTS))
            for process, node in enumerate(nodes):
                _join(link, bridges[process // PORTS], process, node)
    except (NetlinkError, OSError) as error:
        raise PrerequisiteError(
            f"the bridges between the nodes' processes cannot be made: {error}", "see `nextmini doctor`"
        ) from error


def _bridges(link: Any, count: int) -> list[int]:
    """Makes bridges, all joined to the first one; returns their numbers."""
    bridges = []
    for number in range(count):
        link.link("add", ifname=f"br{number}", kind="bridge", mtu=_MTU)
        (index,) = link.link_lookup(ifname=f"br{number}")
        link.link("set", index=index, state="up")
        bridges.append(index)
        if number > 0:
            ends = {"ifname": f"up{number}", "peer": {"ifname": f"down{number}", "mtu": _MTU}}
            link.link("add", kind="veth", mtu=_MTU, **ends)
            for end, master in ((f"up{number}", index), (f"down{number}", bridges[0])):
                (port,) = link.link_lookup(ifname=end)
                link.link("set", index=port, master=master, state="up")
    return bridges


def _join(link: Any, bridge: int, process: int, node: Path) -> None:
    """Joins a node's namespace to a bridge."""
    from pyroute2 import NetNS

    with ExitStack() as stack:
        descriptor = os.open(node, os.O_RDONLY | os.O_CLOEXEC)
        stack.callback(os.close, descriptor)
        peer = {"ifname": DEVICE, "net_ns_fd": descriptor, "mtu": _MTU}
        link.link("add", ifname=f"n{process}", kind="veth", master=bridge, state="up", mtu=_MTU, peer=peer)
        inside = stack.enter_context(NetNS(str(node)))
        (index,) = inside.link_lookup(ifname=DEVICE)
        inside.addr("add", index=index, address=str(address(process)), prefixlen=PREFIX.prefixlen)
        inside.link("set", index=index, state="up")
