"""`nextmini plot RUN`."""

from pathlib import Path
from typing import Annotated, Literal, cast, get_args

import typer

from nextmini.cli.output import JsonOption, print_json
from nextmini.cli.runs import RUNS_DIR, RunsDirOption, words


def plot(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, or the id of a run.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Where the files go (default: plots in RUN)."),
    ] = None,
    what: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT,...",
            help="Any of throughput, queue, delay, drops and loads (default: all that the run has).",
        ),
    ] = None,
    links: Annotated[
        str | None,
        typer.Option(metavar="A-B,...", help="These links, both directions, instead of the busiest."),
    ] = None,
    flows: Annotated[
        str | None, typer.Option(metavar="NAME,...", help="These flows instead of the largest.")
    ] = None,
    format: Annotated[Literal["svg", "png", "pdf"], typer.Option(help="What files are made.")] = "svg",
    runs_dir: RunsDirOption = RUNS_DIR,
    json: JsonOption = False,
) -> None:
    r"""Draw a finished run, and print the files: over time throughput of links and flows, what waited in
    links, round-trip times of flows, and drops; and predicted against measured loads of links, if it has any.

    Each chart over time has the eight largest curves and the sum of the others, unless --links or --flows
    name some. It needs matplotlib: pip install 'nextmini\[plot]'. The exit code is 2 if the run cannot be
    drawn.
    """
    from nextmini.experiment.drawing.library import require_matplotlib
    from nextmini.results.charts import Chosen, What, charts
    from nextmini.results.drawing import draw
    from nextmini.results.finding import ResultError, find

    wanted = words(what)
    unknown = [word for word in wanted or () if word not in get_args(What)]
    if unknown or wanted == []:
        raise ResultError(
            f"--what: {unknown[0]!r} cannot be drawn" if unknown else "--what names nothing",
            f"write any of {', '.join(get_args(What))}",
        )
    require_matplotlib()
    found = find(run, runs_dir)
    made = charts(found, cast("list[What] | None", wanted), Chosen(words(links), words(flows)))
    paths = draw(made, output or found.folder / "plots", format, found.id)
    notes = [chart.note for chart in made if chart.note is not None]
    if json:
        print_json({"run": found.id, "files": [str(path) for path in paths], "notes": notes})
        return
    for path in paths:
        typer.echo(path)
    for note in notes:
        typer.echo(f"note: {note}", err=True)
