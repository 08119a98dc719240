"""`nextmini doctor`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nextmini.cli.output import JsonOption, print_json
from nextmini.errors import PrerequisiteError
from nextmini.hosts.checks import NODES, Check, all_checks
from nextmini.store.state import StateFolder

MOST_NODES = 200_000

_STYLES = {"ok": "green", "note": "cyan", "warning": "yellow", "missing": "bold red"}


def doctor(
    json: JsonOption = False,
    state_dir: Annotated[
        Path | None, typer.Option(help="State folder to look at (default: the one that runs use).")
    ] = None,
    nodes: Annotated[
        int, typer.Option(metavar="N", min=1, max=MOST_NODES, help="For networks of so many nodes.")
    ] = NODES,
) -> None:
    """Check what this machine offers and what it lacks.

    The exit code is 0 unless something is missing that every run of so many nodes needs: then it is 2.
    """
    state = StateFolder.locate(state_dir)
    checks = all_checks(state.path, nodes)
    missing = any(check.status == "missing" for check in checks)
    if json:
        print_json({"ok": not missing, "nodes": nodes, "checks": [asdict(check) for check in checks]})
    else:
        _print(checks, nodes, missing)
    raise typer.Exit(PrerequisiteError.exit_code if missing else 0)


def _print(checks: list[Check], nodes: int, missing: bool) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("check", "status", "found"):
        table.add_column(heading, overflow="fold")
    for check in checks:
        table.add_row(check.name, Text(check.status, _STYLES[check.status]), Text(check.found))
    console = Console(highlight=False)
    console.print(table)
    console.print()
    for check in checks:
        if check.remedy is not None:
            console.print(f"{check.name}: {check.remedy}", markup=False, soft_wrap=True)
    needs = f"a run of {nodes:,} node{'' if nodes == 1 else 's'} needs"
    verdict = f"Something is missing that {needs}." if missing else f"All that {needs} is there."
    console.print(verdict)
