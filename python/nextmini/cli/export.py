"""`nextmini export [RUN]`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from nextmini.cli.live import ExperimentOption, StateOption, on_store, perform
from nextmini.cli.runs import RUNS_DIR, RunsDirOption

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nextmini.experiment.series import Series, Table
    from nextmini.store import Registration
    from nextmini.store.live import LiveStore


def export(
    run: Annotated[
        Path | None,
        typer.Argument(
            metavar="[RUN]",
            help="A run folder, or the id of a run (default: the experiment that is running).",
        ),
    ] = None,
    format: Annotated[Literal["csv", "parquet", "json"], typer.Option(help="What is written.")] = "csv",
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR|FILE",
            help="A folder for CSV and Parquet (default: the id of the run), a file for JSON (default: "
            "standard output).",
        ),
    ] = None,
    runs_dir: RunsDirOption = RUNS_DIR,
    experiment: ExperimentOption = None,
    state_dir: StateOption = None,
) -> None:
    """Write the time series of a finished run, or those that a running experiment has so far.

    CSV and Parquet are a file for links and one for flows; JSON is one document with both and the result, if
    there is one. What is there is replaced. The exit code is 2 if there is no such run, or nothing can be
    written.
    """
    from nextmini.results.exporting import finished_tables
    from nextmini.results.finding import ResultError, find

    if run is not None and experiment is not None:
        raise ResultError("RUN and --experiment do not go together", "leave one of them out")
    if run is not None:
        found = find(run, runs_dir)
        tables = finished_tables(found)
        head = {"run": found.id, "result": found.result() if found.has_result() else None}
        perform(lambda: _write(head, tables, format, output))
        return

    async def work(store: "LiveStore", found: "Registration") -> None:
        from nextmini.live.series import tables_so_far

        tables = await tables_so_far(store, found.run)
        await _write({"run": found.run, "result": None}, tables, format, output)

    on_store(state_dir, experiment, work)


async def _write(
    head: dict[str, Any],
    tables: "Mapping[Series, Table]",
    format: Literal["csv", "parquet", "json"],
    output: Path | None,
) -> None:
    from nextmini.experiment.series_files import write_tables
    from nextmini.results.exporting import write_json
    from nextmini.results.finding import ResultError

    folder = output or Path(head["run"])
    try:
        if format == "json":
            await write_json(sys.stdout if output is None else output, head, tables)
            return
        folder.mkdir(parents=True, exist_ok=True)
        written = await write_tables(folder, tables, (format,))
    except BrokenPipeError:
        raise  # whoever read it has seen enough, which typer knows how to take
    except OSError as error:
        where = "standard output" if format == "json" and output is None else folder
        said = error.strerror or error
        raise ResultError(f"{where} cannot be written: {said}", "choose another place with -o") from error
    for path in written:
        typer.echo(path)
