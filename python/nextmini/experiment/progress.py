"""Live progress on a terminal: one line that is renewed a few times a second, and gone at the end."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from nextmini.experiment.observer import Silent
from nextmini.experiment.quantities import rate, size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import TextIO

    from rich.console import RenderableType

    from nextmini.controller import Progress
    from nextmini.experiment.observer import Observer

REFRESHES_A_SECOND = 5
RATE_SECONDS = 1.0
"""The rate is that of at least so long."""


@contextmanager
def progress_on(file: TextIO) -> Iterator[Observer]:
    """An observer that shows what it is told on `file` if that is a terminal, else shows nothing."""
    if not file.isatty():
        yield Silent()
        return
    line = ProgressLine(time.monotonic)
    console = Console(file=file, highlight=False)
    with Live(
        get_renderable=line.render,
        console=console,
        transient=True,
        refresh_per_second=REFRESHES_A_SECOND,
        redirect_stdout=False,
        redirect_stderr=False,
    ):
        yield line


class ProgressLine:
    """The line; `render` is called from the display's thread."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._spinner = Spinner("line")
        self._phase = "preparing"
        self._progress: Callable[[], Progress] | None = None
        self._started = now()
        self._mark = (0.0, 0)
        self._rate = 0.0

    def phase(self, text: str) -> None:
        """See Observer."""
        self._progress = None
        self._phase = text

    def folder_made(self, folder: Path) -> None:
        """See Observer."""

    def flows_started(self, progress: Callable[[], Progress]) -> None:
        """See Observer."""
        self._started = self._now()
        self._mark = (self._started, 0)
        self._progress = progress

    def render(self) -> RenderableType:
        """The line as it is now."""
        progress = self._progress
        self._spinner.update(text=Text(self._phase if progress is None else self._flows(progress())))
        return self._spinner

    def _flows(self, progress: Progress) -> str:
        now = self._now()
        since, delivered = self._mark
        if now - since >= RATE_SECONDS:
            self._rate = (progress.delivered - delivered) * 8 / (now - since)
            self._mark = (now, progress.delivered)
        failed = f" ({progress.failed} failed)" if progress.failed else ""
        return (
            f"{now - self._started:.0f} s: {progress.ended} of {progress.flows} flows ended{failed}, "
            f"{size(progress.delivered)} delivered, {rate(self._rate)}"
        )
