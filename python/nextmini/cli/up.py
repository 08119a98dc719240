"""`nextmini up FILE`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nextmini.cli.live import StateOption, shown_path
from nextmini.cli.output import JsonOption, print_json, tell_notices, tell_unlimited
from nextmini.cli.run import DatabaseOption, NameOption
from nextmini.cli.signals import Signals

if TYPE_CHECKING:
    from nextmini.experiment import RunOptions
    from nextmini.live.starting import Started
    from nextmini.scenario import Network


def up(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A scenario in TOML, YAML or JSON.")],
    json: JsonOption = False,
    name: NameOption = None,
    runs_dir: Annotated[
        Path, typer.Option("--runs-dir", metavar="DIR", help="Where run folders are made.")
    ] = Path("runs"),
    database_url: DatabaseOption = None,
    state_dir: StateOption = None,
) -> None:
    """Start a scenario in the background, and return when its network is in force.

    It runs until `nextmini down`, or for `experiment.duration` if the scenario has one, and then has a result
    as that of `nextmini run`. The exit code is 0 if it runs, 1 if it failed on the way, 2 if the scenario was
    refused, 130 after Ctrl-C, which takes down what was begun; a second one hurries.
    """
    options = {"runs_dir": runs_dir, "database_url": database_url, "state_dir": state_dir}
    network, started = begin(file, name, options)
    _print(network, started, json)


def begin(file: Path, name: str | None, options: dict[str, Any]) -> "tuple[Network, Started]":
    """Starts a scenario in the background and returns when it is in force; ends the command if that fails.

    `options` are those of RunOptions. Signals are ignored from then on.
    """
    signals = Signals()
    with signals.noted():
        # Here, since importing takes a while, and a signal meanwhile is to be noted.
        import asyncio

        from nextmini.experiment import RunOptions
        from nextmini.experiment.algorithms import algorithm_findings
        from nextmini.experiment.run import check_here, named_network
        from nextmini.scenario import load

        scenario = load(file, algorithm_findings)
        tell_notices(scenario)
        tell_unlimited(scenario)
        network = named_network(scenario, name)
        check_here(network)
        wanted = RunOptions(until="stopped", how="up", **options)
        started = asyncio.run(_start(network, wanted, signals))
    for note in started.notes:
        typer.echo(f"note: {note}", err=True)
    for error in started.errors:
        typer.echo(f"error: {error}", err=True)
    if started.exit_code is not None:
        raise typer.Exit(started.exit_code or 1)
    return network, started


async def _start(network: "Network", options: "RunOptions", signals: Signals) -> "Started":
    from nextmini.experiment import Interrupt
    from nextmini.experiment.progress import progress_on
    from nextmini.live.starting import start

    interrupt = Interrupt()
    with interrupt.on_signals():
        signals.check()
        with progress_on(sys.stderr) as observer:
            started = await start(network, options, interrupt, observer.phase)
        if started.exit_code is None:
            # Or somebody might be told that it was interrupted, and have it running.
            signals.settle()
        return started


def _print(network: "Network", started: "Started", json: bool) -> None:
    from nextmini.experiment.quantities import count

    folder = str(started.folder)
    if json:
        print_json(
            {
                "experiment": network.name,
                "run": Path(folder).name,
                "folder": folder,
                "pid": started.pid,
                "nodes": len(network.nodes),
                "links": len(network.links),
                "flows": len(network.flows),
            }
        )
        return
    sizes = f"{count(len(network.nodes), 'node')}, {count(len(network.links), 'link')}"
    typer.echo(f"{network.name}: up ({sizes}, {count(len(network.flows), 'flow')})")
    typer.echo(f"Run folder: {shown_path(folder)}")
