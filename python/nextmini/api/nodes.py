"""A node, in a program's hands."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nextmini.hosts.commands import spawn
from nextmini.live.handles import NodeHandle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextmini.api.network import Network
    from nextmini.hosts.commands import Place
    from nextmini.hosts.probes import Outcome


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that has ended: its exit code (below 0: the signal that ended it) and what it wrote."""

    exit: int
    out: str
    err: str


class Node(NodeHandle):
    """A node of a network. Its address is known, and commands run in it, while the network runs.

    `cmd(text)` runs a command in the node's shell, a bash that stays, so that `cd`, variables and jobs do
    too. `exec` and `popen` start programs of their own.
    """

    def __init__(self, network: Network, name: str, address: str = "", place: Place | None = None) -> None:
        super().__init__(name, address, place)
        self._network = network

    def popen(self, command: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
        """Starts a program inside; `options` are those of subprocess.Popen, and the result is one.

        Raises CommandError if it cannot be started, LiveError if nodes have no namespaces.
        """
        return spawn(self.place, command, **options)

    def exec(self, *command: str, input: str | None = None, timeout: float | None = None) -> Completed:
        """Runs a program inside to its end. `timeout` is in seconds; then it is killed.

        Raises as `popen`, and subprocess.TimeoutExpired.
        """
        pipe = subprocess.PIPE
        stdin = subprocess.DEVNULL if input is None else pipe
        with self.popen(command, stdin=stdin, stdout=pipe, stderr=pipe, text=True) as process:
            try:
                out, err = process.communicate(input, timeout)
            except BaseException:
                process.kill()
                raise
        return Completed(process.returncode, out, err)

    def ping(self, other: Node | str, count: int = 1) -> Outcome:
        """Pings another node. Raises LiveError or RunError if that is not possible."""
        return self._network.ping(self, other, count)
