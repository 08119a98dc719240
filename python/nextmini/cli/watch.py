"""`nextmini status --watch`."""

from __future__ import annotations

import asyncio
import json as json_format
import os
import sys
import termios
import tty
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import typer

from nextmini.cli.live import perform
from nextmini.cli.status import parts, print_status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nextmini.store import Registration, StateFolder


def watch(state: StateFolder, found: Registration, interval: float, json: bool) -> None:
    """Shows where an experiment stands until it is over, or somebody has seen enough."""

    async def follow() -> None:
        from nextmini.live.watching import follow

        enough = asyncio.Event()
        with _display(json) as show, _on_key("q", enough.set):
            await follow(state, found, interval, show, enough)

    perform(follow)


@contextmanager
def _display(json: bool) -> Iterator[Callable[[dict[str, Any]], None]]:
    """What shows a document: in the place of the one before if there is a terminal."""
    if json:
        yield _print_line
        return
    if not sys.stdout.isatty():
        yield _print_block
        return
    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

    with Live(console=Console(highlight=False), auto_refresh=False) as live:

        def show(document: dict[str, Any]) -> None:
            shown = [Text(part) if isinstance(part, str) else part for part in parts(document)]
            live.update(Group(*shown), refresh=True)

        yield show


def _print_line(document: dict[str, Any]) -> None:
    typer.echo(json_format.dumps(document, ensure_ascii=False))


def _print_block(document: dict[str, Any]) -> None:
    print_status(document)
    typer.echo()
    sys.stdout.flush()


@contextmanager
def _on_key(key: str, pressed: Callable[[], None]) -> Iterator[None]:
    """Calls `pressed` when the key is pressed, if there is a keyboard; keys are not echoed meanwhile."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        yield
        return
    keyboard, loop = sys.stdin.fileno(), asyncio.get_running_loop()

    def read() -> None:
        with suppress(OSError):  # it was hung up, of which a signal tells
            if key.encode() in os.read(keyboard, 1024):
                pressed()

    before = termios.tcgetattr(keyboard)
    tty.setcbreak(keyboard)  # with Ctrl-C as it was
    loop.add_reader(keyboard, read)
    try:
        yield
    finally:
        loop.remove_reader(keyboard)
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
