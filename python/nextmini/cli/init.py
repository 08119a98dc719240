"""`nextmini init [NAME]`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from nextmini.cli.files import FileError, write_new
from nextmini.errors import ScenarioError
from nextmini.scenario import loads
from nextmini.scenario.examples import example_text

_TEMPLATE = "first"


def init(
    name: Annotated[str, typer.Argument(help="Name of the experiment, or a path to the file.")] = _TEMPLATE,
) -> None:
    """Write a first scenario, NAME.toml, with comments that say what can be changed.

    A file that is there already is left alone.
    """
    path = Path(name if name.endswith(".toml") else f"{name}.toml")
    text = example_text(_TEMPLATE).replace(f'name = "{_TEMPLATE}"', f"name = {json.dumps(path.stem)}")
    text = text.replace(f"{_TEMPLATE}.toml", str(path))
    try:
        loads(text, file=str(path))
    except ScenarioError as error:
        raise FileError(error.problems[0].message, error.problems[0].remedy) from None
    write_new(path, text)
    typer.echo(str(path))
    typer.echo(f"next: nextmini run {path}", err=True)
