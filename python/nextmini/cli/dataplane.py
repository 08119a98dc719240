"""`nextmini dataplane`."""

import os
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from nextmini.dataplane import run
from nextmini.errors import PrerequisiteError


def dataplane(
    token_file: Annotated[
        Path, typer.Option("--token-file", metavar="FILE", help="The experiment's token, as it prints it.")
    ],
    controller: Annotated[
        str | None, typer.Option("--controller", metavar="URL", help="The controller's, as it prints it.")
    ] = None,
    process: Annotated[
        int | None,
        typer.Option("--process", metavar="N", min=0, help="Which process of the experiment, from 0."),
    ] = None,
    join: Annotated[
        str | None,
        typer.Option(
            "--join", metavar="URL", help="The controller's, to be one of the processes of a --site."
        ),
    ] = None,
    site: Annotated[
        str | None, typer.Option("--site", metavar="NAME", help="The site where this machine is.")
    ] = None,
    public: Annotated[
        str | None,
        typer.Option(
            "--public", metavar="ADDRESS", help="Where other sites reach it, if not as the scenario says."
        ),
    ] = None,
    ports: Annotated[
        str | None,
        typer.Option("--ports", metavar="A-B", help="Where links may arrive, if not as the scenario says."),
    ] = None,
    listen: Annotated[
        str | None,
        typer.Option(
            "--listen",
            metavar="HOST:PORT",
            help="Where links from other processes arrive (default: 127.0.0.1:0; at a site, as it says).",
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", metavar="N", min=0, help="Threads; 0 is one a core.")
    ] = 0,
    captures: Annotated[
        Path | None,
        typer.Option(
            "--captures",
            metavar="FILE",
            help="Where to make the socket that `nextmini capture` looks for: capture-N beside the token.",
        ),
    ] = None,
    tls_fingerprint: Annotated[
        str | None,
        typer.Option(
            "--tls-fingerprint",
            metavar="SHA256HEX",
            help="Of the certificate that a controller at wss:// must show, as it prints it.",
        ),
    ] = None,
    tls_fingerprint_file: Annotated[
        Path | None, typer.Option("--tls-fingerprint-file", metavar="FILE", help="The same, in a file.")
    ] = None,
    tls_ca: Annotated[
        Path | None,
        typer.Option(
            "--tls-ca", metavar="FILE", help="Authorities, in PEM, of which one must have signed it instead."
        ),
    ] = None,
    nodes: Annotated[
        Path | None,
        typer.Option(
            "--nodes",
            metavar="FILE",
            help="Make the TUN device of this process's only node where the process is, as in a container: "
            "FILE is what a deployment has of its nodes. Programs there are then in that node.",
        ),
    ] = None,
    patience: Annotated[
        float,
        typer.Option(
            "--patience",
            metavar="SECONDS",
            min=0,
            help="How long the name of the controller may be unknown, as where it starts at the same time.",
        ),
    ] = 0.0,
    exit_with_parent: Annotated[
        bool, typer.Option("--exit-with-parent", help="Stop when standard input ends.")
    ] = False,
) -> None:
    """Run a dataplane process by itself.

    It connects to a controller (`nextmini controller FILE`), hosts the nodes that it is told to, and ends
    when the controller says so or on Ctrl-C. With --join and --site, the controller tells it which of the
    site's processes it is, whichever is missing. With --controller, a process that listens at every address
    (0.0.0.0) tells others the one by which it reaches the controller.
    """
    if tls_fingerprint is not None and tls_fingerprint_file is not None:
        raise typer.BadParameter("--tls-fingerprint and --tls-fingerprint-file do not go together")
    url, who = _place(controller, process, join, site, public, ports)
    if patience:
        from nextmini.hosts.names import wait_for_host

        wait_for_host(url, patience)
    if isinstance(who, int) and listen is not None:
        from nextmini.hosts.own_address import listen_towards

        listen = listen_towards(listen, url)
    if nodes is not None:
        if not isinstance(who, int):
            raise typer.BadParameter("--nodes goes with --controller and --process")
        from nextmini.hosts import own_device

        own_device.make(own_device.read_node(nodes, who), url)
        _become(
            {
                "--controller": url,
                "--token-file": token_file,
                "--process": who,
                "--listen": listen,
                "--workers": workers,
                "--captures": captures,
                "--tls-fingerprint": tls_fingerprint,
                "--tls-fingerprint-file": tls_fingerprint_file,
                "--tls-ca": tls_ca,
            },
            exit_with_parent,
        )
    if tls_fingerprint_file is not None:
        tls_fingerprint = _read(tls_fingerprint_file, "fingerprint")
    raise typer.Exit(
        run(
            url,
            _read(token_file, "token"),
            who,
            listen=listen,
            workers=workers,
            captures=None if captures is None else str(captures),
            exit_with_parent=exit_with_parent,
            tls_fingerprint=tls_fingerprint,
            tls_ca=None if tls_ca is None else str(tls_ca),
            ports=_checked("--ports", ports, "ports"),
            public=_checked("--public", public, "public"),
        )
    )


def _become(options: dict[str, object], exit_with_parent: bool) -> NoReturn:
    """Goes on as the program of dataplane processes, without what making a device has taken of memory."""
    from nextmini.hosts.local import PROGRAM

    words = [word for name, value in options.items() if value is not None for word in (name, str(value))]
    flags = ["--exit-with-parent"] if exit_with_parent else []
    os.execv(PROGRAM[0], [*PROGRAM, *words, *flags])  # noqa: S606 - ourselves


def _read(file: Path, what: str) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise PrerequisiteError(
            f"the {what} file {file} cannot be read: {error}", "take the one that the controller prints"
        ) from error


def _place(
    controller: str | None,
    process: int | None,
    join: str | None,
    site: str | None,
    public: str | None,
    ports: str | None,
) -> tuple[str, int | str]:
    """The controller's URL, and the index of the process or the name of its site."""
    if controller is not None and join is None:
        return _index(controller, process, (site, public, ports))
    if controller is not None or join is None:
        raise PrerequisiteError(
            "a dataplane process needs one of --controller and --join",
            "write --join URL --site NAME, or --controller URL --process N",
        )
    if site is None or process is not None:
        raise PrerequisiteError("--join goes with --site, and without --process", "write --site NAME")
    return join, site


def _index(
    controller: str, process: int | None, of_sites: tuple[str | None, str | None, str | None]
) -> tuple[str, int]:
    if process is None or any(one is not None for one in of_sites):
        raise PrerequisiteError(
            "--controller goes with --process, and without --site, --public and --ports",
            "write --process N, or --join URL --site NAME",
        )
    return controller, process


def _checked(option: str, text: str | None, field: str) -> Any:
    """What a key of `[[sites]]` would be with this text."""
    if text is None:
        return None
    from pydantic import ValidationError

    from nextmini.scenario.site_table import SiteEntry

    try:
        return getattr(SiteEntry.model_validate({"name": "here", field: text}), field)
    except ValidationError as error:
        first = error.errors()[0]
        raise PrerequisiteError(f"{option}: {first['msg']}", first.get("ctx", {}).get("remedy")) from None
