"""What Nextmini needs of a machine: each need a function that looks and says what it has found.

Looking changes nothing. What only some scenarios need is at worst a warning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.hosts.checks import basics, bridging, limits, networking
from nextmini.hosts.checks.check import Check, Status
from nextmini.hosts.checks.needs import NODES, Needs

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["NODES", "Check", "Status", "all_checks"]


def all_checks(state: Path, nodes: int = NODES) -> list[Check]:
    """All checks of this machine, for networks of so many nodes; `state` is the state folder."""
    needs = Needs(nodes)
    return [
        basics.operating_system(),
        basics.python_version(),
        basics.native_module(),
        basics.postgresql(),
        basics.user_namespaces(),
        basics.state_folder(state),
        basics.disk_space(state),
        limits.memory(needs),
        limits.descriptors(needs),
        limits.all_descriptors(needs),
        limits.processes(needs),
        networking.congestion_control(),
        networking.tun_device(),
        networking.network_namespaces(),
        networking.nftables(),
        limits.namespace_numbers(needs),
        limits.mounts(needs),
        limits.watches(needs),
        networking.programs(),
        bridging.neighbours(needs),
        bridging.bridge_ports(needs),
        bridging.filtered_bridges(),
        bridging.forwarding(),
    ]
