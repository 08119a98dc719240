"""One line of the interactive shell after the other: verbs, and commands for nodes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from nextmini.cli.shell.verbs import VERBS, Wrong
from nextmini.errors import NextminiError

if TYPE_CHECKING:
    from nextmini.cli.shell.keyboard import Keyboard
    from nextmini.hosts.node_shell import NodeShell
    from nextmini.hosts.terminal import Echo
    from nextmini.live.attached import Attached

_OTHER_NAMES = {"?": "help", "!": "sh"}


class Console:
    """What a line does; `keyboard` is None where nobody types."""

    def __init__(self, attached: Attached, keyboard: Keyboard | None) -> None:
        self.attached = attached
        self.net = attached.net
        self.variables: dict[str, object] = {"net": self.net, **self.net}
        self._keyboard = keyboard

    def take(self, line: str) -> None:
        """Does a line; what is wrong with it is told, and nothing else comes of that. Raises Leave."""
        try:
            self.do(line)
        except Wrong as error:
            self.complain(str(error))
        except NextminiError as error:
            self.complain(f"error: {error}")
        finally:
            sys.stdout.flush()

    def do(self, line: str) -> None:
        """As `take`, but raises Wrong and NextminiError."""
        text = line.strip()
        if not text or text.startswith("#"):
            return
        for short, long in _OTHER_NAMES.items():
            if text.startswith(short):
                text = f"{long} {text[len(short) :]}"
        first, _, rest = text.partition(" ")
        verb = VERBS.get(first)
        if verb is not None:
            verb.do(self, rest.strip() if verb.free else _without_comment(rest))
        elif first in self.net:
            self.in_node(first, rest.strip())
        else:
            raise Wrong(f"*** Unknown command: {text}")

    def in_node(self, node: str, command: str, echo: Echo = "echo") -> None:
        """Runs a command in a node's shell, with addresses in the place of nodes' names. Raises Wrong."""
        if not command:
            raise Wrong(f"*** Enter a command for node: {node} <cmd>")
        words = [self.net[word].IP() if word in self.net else word for word in command.split(" ")]
        shell = self.net[node].shell
        self._run(shell, " ".join(words), echo)
        if not shell.alive:
            self.complain(f"note: the shell of node {node} has ended; the next command gets a new one")

    def _run(self, shell: NodeShell, command: str, echo: Echo) -> None:
        if self._keyboard is None:
            shell.run(command, self.write)
        else:
            with self._keyboard.lent_to(shell):
                shell.run(command, self.write, echo)

    def say(self, text: str) -> None:
        """Data, on standard output."""
        sys.stdout.write(text)

    def flush(self) -> None:
        """Shows what has been said, before somebody else writes."""
        sys.stdout.flush()

    def write(self, data: bytes) -> None:
        """What a node has written, at once."""
        self.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def complain(self, text: str) -> None:
        """A message, on standard error."""
        sys.stdout.flush()
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - this is what the user reads


def _without_comment(rest: str) -> str:
    """The words of a verb, up to one that begins with `#`."""
    words = rest.split(" ")
    end = next((at for at, word in enumerate(words) if word.startswith("#")), len(words))
    return " ".join(words[:end]).strip()
