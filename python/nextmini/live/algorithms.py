"""Algorithms on an experiment that runs, here or wherever its database can be reached."""

from __future__ import annotations

import tomllib
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from nextmini.algorithms import finding
from nextmini.errors import AlgorithmError, DatabaseError
from nextmini.experiment.algorithm_run import AlgorithmRun
from nextmini.live.choice import LiveError
from nextmini.live.session import database
from nextmini.runner.assignment import Assignment
from nextmini.scenario.plugin_names import stem
from nextmini.scenario.wording import shown
from nextmini.store.algorithms import AlgorithmStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

    from nextmini.experiment.algorithm_run import OnFailure
    from nextmini.store import Registration, StateFolder


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which algorithm is to run, and how; `timeout` of a hook is in seconds."""

    use: str
    name: str | None
    said: dict[str, Any]
    timeout: float
    on_failure: OnFailure


def settings(words: Iterable[str]) -> dict[str, Any]:
    """KEY=VALUE words as parameters: values as in TOML, and text where that makes no sense of them.

    Raises LiveError for what is no such word.
    """
    found: dict[str, Any] = {}
    for word in words:
        key, equals, text = (part.strip() for part in word.partition("="))
        if not (key and equals):
            raise LiveError(f"{shown(word)} is not a setting", "write KEY=VALUE, as in --set paths=4")
        if key in found:
            raise LiveError(f"{key} is set twice", "keep one of the two")
        found[key] = _value(text)
    return found


def _value(text: str) -> Any:
    try:
        (found,) = tomllib.loads(f"value = {text}\n").values()
    except ValueError:
        return text
    return found if isinstance(found, bool | int | float | str | list | dict) else text


def check_wanted(wanted: Wanted) -> None:
    """Raises AlgorithmError if there is no such algorithm, or it cannot have these parameters."""
    finding.parameters(finding.find(wanted.use), wanted.said)


async def attach(
    store: AlgorithmStore, dsn: str, experiment: str, wanted: Wanted, heard: Callable[[str], None]
) -> AlgorithmRun:
    """The algorithm, ready to `run` on a running experiment. Raises LiveError if that does not run."""
    run = await store.current_run()
    if run is None:
        raise LiveError(
            f"experiment {experiment!r} is not running", "start it, or name another one with --experiment"
        )
    taken = {state.name for state in await store.algorithm_states() if state.status == "running"}
    name = _free(wanted.name or stem(wanted.use), taken)
    assignment = Assignment(dsn, experiment, name, wanted.use, wanted.said, wanted.timeout)
    return AlgorithmRun(store, assignment, wanted.on_failure, None, heard)


@asynccontextmanager
async def opened(
    state: StateFolder, found: Registration | None, url: str | None, experiment: str
) -> AsyncIterator[tuple[AlgorithmStore, str]]:
    """The store of an experiment and the address of its database: that of `found`, or at `url`.

    Raises DatabaseError.
    """
    async with AsyncExitStack() as stack:
        dsn = url
        if found is not None:
            dsn = await stack.enter_async_context(database(state, found))
        if dsn is None:
            raise LiveError("no database is named", "name it with --database-url")
        yield await stack.enter_async_context(await AlgorithmStore.open(dsn, experiment)), dsn


async def overview(state: StateFolder, running: Sequence[Registration]) -> dict[str, Any]:
    """What there is, and what runs in the experiments of this machine."""
    entries = []
    for found in running:
        if not found.ready:
            continue
        try:
            async with opened(state, found, None, found.name) as (store, _):
                entries += [
                    {"experiment": found.name, **asdict(one)} for one in await store.algorithm_states()
                ]
        except DatabaseError:
            continue  # its own process is about to find that too
    return {"algorithms": [_known(one) for one in finding.known()], "running": entries}


def _known(one: finding.Known) -> dict[str, Any]:
    """A name and what it stands for; of one that cannot be loaded, why."""
    problem, lines = None, [""]
    try:
        lines = (finding.find(one.name).__doc__ or "").strip().splitlines() or [""]
    except AlgorithmError as error:
        problem = str(error)
    return {
        "name": one.name,
        "kind": one.kind,
        "class": one.target,
        "summary": lines[0],
        "problem": problem,
    }


def _free(name: str, taken: set[str]) -> str:
    """The name, with a number if somebody else has it."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free
