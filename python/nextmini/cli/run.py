"""`nextmini run FILE`."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from nextmini.cli.output import JsonOption, print_json
from nextmini.experiment import Interrupt, Outcome, RunOptions, run_scenario
from nextmini.scenario import Scenario, load

DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database-url", metavar="URL", help="A PostgreSQL server to use instead of the embedded one."
    ),
]
StateOption = Annotated[
    Path | None,
    typer.Option("--state-dir", metavar="DIR", help="Where the database and secrets lie (NEXTMINI_STATE)."),
]
NameOption = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="Takes the place of the experiment's name.")
]


def run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A scenario in TOML, YAML or JSON.")],
    json: JsonOption = False,
    name: NameOption = None,
    runs_dir: Annotated[
        Path, typer.Option("--runs-dir", metavar="DIR", help="Where run folders are made.")
    ] = Path("runs"),
    database_url: DatabaseOption = None,
    state_dir: StateOption = None,
) -> None:
    """Run a scenario to its end and print what was measured.

    The exit code is 0 if all flows did what they should, 1 if something failed, 2 if the scenario was
    refused, 130 after Ctrl-C. The first Ctrl-C stops the run in order, a second one hurries.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    options = RunOptions(runs_dir=runs_dir, database_url=database_url, state_dir=state_dir, name=name)
    outcome = asyncio.run(_perform(load(file), options))
    if json:
        print_json(outcome.document)
    else:
        from nextmini.experiment.table import print_outcome

        print_outcome(outcome, sys.stdout)
    for note in outcome.notes:
        typer.echo(f"note: {note}", err=True)
    for problem in outcome.problems:
        typer.echo(f"error: {problem}", err=True)
    raise typer.Exit(outcome.exit_code)


async def _perform(scenario: Scenario, options: RunOptions) -> Outcome:
    interrupt = Interrupt()
    with interrupt.on_signals():
        from nextmini.experiment.progress import progress_on

        with progress_on(sys.stderr) as observer:
            return await run_scenario(scenario, options, interrupt, observer)


def _interrupt(_number: int, _frame: object) -> NoReturn:
    """Makes SIGTERM, while nothing runs that could be stopped in order, what SIGINT is."""
    raise KeyboardInterrupt
