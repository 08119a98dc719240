"""`nextmini topology show|list|draw`."""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nextmini.cli.output import JsonOption, print_json, tell_notices
from nextmini.errors import NextminiError

if TYPE_CHECKING:
    from nextmini.scenario import Scenario

MOST_LINKS = 40
"""That are printed; --json has all."""
_SCENARIOS = (".toml", ".yaml", ".yml")

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Look at topologies, those of scenarios and those in files of other programs.",
)

FileArgument = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="A scenario, or a file in GraphML, GML, JSON, CSV or of SNDlib."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help=r"What \[topology] would say of a file, as in parallel=merge."
    ),
]


class OptionError(NextminiError):
    """An option makes no sense."""

    exit_code = 2


@app.command("show")
def show(file: FileArgument, said: SetOption = None, json: JsonOption = False) -> None:
    """Print what a topology is like: nodes, links, degrees, diameter, parts, rates and delays."""
    from nextmini.scenario import resolve
    from nextmini.scenario.summary import summary
    from nextmini.scenario.topology.file import File

    scenario = opened(file, said)
    tell_notices(scenario)
    document = {"file": str(file), "kind": scenario.topology.kind, **summary(resolve(scenario))}
    if isinstance(scenario.topology, File):
        document["format"] = scenario.topology.imported.format
        for entry, node in zip(document["node_list"], scenario.topology.imported.nodes, strict=True):
            entry |= {"id": node.id, "label": node.label, "population": node.population}
            entry |= dict(zip(("latitude", "longitude"), node.position or (None, None), strict=True))
    if json:
        print_json(document)
    else:
        _print(document)


@app.command("list")
def list_kinds(json: JsonOption = False) -> None:
    """List the kinds of topology with their parameters, and the files that come with Nextmini."""
    from nextmini.scenario.examples import shipped_topologies
    from nextmini.scenario.topology import KINDS

    kinds: list[dict[str, Any]] = [
        {
            "kind": kind,
            "summary": (model.__doc__ or "").strip().split("\n", 1)[0],
            "parameters": {
                name: "required" if field.is_required() else "optional"
                for name, field in model.model_fields.items()
                if name not in ("kind", "link")
            },
        }
        for kind, model in KINDS.items()
    ]
    files = shipped_topologies()
    if json:
        print_json({"kinds": kinds, "files": files})
        return
    for entry in kinds:
        typer.echo(f"{entry['kind']}: {entry['summary']}")
        words = (f"{name}{'' if how == 'required' else '?'}" for name, how in entry["parameters"].items())
        typer.echo(f"    {', '.join(words)}")
    typer.echo("Files that come with examples:")
    for name in files:
        typer.echo(f"    {name}")


@app.command("draw")
def draw(
    file: FileArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="A new file: .svg, .png or .pdf.")
    ],
    run: Annotated[
        Path | None,
        typer.Option("--run", metavar="FOLDER", help="A run's folder: links are coloured by utilisation."),
    ] = None,
    said: SetOption = None,
) -> None:
    r"""Draw a topology: links as wide as their rates, nodes where they are.

    Nodes without coordinates are placed by their links. With --run, a link's colour is what its busier
    direction carried, as a share of its rate, on average over the run. Needs matplotlib: nextmini\[plot].
    """
    from nextmini.cli.files import write_new
    from nextmini.experiment.drawing.canvas import drawn
    from nextmini.experiment.drawing.picture import picture_of
    from nextmini.experiment.drawing.utilisation import utilisation
    from nextmini.scenario import resolve

    scenario = opened(file, said)
    tell_notices(scenario)
    network = resolve(scenario)
    used = None if run is None else utilisation(run, network)
    picture = picture_of(network, scenario.topology, used)
    content, notices = drawn(picture, output.suffix)
    write_new(output, content)
    for notice in notices:
        typer.echo(f"note: {notice}", err=True)
    typer.echo(str(output))


def opened(file: Path, said: list[str] | None) -> "Scenario":
    """The scenario in a file, or one of nothing but the topology in it.

    Raises ScenarioError if it is refused, OptionError if `said` makes no sense.
    """
    from nextmini.scenario import load
    from nextmini.scenario.loading import load_topology

    if not _is_scenario(file):
        return load_topology(file, _keys(said or []))
    if said:
        raise OptionError("--set is for files of topologies", f"write it under [topology] in {file}")
    return load(file)


def _is_scenario(file: Path) -> bool:
    if file.suffix.lower() != ".json":
        return file.suffix.lower() in _SCENARIOS
    from nextmini.scenario.imports.node_link import is_node_link
    from nextmini.scenario.reading import UnreadableError, read_file

    try:
        return not is_node_link(read_file(file).data)
    except UnreadableError:
        return True  # which says what is wrong with it


def _keys(said: list[str]) -> dict[str, Any]:
    """Values as TOML has them, or as text."""
    keys: dict[str, Any] = {}
    for text in said:
        key, mark, value = text.partition("=")
        if not mark or not key:
            raise OptionError(f"--set {text} says no value", "write it as in --set parallel=merge")
        try:
            keys[key] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            keys[key] = value
    return keys


def _print(document: dict[str, Any]) -> None:
    from nextmini.cli.live import table
    from nextmini.experiment.quantities import count, rate, seconds

    sizes = f"{count(document['nodes'], 'node')}, {count(document['links'], 'link')}"
    typer.echo(f"{document['file']}: {document.get('format', document['kind'])}, {sizes}")
    parts = document["parts"]
    if len(parts) > 1:
        typer.echo(
            f"Parts: {len(parts)} without a link between them, the largest of {count(parts[0], 'node')}"
        )
    degree = document["degree"]
    typer.echo(f"Degree: {degree['min']:g} to {degree['max']:g}, mean {degree['mean']:.3g}")
    hops = document["diameter"]
    typer.echo(f"Diameter: {'not computed for so many nodes' if hops is None else count(hops, 'link')}")
    if document["rate_bps"] is not None:
        low, middle, high = (rate(document["rate_bps"][key]) for key in ("min", "median", "max"))
        total = rate(document["total_bps"])
        typer.echo(f"Rates: {low} to {high}, median {middle}; {total} in all directions together")
    if document["directions_without_rate"]:
        typer.echo(f"Without a rate: {count(document['directions_without_rate'], 'direction')} of links")
    if document["delay_ms"] is not None:
        low, middle, high = (seconds(document["delay_ms"][key] / 1000) for key in ("min", "median", "max"))
        typer.echo(f"Delays: {low} to {high}, median {middle}")
    links = document["link_list"]
    rows = [
        (*link["ends"], _both(link["rate_bps"], rate), _both(link["delay_ms"], _milliseconds), link["cost"])
        for link in links[:MOST_LINKS]
    ]
    if rows:
        table(("From", "To", "Rate", "Delay", "Cost"), rows, ("Rate", "Delay", "Cost"))
    if len(links) > MOST_LINKS:
        typer.echo(f"... and {len(links) - MOST_LINKS:,} more links, see --json")


def _milliseconds(number: float) -> str:
    from nextmini.experiment.quantities import seconds

    return seconds(number / 1000)


def _both(values: list[float | None], text: Any) -> str:
    """One text if both directions are alike, else both."""
    texts = ["-" if value is None else text(value) for value in values]
    return texts[0] if texts[0] == texts[1] else " / ".join(texts)
