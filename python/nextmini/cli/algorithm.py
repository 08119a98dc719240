"""`nextmini algorithm run|list|new|check`."""

import sys
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from nextmini.cli.live import (
    ExperimentOption,
    StateOption,
    perform,
    print_table,
    state_folder,
    table,
    table_of,
)
from nextmini.cli.output import JsonOption, print_json
from nextmini.cli.run import DatabaseOption

if TYPE_CHECKING:
    from rich.table import Table

    from nextmini.algorithms import Algorithm
    from nextmini.live.algorithms import Wanted
    from nextmini.store import Registration, StateFolder

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Run algorithms on a running experiment; list, begin and check them.",
)

Use = Annotated[
    str,
    typer.Argument(
        metavar="ALGORITHM", help="A name that `list` shows, a file (mine.py, mine.py:Class) or module:Class."
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="A parameter, as a scenario writes it; as often as needed."
    ),
]


@app.command("run")
def run(
    algorithm: Use,
    experiment: ExperimentOption = None,
    database_url: DatabaseOption = None,
    settings: SetOption = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="What it is called in the experiment.")
    ] = None,
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="TIME", help="How long one of its hooks may take.")
    ] = "10 s",
    on_failure: Annotated[
        Literal["restart", "stop"],
        typer.Option("--on-failure", help="Start it again when it fails, or let that be its end."),
    ] = "restart",
    state_dir: StateOption = None,
) -> None:
    """Run an algorithm on a running experiment, until that ends or Ctrl-C.

    On another machine, its database is all that is needed: name it with --database-url, and the experiment
    with --experiment. What the algorithm prints goes to standard error. The exit code is 0 when the
    experiment has ended, 1 if the algorithm failed for good, 2 if it was refused, 130 after Ctrl-C.
    """
    from nextmini.live.algorithms import Wanted, check_wanted
    from nextmini.live.algorithms import settings as parsed
    from nextmini.live.choice import LiveError, choose_ready

    wanted = Wanted(algorithm, name, parsed(settings or []), _seconds(timeout), on_failure)
    check_wanted(wanted)
    state = state_folder(state_dir)
    if database_url is None:
        found = choose_ready(state, experiment)
        perform(partial(_work, state, found, None, found.name, wanted))
    elif experiment is None:
        raise LiveError("which experiment in that database is not said", "name it with --experiment")
    else:
        perform(partial(_work, state, None, database_url, experiment, wanted))


async def _work(
    state: "StateFolder", found: "Registration | None", url: str | None, experiment: str, wanted: "Wanted"
) -> None:
    import asyncio

    from nextmini.errors import RunError
    from nextmini.live.algorithms import attach, opened

    async with opened(state, found, url, experiment) as (store, dsn):
        run = await attach(store, dsn, experiment, wanted, partial(typer.echo, err=True))
        task = asyncio.create_task(run.run())
        try:
            await run.until_ready()
            if not task.done():
                typer.echo(f"algorithm {run.state.name} runs on experiment {experiment}", err=True)
            await asyncio.shield(task)
        finally:
            await run.stop()
            await task
            typer.echo(f"algorithm {run.state.name}: {run.state.decisions} decisions", err=True)
        if run.state.status == "failed":
            raise RunError(f"algorithm {run.state.name} has failed for good")
        typer.echo(f"algorithm {run.state.name} has ended: {run.ended_because}", err=True)


def _seconds(text: str) -> float:
    from nextmini.live.choice import LiveError
    from nextmini.scenario.units import UnitError, parse_time

    try:
        seconds = parse_time(text)
    except UnitError as error:
        raise LiveError(f"--timeout: {error.message}", error.remedy) from None
    if seconds == 0:
        raise LiveError("--timeout: a hook takes longer than nothing", "write more than 0 s")
    return seconds


@app.command("list")
def list_algorithms(json: JsonOption = False, state_dir: StateOption = None) -> None:
    """List the algorithms that have a name, and those that run in experiments of this machine."""
    from nextmini.live.algorithms import overview

    state = state_folder(state_dir)
    document = perform(lambda: overview(state, state.running()))
    if json:
        print_json(document)
        return
    if document["algorithms"]:
        rows = [
            (one["name"], one["kind"], one["problem"] or one["summary"]) for one in document["algorithms"]
        ]
        table(("Algorithm", "Kind", ""), rows)
    else:
        typer.echo("no algorithm has a name here; files and classes need none")
    if document["running"]:
        typer.echo("")
        print_table(algorithm_table(document["running"], ("Experiment",)))


def algorithm_table(entries: list[dict[str, Any]], further: tuple[str, ...] = ()) -> "Table":
    """Algorithms that run, or have run."""
    titles = (*further, "Algorithm", "Status", "Restarts", "Decisions", "Last", "")
    rows = [
        (
            *(one[title.lower()] for title in further),
            one["name"],
            one["status"],
            one["restarts"],
            one["decisions"],
            None if one["last_ms"] is None else f"{one['last_ms']:.3g} ms",
            one["reason"] or "",
        )
        for one in entries
    ]
    return table_of(titles, rows, ("Restarts", "Decisions", "Last"))


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called; the file is NAME.py.")],
) -> None:
    """Write a first algorithm, with comments, that runs as it is. What is there is left alone."""
    from nextmini.algorithms.starting import starting_file
    from nextmini.cli.files import write_new

    path = Path(name if name.endswith(".py") else f"{name}.py")
    write_new(path, starting_file(path.stem, path.name))
    typer.echo(str(path))


@app.command("check")
def check(algorithm: Use, settings: SetOption = None, json: JsonOption = False) -> None:
    """Check that an algorithm can be loaded, has its parameters, and does what every algorithm should.

    Nothing is started: it works on small networks that are not there. The exit code is 0 if all is well, 1 if
    a check failed, 2 if it cannot be loaded or cannot have these parameters.
    """
    from nextmini.algorithms.finding import find, parameters
    from nextmini.algorithms.testing import check as run_checks
    from nextmini.live.algorithms import settings as parsed

    with redirect_stdout(sys.stderr):
        found = find(algorithm)
        chosen = parameters(found, parsed(settings or []))
        outcomes = list(run_checks(lambda: _made(found, chosen)))
    failed = [outcome for outcome in outcomes if outcome.flaw is not None]
    if json:
        checks = [{"check": one.check, "passed": one.flaw is None, "flaw": one.flaw} for one in outcomes]
        print_json({"algorithm": algorithm, "class": found.__qualname__, "checks": checks})
    else:
        for one in outcomes:
            typer.echo(f"{'ok    ' if one.flaw is None else 'failed'}  {one.check}")
            if one.flaw is not None:
                typer.echo(f"        {one.flaw}")
    if failed:
        raise typer.Exit(1)


def _made(found: "type[Algorithm]", parameters: Any) -> "Algorithm":
    return found(parameters)
