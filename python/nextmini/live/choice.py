"""Which of the running experiments a command acts on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.errors import NextminiError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nextmini.store import Registration, StateFolder


class LiveError(NextminiError):
    """A command on a running experiment is refused: what it names is not there, or cannot be."""

    exit_code = 2


def choose(state: StateFolder, name: str | None) -> Registration:
    """The experiment called `name`, or the only one that runs.

    Raises LiveError, with the names that there are.
    """
    return choose_from(state.running(), name)


def choose_ready(state: StateFolder, name: str | None) -> Registration:
    """As `choose`, but its network must be in force."""
    found = choose(state, name)
    if not found.ready:
        raise LiveError(f"the network of experiment {found.name!r} is not in force yet", "try again then")
    return found


def choose_from(running: Sequence[Registration], name: str | None) -> Registration:
    """As `choose`, of those that are known to run."""
    if name is None:
        if len(running) == 1:
            return running[0]
        if running:
            raise LiveError(f"several experiments are running: {names(running)}", "choose with --experiment")
        raise LiveError("no experiment is running here", "start one with `nextmini up FILE`")
    for found in running:
        if found.name == name:
            return found
    raise LiveError(f"no experiment {name!r} is running here", f"running: {names(running)}")


def names(running: Iterable[Registration]) -> str:
    """The names, for an error message."""
    return ", ".join(found.name for found in running) or "none"
