"""Lines as somebody types them: with a history, and completion of verbs and nodes' names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import Completer, Completion
from prompt_toolkit.history import FileHistory
from prompt_toolkit.output import create_output

from nextmini.cli.shell.verbs import VERBS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document

_LINK_WORDS = ("up", "down", "set")


def typed_lines(prompt: str, history: Path, nodes: Iterable[str]) -> Iterator[str | None]:
    """What is typed, line by line, until Ctrl-D; None for a line that was given up with Ctrl-C."""
    # What is typed may be secret; it is nobody else's in any case.
    os.close(os.open(history, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    session: PromptSession[str] = PromptSession(
        history=FileHistory(history),
        completer=Words(nodes),
        complete_while_typing=False,
        output=create_output(always_prefer_tty=True),
    )
    while True:
        try:
            yield session.prompt(prompt)
        except KeyboardInterrupt:
            yield None
        except EOFError:
            return


class Words(Completer):
    """A verb or a node's name as the first word, nodes' names as others."""

    def __init__(self, nodes: Iterable[str]) -> None:
        self._nodes = list(nodes)

    def get_completions(self, document: Document, _: CompleteEvent) -> Iterator[Completion]:
        before = document.text_before_cursor.split(" ")
        word = before[-1]
        for found in self._candidates(before[:-1]):
            if found.startswith(word):
                yield Completion(found, -len(word))

    def _candidates(self, before: list[str]) -> list[str]:
        if not before or before[0] in ("help", "time"):
            return [*VERBS, *self._nodes]
        return [*_LINK_WORDS] if before[0] == "link" and len(before) == 3 else self._nodes
