"""`nextmini controller FILE`."""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nextmini.cli.output import JsonOption, print_json, tell_notices
from nextmini.cli.run import DatabaseOption, NameOption, StateOption
from nextmini.cli.signals import INTERRUPTED, Signals

if TYPE_CHECKING:
    from collections.abc import Callable

    from nextmini.experiment import RunOptions
    from nextmini.experiment.standalone import Ready
    from nextmini.scenario import Scenario


def controller(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A scenario in TOML, YAML or JSON.")],
    json: JsonOption = False,
    tls_cert: Annotated[
        Path | None,
        typer.Option(
            "--tls-cert", metavar="FILE", help="A certificate to show, in PEM, with those that vouch for it."
        ),
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", metavar="FILE", help="Its private key, in PEM.")
    ] = None,
    name: NameOption = None,
    database_url: DatabaseOption = None,
    state_dir: StateOption = None,
) -> None:
    r"""Run a controller by itself.

    It prints the address and the token file that `nextmini dataplane` needs, and serves until Ctrl-C; then
    it stops the dataplane processes that are connected. Where it listens beyond this machine, or with
    `tls = true` under \[controller], it speaks TLS, with a certificate that is made for the experiment or
    the one of --tls-cert.
    """
    signals = Signals()
    with signals.noted():
        import asyncio

        from nextmini.controller.tls import given_files
        from nextmini.experiment import RunOptions
        from nextmini.scenario import load

        given = given_files(tls_cert, tls_key)
        options = RunOptions(database_url=database_url, state_dir=state_dir, name=name, tls=given)
        scenario = load(file)
        tell_notices(scenario)
        asyncio.run(_serve(scenario, options, signals, _tell_json if json else _tell))
    raise typer.Exit(INTERRUPTED)


async def _serve(
    scenario: "Scenario", options: "RunOptions", signals: Signals, tell: "Callable[[Ready], None]"
) -> None:
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
        await serve_scenario(scenario, options, interrupt, tell)


def _tell(ready: "Ready") -> None:
    token_file, pin = ready.token_file, ""
    typer.echo(f"controller: {ready.url}", err=True)
    if ready.everywhere:
        typer.echo("on other machines, write an address of this one in place of the URL's", err=True)
    if ready.fingerprint is not None:
        typer.echo(f"certificate (SHA-256): {ready.fingerprint}", err=True)
        pin = f" --tls-fingerprint {ready.fingerprint}"
    typer.echo(f"token file: {token_file}", err=True)
    typer.echo(
        f"start dataplane processes with: "
        f"nextmini dataplane --controller {ready.url}{pin} --token-file {token_file} --process N"
        f" --captures {token_file.with_name('capture-N')}",
        err=True,
    )


def _tell_json(ready: "Ready") -> None:
    print_json(
        {
            "controller": ready.url,
            "tls_fingerprint": ready.fingerprint,
            "token_file": str(ready.token_file),
        }
    )
    sys.stdout.flush()
