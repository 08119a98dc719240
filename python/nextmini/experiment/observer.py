"""Who watches a run while it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nextmini.controller import Progress


class Observer(Protocol):
    """Is told where a run stands; the calls must not block."""

    def phase(self, text: str) -> None:
        """What is being done now, such as "starting the database"."""

    def folder_made(self, folder: Path) -> None:
        """The run folder is there, with a folder for logs in it."""

    def flows_started(self, progress: Callable[[], Progress]) -> None:
        """The network is ready; `progress` may be called at any time, also from another thread."""


class Silent:
    """Watches nothing."""

    def phase(self, text: str) -> None:
        """See Observer."""

    def folder_made(self, folder: Path) -> None:
        """See Observer."""

    def flows_started(self, progress: Callable[[], Progress]) -> None:
        """See Observer."""
