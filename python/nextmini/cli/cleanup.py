"""`nextmini cleanup`."""

from typing import TYPE_CHECKING

import typer

from nextmini.cli.live import StateOption, perform, state_folder
from nextmini.cli.output import JsonOption, print_json

if TYPE_CHECKING:
    from nextmini.live.cleanup import Cleanup


def cleanup(json: JsonOption = False, state_dir: StateOption = None) -> None:
    """Remove what killed experiments left: processes, network namespaces, secrets, a database server.

    Experiments that run are left alone, and so are results. The exit code is 0, or 2 if something cannot be
    removed, for which it may take root.
    """
    from nextmini.live.cleanup import clean_up

    done = perform(lambda: clean_up(state_folder(state_dir)))
    if json:
        print_json(
            {
                "experiments": [
                    {"experiment": name, "namespaces": list(left.namespaces), "processes": left.processes}
                    for name, left in done.experiments.items()
                ],
                "database_server": done.server,
            }
        )
    else:
        _print(done)


def _print(done: "Cleanup") -> None:
    from nextmini.experiment.quantities import count

    if not done.experiments and not done.server:
        typer.echo("nothing to clean up", err=True)
    for name, left in done.experiments.items():
        namespaces = count(len(left.namespaces), "network namespace")
        processes = f"{left.processes} process{'' if left.processes == 1 else 'es'}"
        typer.echo(f"{name}: removed, with {namespaces} and {processes}")
    if done.server:
        typer.echo("database server: stopped, nobody used it")
