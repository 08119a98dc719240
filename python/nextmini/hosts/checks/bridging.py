"""What is in the way of packets on bridges of the kernel: neighbours, ports, and packet filters.

Bridges carry the links of nodes with a process each, in a namespace of the experiment where no filters are.
Filters matter to whoever joins nodes, or anything else, to bridges and networks of this machine.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from nextmini.hosts.checks.check import PROC, Check, attempt, setting
from nextmini.hosts.checks.needs import Needs

if TYPE_CHECKING:
    from pathlib import Path

BRIDGE_PORTS = 1_023
_ONLY = 'only matters for isolation = "process"'
_ELSEWHERE = "only matters to who joins nodes to other networks"
_USUAL = Needs()


def neighbours(needs: Needs = _USUAL, proc: Path = PROC) -> Check:
    """Hosts on one bridge know each other's link-layer addresses."""
    tables = {f"net.{family}.neigh.default.gc_thresh3": None for family in ("ipv4", "ipv6")}
    known = {name: most for name in tables if (most := setting(name, proc)) is not None}
    found = ", ".join(f"{name} {most:,}" for name, most in known.items()) or "no limit can be seen"
    short = [f"{name}={4 * needs.nodes}" for name, most in known.items() if most < needs.nodes]
    if not short:
        return Check("neighbour tables", "ok", found)
    return Check("neighbour tables", "warning", found, f"{_ONLY}: `sysctl {' '.join(short)}`")


def bridge_ports(needs: Needs = _USUAL) -> Check:
    """The kernel's bridges have so many ports."""
    found = f"a bridge has {BRIDGE_PORTS:,}"
    if needs.nodes <= BRIDGE_PORTS:
        return Check("bridge ports", "ok", found)
    return Check("bridge ports", "note", found, f"{_ONLY}, which takes several: bridges of your own do not")


def filtered_bridges(proc: Path = PROC) -> Check:
    """The module br_netfilter, which Docker loads, lets iptables see what bridges forward."""
    name = "net.bridge.bridge-nf-call-iptables"
    if not setting(name, proc):
        return Check("bridges and iptables", "ok", "bridged packets do not pass through iptables")
    remedy = f"{_ELSEWHERE}: `sysctl {name}=0`, or rules that let their packets pass"
    return Check(
        "bridges and iptables", "warning", f"bridged packets pass through iptables ({name} = 1)", remedy
    )


def forwarding(proc: Path = PROC) -> Check:
    """Docker sets the policy of forwarded packets to DROP."""
    policy = _nft_policy() or _iptables_policy(proc)
    if policy is None:
        return Check("forwarding", "ok", "no policy can be seen")
    if policy != "DROP":
        return Check("forwarding", "ok", f"iptables: FORWARD {policy}")
    remedy = f"{_ELSEWHERE}: `iptables -P FORWARD ACCEPT`, or rules in the chain DOCKER-USER"
    return Check("forwarding", "warning", "iptables: FORWARD DROP, as Docker sets it", remedy)


def _nft_policy() -> str | None:
    if shutil.which("nft") is None:
        return None
    works, said = attempt(["nft", "list", "chain", "ip", "filter", "FORWARD"])
    match = re.search(r"policy (\w+);", said) if works else None
    return None if match is None else match[1].upper()


def _iptables_policy(proc: Path) -> str | None:
    # Without tables of its kind, the program would load the kernel's module for them.
    if shutil.which("iptables") is None or not (proc / "net/ip_tables_names").exists():
        return None
    works, said = attempt(["iptables", "-S", "FORWARD"])
    match = re.search(r"^-P FORWARD (\w+)", said, re.MULTILINE) if works else None
    return None if match is None else match[1]
