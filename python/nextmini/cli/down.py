"""`nextmini down`."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nextmini.cli.live import ExperimentOption, StateOption, shown_path, state_folder, tell_killed
from nextmini.cli.output import JsonOption, print_json
from nextmini.cli.signals import Signals
from nextmini.errors import RunError

if TYPE_CHECKING:
    from nextmini.live.stopping import Stopped
    from nextmini.store import Registration, StateFolder


def down(
    experiment: ExperimentOption = None,
    everything: Annotated[bool, typer.Option("--all", help="All that are running.")] = False,
    json: JsonOption = False,
    state_dir: StateOption = None,
) -> None:
    """End a running experiment in order, and print its result.

    It may have been started with `up` or with `run`; flows that have not ended are stopped. Ctrl-C hurries.
    The exit code is 0 if nothing failed while it ran, 1 if something did, or if it was killed and has no
    result, 2 if no such experiment is running.
    """
    if everything and experiment is not None:
        raise typer.BadParameter("--all and --experiment do not go together")
    signals = Signals()
    with signals.noted():
        import asyncio

        stopped, killed = asyncio.run(stop_running(state_folder(state_dir), experiment, everything, signals))
    if json:
        _print_json([_document(one) for one in stopped], everything)
    for one in stopped:
        _print(one, json)
    for name in killed:
        tell_killed(name)
    failed = any(one.document is None or one.document["status"] == "failed" for one in stopped)
    raise typer.Exit(RunError.exit_code if failed or killed else 0)


async def stop_running(
    state: "StateFolder", experiment: str | None, everything: bool, signals: Signals
) -> "tuple[list[Stopped], list[str]]":
    """What was stopped, and the names of those that were killed before."""
    from nextmini.experiment import Interrupt
    from nextmini.experiment.progress import progress_on
    from nextmini.live.stopping import clear_away, stop

    killed = await clear_away(state)
    chosen = _choose(state.running(), killed, experiment, everything)
    interrupt = Interrupt()
    with interrupt.on_signals(), progress_on(sys.stderr) as observer:
        signals.check()
        interrupt.request()  # as it stands: who asks again wants to hurry
        stopped = []
        for registration in chosen:
            observer.phase(f"stopping {registration.name}; interrupt to hurry")
            stopped.append(await stop(state, registration, interrupt))
    return stopped, [name for name in killed if experiment in (None, name)]


def _choose(
    running: "list[Registration]", killed: list[str], experiment: str | None, everything: bool
) -> "list[Registration]":
    from nextmini.live.choice import choose_from

    if everything:
        return running
    # Somebody who names a killed one, or whose only one was killed, is told of that.
    if killed and (experiment in killed or (experiment is None and not running)):
        return []
    return [choose_from(running, experiment)]


def _print_json(documents: list[dict[str, Any]], everything: bool) -> None:
    """A list with --all; else the one document, as `nextmini run` prints it, or nothing."""
    from nextmini.experiment import as_json

    if everything:
        print_json(documents)
    for document in documents if not everything else ():
        sys.stdout.write(as_json(document))


def _document(stopped: "Stopped") -> dict[str, Any]:
    if stopped.document is not None:
        return stopped.document
    return {"experiment": stopped.registration.name, "run": stopped.registration.run, "status": None}


def _print(stopped: "Stopped", json: bool) -> None:
    registration, document = stopped.registration, stopped.document
    if document is None and registration.how == "controller":
        if not json:
            typer.echo(f"{registration.name}: stopped")
    elif document is None:
        typer.echo(f"error: experiment {registration.name} ended without a result", err=True)
    elif not json:
        from nextmini.experiment.table import print_document

        print_document(document | {"folder": shown_path(registration.folder or "")}, sys.stdout)
