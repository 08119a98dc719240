"""What commands for experiments in containers have in common."""

import sys
from typing import TYPE_CHECKING, Any

import typer

from nextmini.cli.live import shown_path
from nextmini.cli.output import print_json
from nextmini.cli.signals import INTERRUPTED, Signals
from nextmini.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from nextmini.deploy.controller_container import Ended
    from nextmini.deploy.deployment import Deployment
    from nextmini.experiment import Interrupt
    from nextmini.scenario import Network


def signalled(work: "Callable[[Interrupt], Coroutine[Any, Any, Any]]") -> Any:
    """The result of `work`, which is told of Ctrl-C; ends the command if that was the end of it."""
    import asyncio

    from nextmini.experiment import Interrupt
    from nextmini.experiment.interrupt import Interrupted

    signals = Signals()

    async def run() -> Any:
        interrupt = Interrupt()
        with interrupt.on_signals():
            signals.check()
            return await work(interrupt)

    with signals.noted():
        try:
            return asyncio.run(run())
        except Interrupted:
            raise typer.Exit(INTERRUPTED) from None


def tell_up(network: "Network", deployment: "Deployment", json: bool) -> None:
    """Tells what is up now."""
    if json:
        print_json(
            {
                "experiment": network.name,
                "services": [
                    {"name": one.name, "process": one.process, "nodes": list(one.nodes)}
                    for one in deployment.services
                ],
            }
        )
        return
    from nextmini.experiment.quantities import count

    sizes = f"{count(len(network.nodes), 'node')} in {count(len(deployment.dataplanes), 'container')}"
    typer.echo(f"{network.name}: up ({sizes})")


def tell_down(network: "Network", ended: "Ended", json: bool) -> None:
    """Prints the result and what befell containers, and ends the command with the exit code of both."""
    if ended.document is not None and json:
        from nextmini.experiment import as_json

        sys.stdout.write(as_json(ended.document))
    elif ended.document is not None:
        from nextmini.experiment.table import print_document

        print_document(ended.document | {"folder": shown_path(ended.document["folder"])}, sys.stdout)
    for note in ended.notes:
        typer.echo(f"note: {note}", err=True)
    for failure in ended.failures:
        typer.echo(f"error: {failure}", err=True)
    if ended.document is None:
        raise RunError(f"experiment {network.name} ended without a result")
    failed = bool(ended.failures) or ended.document["status"] == "failed"
    raise typer.Exit(RunError.exit_code if failed else 0)


def become(command: list[str]) -> None:
    """Becomes another program, for good."""
    import os

    sys.stdout.flush()
    os.execvp(command[0], command)  # noqa: S606 - what was asked for, without a shell
