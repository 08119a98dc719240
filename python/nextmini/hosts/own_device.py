"""The TUN device of a node whose network namespace is that of its dataplane process, as in a container.

Nobody has to enter a namespace, which takes CAP_SYS_ADMIN: CAP_NET_ADMIN is enough. Beside the node's device
there is the one by which links and the controller are reached, whose addresses must be others than nodes'.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import stat
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nextmini.errors import PrerequisiteError
from nextmini.hosts.address_order import GAI
from nextmini.hosts.own_address import address_towards

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyroute2 import IPRoute

TUN = Path("/dev/net/tun")
_TUN_NUMBER = os.makedev(10, 200)
HOSTS, GAI_CONF = Path("/etc/hosts"), Path("/etc/gai.conf")
_BEGIN, _END = "# nodes of the experiment\n", "# other machines\n"

# linux/if_tun.h
_TUNSETIFF, _TUNSETPERSIST = 0x400454CA, 0x400454CB
_IFF_TUN, _IFF_MULTI_QUEUE, _IFF_NO_PI, _IFF_VNET_HDR = 0x0001, 0x0100, 0x1000, 0x4000
_TX_QUEUE = 1_000
"""Packets; as in namespaces that Nextmini makes."""
_ADDRESSES_OF_NOBODY = 1
"""IN6_ADDR_GEN_MODE_NONE: the device has no IPv6 address that nobody asked for."""
_NO_DETECTION = 0x02
"""IFA_F_NODAD"""


@dataclass(frozen=True, slots=True)
class OwnNode:
    """A node, its device, and what is the same for all nodes."""

    name: str
    device: str
    address: IPv4Interface
    address6: tuple[str, int] | None
    mtu: int
    queues: int
    names: tuple[tuple[str, str], ...]
    """Addresses and names of all nodes."""


def read_node(file: Path, process: int) -> OwnNode:
    """The node of a process, in a file that a deployment has. Raises PrerequisiteError."""
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        mine = [node for node in said["nodes"] if node["process"] == process]
        if len(mine) == 1:
            return _node(said, mine[0])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PrerequisiteError(
            f"--nodes: {file} does not say which nodes there are: {error!r}",
            "give the file that `nextmini compose` has made",
        ) from error
    raise PrerequisiteError(
        f"--nodes: process {process} has {len(mine)} nodes in {file}, and the network here is one node's",
        "leave --nodes out, or start a process for each node",
    )


def _node(said: dict[str, Any], mine: dict[str, Any]) -> OwnNode:
    return OwnNode(
        name=mine["name"],
        device=mine["device"],
        address=IPv4Interface(f"{mine['address']}/{said['prefix']}"),
        address6=None if mine["address6"] is None else (mine["address6"], said["prefix6"]),
        mtu=said["mtu"],
        queues=said["queues"],
        names=tuple(
            (node[key], node["name"])
            for node in said["nodes"]
            for key in ("address", "address6")
            if node[key] is not None
        ),
    )


def make(node: OwnNode, controller: str) -> None:
    """Makes the device of this machine's only node, and has all nodes known by name.

    `controller` is the controller's URL, which is reached afterwards as before. A device that is there
    already, of a process that has ended, is used again. Raises PrerequisiteError.
    """
    own = address_towards(controller)
    provide_file()
    _make_device(node)
    # Late: it takes a quarter of a second to import.
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        with IPRoute() as link:
            check_apart(node, _interface(link, own))
            _set_up(link, node)
    except (NetlinkError, OSError) as error:
        raise _failed(node, error) from error
    if address_towards(controller) != own:
        raise PrerequisiteError(
            f"the controller is at an address inside of {node.address.network}, which is the nodes'",
            "write another network.prefix, which is not that of this machine's network",
        )
    write_hosts(HOSTS, node.names)
    GAI_CONF.write_text(GAI, encoding="ascii")


def provide_file(path: Path = TUN) -> None:
    """Makes the device file, which who starts a container of a cluster cannot name.

    Raises PrerequisiteError if whoever runs this container does not allow it.
    """
    if path.exists():
        return
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        os.mknod(path, stat.S_IFCHR | 0o666, _TUN_NUMBER)
    except FileExistsError:
        return
    except OSError as error:
        raise PrerequisiteError(
            f"there is no {path} in this container, and it cannot be made: {error.strerror}",
            "run it as root with the capability MKNOD, or give it that device",
        ) from error


def check_apart(node: OwnNode, outside: IPv4Interface) -> None:
    """Raises PrerequisiteError if addresses of nodes are those of the network that links run over."""
    for address, name in node.names:
        if ":" not in address and IPv4Address(address) in outside.network:
            raise PrerequisiteError(
                f"node {name} has the address {address}, inside of {outside.network}, "
                "which is the network that connects containers",
                "write another network.prefix, or have that network elsewhere",
            )


def _make_device(node: OwnNode) -> None:
    flags = _IFF_TUN | _IFF_NO_PI | _IFF_VNET_HDR | (_IFF_MULTI_QUEUE if node.queues > 1 else 0)
    request = struct.pack("16sH22x", node.device.encode(), flags)
    try:
        tun = os.open(TUN, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(tun, _TUNSETIFF, request)
            fcntl.ioctl(tun, _TUNSETPERSIST, 1)
        finally:
            os.close(tun)
    except OSError as error:
        raise _failed(node, error) from error


def _failed(node: OwnNode, error: Exception) -> PrerequisiteError:
    told = f"the device {node.device} of node {node.name} cannot be made: {error}"
    if isinstance(error, FileNotFoundError):
        return PrerequisiteError(told, f"load the module tun, and give the container the device {TUN}")
    return PrerequisiteError(
        told, f"give the container the capability NET_ADMIN and the device {TUN}, and run it as root"
    )


def _interface(link: IPRoute, own: str) -> IPv4Interface:
    """The address of this machine with its network."""
    for found in link.get_addr(family=socket.AF_INET):
        if found.get_attr("IFA_LOCAL") == own:
            return IPv4Interface(f"{own}/{found['prefixlen']}")
    return IPv4Interface(own)


def _set_up(link: IPRoute, node: OwnNode) -> None:
    (index,) = link.link_lookup(ifname=node.device)
    mode = [["IFLA_INET6_ADDR_GEN_MODE", _ADDRESSES_OF_NOBODY]]
    quiet = {"attrs": [["AF_INET6", {"attrs": mode}]]}
    link.link("set", index=index, mtu=node.mtu, txqlen=_TX_QUEUE, IFLA_AF_SPEC=quiet)
    link.link("set", index=index, state="up")
    ip, length = node.address.ip, node.address.network.prefixlen
    link.addr("replace", index=index, address=str(ip), prefixlen=length)
    if node.address6 is not None:
        address6, length6 = node.address6
        link.addr(
            "replace",
            index=index,
            family=socket.AF_INET6,
            address=address6,
            prefixlen=length6,
            flags=_NO_DETECTION,
        )


def write_hosts(path: Path, names: Sequence[tuple[str, str]]) -> None:
    """Puts the nodes in front of what is there: containers have names too, by which links are gone around."""
    try:
        before = path.read_text(encoding="utf-8")
        if before.startswith(_BEGIN):  # of a process that has ended
            before = before.partition(_END)[2]
        lines = "".join(f"{address} {name}\n" for address, name in names)
        path.write_text(f"{_BEGIN}{lines}{_END}{before}", encoding="utf-8")
    except OSError as error:
        raise PrerequisiteError(
            f"names of nodes cannot be written to {path}: {error.strerror}", "run the container as root"
        ) from error
