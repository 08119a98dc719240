"""The nodes of a running experiment, for who works with them: each with its shell, by its name."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from nextmini.errors import RunError
from nextmini.hosts.node_shell import NodeShell, end_shells
from nextmini.live.choice import LiveError
from nextmini.live.session import no_node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nextmini.hosts.commands import Place

_STARTED_AT_ONCE = 8


class NodeHandle:
    """One node; its shell is started when it is needed first."""

    def __init__(self, name: str, address: str, place: Place | None) -> None:
        self.name = name
        self._address = address
        self._place = place
        self._shell: NodeShell | None = None

    def attach(self, address: str, place: Place | None) -> None:
        """It has this address and runs its commands there from now on."""
        self._address, self._place = address, place

    def IP(self) -> str:  # noqa: N802 - as Mininet has it
        """The node's IPv4 address."""
        return self._address

    def cmd(self, text: str, heard: Callable[[str], None] | None = None) -> str:
        """What a command in the node's shell writes. Raises LiveError without namespaces, RunError."""
        return self.shell.cmd(text, heard)

    @property
    def place(self) -> Place:
        """Where its commands run. Raises LiveError if it has no namespace."""
        if self._place is None:
            raise LiveError(
                f"node {self.name} has no network namespace for programs to run in",
                'write isolation = "namespace" under [network] of the scenario',
            )
        return self._place

    @property
    def shell(self) -> NodeShell:
        """Its shell; a new one if the last one has ended. Raises LiveError, RunError."""
        if self._shell is not None and not self._shell.alive:
            self.close()
        if self._shell is None:
            try:
                self._shell = NodeShell(self.place)
            except OSError as error:
                raise RunError(f"node {self.name} can have no shell: {error.strerror}") from error
        return self._shell

    @property
    def pid(self) -> int | None:
        """The process of its shell; None if it has no namespace."""
        return None if self._place is None else self.shell.pid

    def close(self) -> None:
        """Ends its shell, if there is one, and all that runs in it."""
        if self._shell is not None:
            end_shells([self._shell])
            self._shell = None

    def take_shell(self) -> list[NodeShell]:
        """Its shell, which is somebody else's to end."""
        shells = [] if self._shell is None else [self._shell]
        self._shell = None
        return shells

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<Host {self.name}: {self._address} pid={self.pid}>"


class NetHandle(Mapping[str, NodeHandle]):
    """All nodes by their names, in the order of the scenario."""

    def __init__(self, make: Callable[[str, str, Place | None], NodeHandle] = NodeHandle) -> None:
        """`make` is given the name of a node that is new, its address and where its commands run."""
        self._make = make
        self._nodes: dict[str, NodeHandle] = {}

    def follow(self, addresses: Mapping[str, str], places: Mapping[str, Place]) -> None:
        """Takes these nodes for those that there are; the shells of others end."""
        gone = [self._nodes.pop(name) for name in self._nodes.keys() - addresses.keys()]
        end_shells([shell for node in gone for shell in node.take_shell()])
        for name, address in addresses.items():
            if name not in self._nodes:
                self._nodes[name] = self._make(name, address, places.get(name))

    def __getitem__(self, name: str) -> NodeHandle:
        return self._nodes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)

    def find(self, name: str) -> NodeHandle:
        """The node of this name. Raises LiveError, with names that are near."""
        if name not in self._nodes:
            raise no_node(name, self)
        return self._nodes[name]

    def pids(self) -> dict[str, int | None]:
        """The processes of all shells, which are started if they are not there. Raises RunError."""
        with ThreadPoolExecutor(_STARTED_AT_ONCE) as pool:
            return dict(zip(self, pool.map(lambda node: node.pid, self.values()), strict=True))

    def close(self) -> None:
        """Ends all shells and what runs in them."""
        end_shells([shell for node in self.values() for shell in node.take_shell()])
