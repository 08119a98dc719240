"""`nextmini controller FILE`."""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nextmini.cli.run import DatabaseOption, NameOption, StateOption
from nextmini.cli.signals import INTERRUPTED, Signals

if TYPE_CHECKING:
    from nextmini.experiment import RunOptions
    from nextmini.scenario import Scenario


def controller(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A scenario in TOML, YAML or JSON.")],
    name: NameOption = None,
    database_url: DatabaseOption = None,
    state_dir: StateOption = None,
) -> None:
    """Run a controller by itself.

    It prints the address and the token file that `nextmini dataplane` needs, and serves until Ctrl-C; then
    it stops the dataplane processes that are connected.
    """
    signals = Signals()
    with signals.noted():
        import asyncio

        from nextmini.experiment import RunOptions
        from nextmini.scenario import load

        options = RunOptions(database_url=database_url, state_dir=state_dir, name=name)
        asyncio.run(_serve(load(file), options, signals))
    raise typer.Exit(INTERRUPTED)


async def _serve(scenario: "Scenario", options: "RunOptions", signals: Signals) -> None:
    from nextmini.experiment import Interrupt
    from nextmini.experiment.standalone import serve_scenario

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("nextmini")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    interrupt = Interrupt()
    with interrupt.on_signals():
        signals.check()
        await serve_scenario(scenario, options, interrupt, _tell)


def _tell(url: str, token_file: Path) -> None:
    typer.echo(f"controller: {url}", err=True)
    typer.echo(f"token file: {token_file}", err=True)
    typer.echo(
        f"start dataplane processes with: "
        f"nextmini dataplane --controller {url} --token-file {token_file} --process N"
        f" --captures {token_file.with_name('capture-N')}",
        err=True,
    )
