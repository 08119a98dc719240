"""`nextmini controller FILE`."""

import logging
import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nextmini.cli.output import JsonOption, json_text, print_json, tell_notices
from nextmini.cli.run import DatabaseOption, NameOption, StateOption
from nextmini.cli.signals import INTERRUPTED, Signals
from nextmini.errors import PrerequisiteError

if TYPE_CHECKING:
    from collections.abc import Callable

    from nextmini.experiment import RunOptions
    from nextmini.experiment.standalone import Ready
    from nextmini.scenario import Scenario


class Devices(Enum):
    """Where nodes have their TUN devices."""

    HERE = "here"
    PROCESSES = "processes"


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
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", metavar="FILE", help="A token that processes have already."),
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option("--key-file", metavar="FILE", help="A key for links, beside the token.")
    ] = None,
    devices: Annotated[
        Devices,
        typer.Option(
            "--devices",
            help="Where nodes have their TUN devices: in namespaces that are made here, or where their "
            "processes are, which have made them (nextmini dataplane --nodes).",
        ),
    ] = Devices.HERE,
    announce: Annotated[
        Path | None,
        typer.Option("--announce", metavar="FILE", help="Write to FILE what --json prints, when it listens."),
    ] = None,
    runs_dir: Annotated[
        Path | None,
        typer.Option(
            "--runs-dir",
            metavar="DIR",
            help="Make a run folder there, and end with experiment.duration, or when something fails. "
            "The exit code is 0 then: the report says what became of it.",
        ),
    ] = None,
    name: NameOption = None,
    database_url: DatabaseOption = None,
    state_dir: StateOption = None,
) -> None:
    """Run a controller by itself.

    It prints the address and the token file that `nextmini dataplane` needs, and serves until Ctrl-C; then
    it stops the dataplane processes that are connected. Token and key are made for the run unless they are
    given, which whoever starts processes at the same time needs. Where it listens beyond this machine, or
    with `tls = true` under [controller], it speaks TLS, with a certificate that is made for the experiment
    or the one of --tls-cert.
    """
    signals = Signals()
    with signals.noted():
        import asyncio

        from nextmini.controller.devices import Home
        from nextmini.controller.tls import given_files
        from nextmini.experiment import RunOptions
        from nextmini.scenario import load
        from nextmini.store import given_secrets

        options = RunOptions(
            runs_dir=runs_dir or Path("runs"),
            has_folder=runs_dir is not None,
            database_url=database_url,
            state_dir=state_dir,
            name=name,
            tls=given_files(tls_cert, tls_key),
            given=given_secrets(token_file, key_file),
            home=Home.PROCESS if devices is Devices.PROCESSES else Home.NAMED,
        )
        scenario = load(file)
        tell_notices(scenario)

        def tell(ready: "Ready") -> None:
            (_tell_json if json else _tell)(ready)
            if announce is not None:
                _announce(announce, ready)

        interrupted = asyncio.run(_serve(scenario, options, signals, tell))
    raise typer.Exit(INTERRUPTED if interrupted else 0)


async def _serve(
    scenario: "Scenario", options: "RunOptions", signals: Signals, tell: "Callable[[Ready], None]"
) -> bool:
    """Returns whether it was interrupted."""
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
    return interrupt.requested


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
    print_json(_document(ready))
    sys.stdout.flush()


def _announce(file: Path, ready: "Ready") -> None:
    """Writes it as a whole or not at all: others look whether the file is there."""
    partial = file.with_name(f"{file.name}.part")
    try:
        partial.write_text(json_text(_document(ready)), encoding="utf-8")
        partial.replace(file)
    except OSError as error:
        raise PrerequisiteError(
            f"--announce: {file} cannot be written: {error.strerror}", "name another file"
        ) from error


def _document(ready: "Ready") -> dict[str, str | None]:
    return {
        "controller": ready.url,
        "tls_fingerprint": ready.fingerprint,
        "token_file": str(ready.token_file),
    }
