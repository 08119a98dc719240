"""Which TUN device a node has, by the settings of its experiment."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from nextmini.protocol import DeviceRecord
from nextmini.scenario.isolation import device_name, namespace_name

NAMESPACES = "/run/netns"
"""Where named network namespaces are, as ip-netns(8) has it."""
OWN_NAMESPACE = "/proc/self/ns/net"
"""The one of whoever looks at the file."""


class Home(Enum):
    """Where nodes have their devices."""

    NAMED = "in a namespace of its own, by name"
    PROCESS = "in the namespace of its dataplane process"


@dataclass(frozen=True, slots=True)
class Devices:
    """The devices of an experiment's nodes."""

    experiment: str
    queues: int = 1
    offload: bool = True
    home: Home = Home.NAMED

    def of(self, node: str) -> DeviceRecord:
        """The device of the node of this name."""
        namespace = f"{NAMESPACES}/{namespace_name(self.experiment, node)}"
        if self.home is Home.PROCESS:
            namespace = OWN_NAMESPACE
        return DeviceRecord(namespace, device_name(node), self.queues, self.offload)
