"""`nextmini list`."""

from typing import Any

import typer

from nextmini.cli.live import StateOption, perform, shown_path, state_folder, table, tell_killed
from nextmini.cli.output import JsonOption, print_json


def list_running(json: JsonOption = False, state_dir: StateOption = None) -> None:
    """List the experiments that are running, in the background or not.

    What killed ones have left is removed.
    """
    from nextmini.live.status import overview
    from nextmini.live.stopping import clear_away

    state = state_folder(state_dir)

    async def look() -> list[dict[str, Any]]:
        for name in await clear_away(state):
            tell_killed(name)
        return await overview(state, state.running())

    entries = perform(look)
    if json:
        print_json(entries)
        return
    if not entries:
        typer.echo("no experiment is running", err=True)
        return
    rows = [
        (
            entry["experiment"],
            entry["how"],
            entry["status"],
            entry["since"].replace("T", " ")[:19],
            entry["nodes"],
            entry["links"],
            entry["flows"],
            shown_path(entry["folder"]) if entry["folder"] else None,
        )
        for entry in entries
    ]
    counts = ("Nodes", "Links", "Flows")
    table(("Experiment", "By", "Status", "Since", *counts, "Run folder"), rows, counts)
