"""`nextmini logs`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nextmini.cli.live import ExperimentOption, StateOption, state_folder
from nextmini.cli.signals import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nextmini.live.logs import Logs
    from nextmini.store import Registration


def logs(
    source: Annotated[
        str | None,
        typer.Argument(metavar="[SOURCE]", help="controller, supervisor, dataplane-0, app-NAME, ..."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the experiment ends, or Ctrl-C.")
    ] = False,
    experiment: ExperimentOption = None,
    state_dir: StateOption = None,
) -> None:
    """Print what the processes of a running experiment, and the programs in its nodes, have written.

    Each line begins with its source. The files are in the run folder, where they stay.
    """
    from nextmini.live.choice import LiveError, choose
    from nextmini.live.logs import Logs

    found = choose(state_folder(state_dir), experiment)
    if found.folder is None:
        raise LiveError(
            f"experiment {found.name!r} has no run folder", "its controller prints its log itself"
        )
    made = Logs(Path(found.folder), source)
    made.check()
    try:
        if follow:
            _follow(made, found)
        else:
            _print(made.read(last=True), made)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _follow(made: "Logs", found: "Registration") -> None:
    from nextmini.store.leftovers import held

    with held(found.pid) as process:
        if process is None:
            _print(made.read(last=True), made)
        else:
            _print(made.follow(process), made)


def _print(lines: "Iterator[tuple[str, str]]", made: "Logs") -> None:
    width = max((len(name) for name in made.sources()), default=0)
    for name, line in lines:
        sys.stdout.write(f"{name:{width}} | {line}\n")
        sys.stdout.flush()
