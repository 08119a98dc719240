"""`nextmini example list|show|copy`."""

from pathlib import Path
from typing import Annotated

import typer

from nextmini.cli.files import write_new, write_with_folder
from nextmini.cli.output import JsonOption, print_json
from nextmini.scenario.examples import example_files, example_names, example_summary, example_text

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="List, show or copy the scenarios that come with Nextmini.",
)

Name = Annotated[str, typer.Argument(help="Name of the example, as `list` prints it.")]


@app.command("list")
def list_examples(json: JsonOption = False) -> None:
    """List all examples, with what each shows."""
    summaries = {name: example_summary(name) for name in example_names()}
    if json:
        print_json([{"name": name, "summary": summary} for name, summary in summaries.items()])
        return
    width = max(map(len, summaries))
    for name, summary in summaries.items():
        typer.echo(f"{name:{width}}  {summary}")


@app.command("show")
def show(name: Name) -> None:
    """Print an example."""
    typer.echo(example_text(name), nl=False)


@app.command("copy")
def copy(
    name: Name,
    destination: Annotated[
        Path | None,
        typer.Argument(metavar="[DEST]", help="File or folder to copy it to (default: this folder)."),
    ] = None,
) -> None:
    """Copy an example, and the files that it needs, to a file of your own. What is there is left alone."""
    text = example_text(name)
    path = destination or Path()
    if path.is_dir():
        path /= f"{name.removesuffix('.toml')}.toml"
    needed = {path.parent / file: content for file, content in example_files(name).items()}
    write_new(path, text)
    typer.echo(str(path))
    for file, content in needed.items():
        if write_with_folder(file, content):
            typer.echo(str(file))
