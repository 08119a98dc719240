"""How what nodes have on a machine is called."""

from __future__ import annotations

import re

MOST_DEVICE_NAME = 15
"""Bytes in the name of a network device (IFNAMSIZ)."""

_DEVICE = re.compile(r"[A-Za-z0-9_.-]+")


def namespace_name(experiment: str, node: str) -> str:
    """The network namespace of a node, as `ip netns` shows it."""
    return f"{experiment}-{node}"


def device_name(node: str) -> str:
    """The network device of a node: as Mininet calls it, where a device may have so long a name."""
    name = f"{node}-eth0"
    return name if len(name) <= MOST_DEVICE_NAME and _DEVICE.fullmatch(name) else "eth0"
