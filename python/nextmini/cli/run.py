"""`nextmini run FILE`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nextmini.cli.output import JsonOption, tell_notices, tell_unlimited
from nextmini.cli.signals import INTERRUPTED, Signals
from nextmini.errors import RunError

if TYPE_CHECKING:
    from nextmini.experiment import Outcome, RunOptions
    from nextmini.scenario import Scenario

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
    signals = Signals()
    with signals.noted():
        # Here, since importing takes a while, and a signal meanwhile is to be noted.
        import asyncio

        from nextmini.experiment import RunOptions
        from nextmini.experiment.algorithms import algorithm_findings
        from nextmini.scenario import load

        options = RunOptions(runs_dir=runs_dir, database_url=database_url, state_dir=state_dir, name=name)
        scenario = load(file, algorithm_findings)
        tell_notices(scenario)
        tell_unlimited(scenario)
        outcome = asyncio.run(_perform(scenario, options, signals))
        _print(outcome, json)
    raise typer.Exit(INTERRUPTED if signals.received else outcome.exit_code)


async def _perform(scenario: "Scenario", options: "RunOptions", signals: Signals) -> "Outcome":
    from nextmini.experiment import Interrupt, run_scenario
    from nextmini.experiment.progress import progress_on

    interrupt = Interrupt()
    with interrupt.on_signals():
        signals.check()
        with progress_on(sys.stderr) as observer:
            return await run_scenario(scenario, options, interrupt, observer)


def _print(outcome: "Outcome", json: bool) -> None:
    try:
        _print_result(outcome, json)
        sys.stdout.flush()
    except BrokenPipeError:
        raise  # whoever read it has seen enough, which typer knows how to take
    except OSError as error:
        raise RunError(
            f"the result cannot be printed: {error.strerror}", f"it is in {outcome.folder / 'result.json'}"
        ) from error
    for note in outcome.notes:
        typer.echo(f"note: {note}", err=True)
    for problem in outcome.problems:
        typer.echo(f"error: {problem}", err=True)


def _print_result(outcome: "Outcome", json: bool) -> None:
    if json:
        from nextmini.experiment import as_json

        sys.stdout.write(as_json(outcome.document))
    else:
        from nextmini.experiment.table import print_outcome

        print_outcome(outcome, sys.stdout)
