"""What a network of so many nodes takes of a machine."""

from __future__ import annotations

from dataclasses import dataclass

NODES = 100
"""How many nodes the machine is looked at for, unless somebody says."""

FILES_OF_A_PROCESS = 200
"""Open files of a dataplane process without nodes, with a margin."""


@dataclass(frozen=True, slots=True)
class Needs:
    """Of `nodes` nodes, each with a network namespace, a TUN device, two links, and a program."""

    nodes: int = NODES

    @property
    def files(self) -> int:
        """Open files of a dataplane process that hosts all of them: links inside a process are in memory."""
        return FILES_OF_A_PROCESS + self.nodes

    @property
    def files_with_tcp(self) -> int:
        """The same if all links are over TCP, with both ends in that process."""
        return FILES_OF_A_PROCESS + 5 * self.nodes

    @property
    def processes(self) -> int:
        """A program and its shell in each node, and what a run has besides."""
        return 200 + 2 * self.nodes

    @property
    def namespaces(self) -> int:
        """Network namespaces; commands inside of them have mounts of their own, so of these too."""
        return self.nodes + 16

    @property
    def memory(self) -> int:
        """Bytes, without what programs in the nodes take."""
        return 300 * 10**6 + 3 * 10**5 * self.nodes
