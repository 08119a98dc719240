"""`nextmini controller FILE`."""

import logging
import pickle
import sys
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nextmini.cli.output import JsonOption, json_text, tell_notices
from nextmini.cli.run import DatabaseOption, NameOption, StateOption
from nextmini.cli.signals import INTERRUPTED, Signals
from nextmini.errors import PrerequisiteError, RunError
from nextmini.hosts.handover import Handover
from nextmini.hosts.supervision import supervise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nextmini.experiment import RunOptions
    from nextmini.experiment.standalone import Ready
    from nextmini.scenario import Network


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
    patience: Annotated[
        float,
        typer.Option(
            "--patience",
            metavar="SECONDS",
            min=0,
            help="How long the name of the database's machine may be unknown, as where both start at once.",
        ),
    ] = 0.0,
    name: NameOption = None,
    database_url: DatabaseOption = None,
    state_dir: StateOption = None,
) -> None:
    r"""Run a controller by itself.

    It prints the address and the token file that `nextmini dataplane` needs, with sites the command for each
    of them, and serves until Ctrl-C; then it stops the dataplane processes that are connected. Token and key
    are made for the run unless they are given, which whoever starts processes at the same time needs. Where
    it listens beyond this machine, or with `tls = true` under \[controller], it speaks TLS, with a
    certificate that is made for the experiment or the one of --tls-cert. One that is killed, or has a defect,
    is started again and goes on with the run, up to the fifth time within a minute.
    """
    signals, shared = Signals(), _Shared()

    def work() -> int:
        from nextmini.controller.devices import Home
        from nextmini.controller.tls import given_files
        from nextmini.experiment import RunOptions
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
        if patience and database_url is not None:
            _await_database(database_url, patience, signals)

        def tell(ready: "Ready") -> None:
            # Before it is printed: who reads that may look for the file.
            if announce is not None:
                _announce(announce, ready)
            shared.tell(ready, json=json)

        return _control(file, options, signals, shared, tell)

    with signals.noted():
        code = supervise("controller", work, lambda text: typer.echo(text, err=True))
    raise typer.Exit(code)


@dataclass(frozen=True, slots=True)
class _Shared:
    """What is so for all controllers that follow each other here."""

    network: Handover = field(default_factory=Handover)
    """What FILE said when it was read, whatever has become of it."""
    told: Handover = field(default_factory=Handover)
    """What was printed of where the controller is."""

    def load(self, file: Path) -> "Network":
        from nextmini.scenario import load, resolve

        found = self.network.found()
        if found:
            network: Network = pickle.loads(found)  # noqa: S301 - from a process of ours, with our code
            return network
        scenario = load(file)
        tell_notices(scenario)
        network = resolve(scenario)
        self.network.leave(pickle.dumps(network))
        return network

    def tell(self, ready: "Ready", *, json: bool) -> None:
        text = _as_json(ready) if json else _as_text(ready)
        if text.encode() == self.told.found():
            return
        try:
            typer.echo(text, nl=False, err=not json)
        except OSError as error:
            raise RunError(f"where the controller is cannot be printed: {error.strerror}") from error
        self.told.leave(text.encode())


def _control(
    file: Path, options: "RunOptions", signals: Signals, shared: _Shared, tell: "Callable[[Ready], None]"
) -> int:
    """Serves to the end; returns the exit code."""
    import asyncio

    network = shared.load(file)
    notes, interrupted = asyncio.run(_serve(network, options, signals, tell))
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    return INTERRUPTED if interrupted else 0


def _await_database(url: str, patience: float, signals: Signals) -> None:
    import time

    from nextmini.hosts.names import wait_for_host

    def pause(seconds: float) -> None:
        signals.check()
        time.sleep(seconds)

    wait_for_host(url, patience, pause=pause)


async def _serve(
    network: "Network", options: "RunOptions", signals: Signals, tell: "Callable[[Ready], None]"
) -> tuple[list[str], bool]:
    """What its user should know of the run, and whether somebody ended it."""
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
        return await serve_scenario(network, options, interrupt, tell), interrupt.requested


def _as_text(ready: "Ready") -> str:
    token_file, pin = ready.token_file, ""
    lines = [f"controller: {ready.url}"]
    if ready.everywhere and not ready.joins:
        lines.append("on other machines, write an address of this one in place of the URL's")
    if ready.fingerprint is not None:
        lines.append(f"certificate (SHA-256): {ready.fingerprint}")
        pin = f" --tls-fingerprint {ready.fingerprint}"
    lines.append(f"token file: {token_file}")
    if ready.joins:
        return "".join(f"{line}\n" for line in (*lines, *_of_sites(ready)))
    lines.append(
        f"start dataplane processes with: "
        f"nextmini dataplane --controller {ready.url}{pin} --token-file {token_file} --process N"
        f" --captures {token_file.with_name('capture-N')}"
    )
    return "".join(f"{line}\n" for line in lines)


def _of_sites(ready: "Ready") -> "Iterator[str]":
    if str(ready.token_file) not in next(iter(ready.joins.values())):
        yield f"copy it to each site as `{ready.token_file.name}`, by a way that nobody reads"
    for site, command in ready.joins.items():
        yield f"at the site {site}, run: {command}"


def _as_json(ready: "Ready") -> str:
    return json_text(
        {
            "controller": ready.url,
            "tls_fingerprint": ready.fingerprint,
            "token_file": str(ready.token_file),
            "join": dict(ready.joins),
        }
    )


def _announce(file: Path, ready: "Ready") -> None:
    """Writes it as a whole or not at all: others look whether the file is there."""
    partial = file.with_name(f"{file.name}.part")
    try:
        partial.write_text(_as_json(ready), encoding="utf-8")
        partial.replace(file)
    except OSError as error:
        raise PrerequisiteError(
            f"--announce: {file} cannot be written: {error.strerror}", "name another file"
        ) from error
