"""`nextmini dataplane`."""

import os
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from nextmini.dataplane import run
from nextmini.errors import PrerequisiteError


def dataplane(
    controller: Annotated[
        str, typer.Option("--controller", metavar="URL", help="The controller's, as it prints it.")
    ],
    token_file: Annotated[
        Path, typer.Option("--token-file", metavar="FILE", help="The experiment's token, as it prints it.")
    ],
    process: Annotated[
        int, typer.Option("--process", metavar="N", min=0, help="Which process of the experiment, from 0.")
    ],
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Where links from other processes arrive.")
    ] = "127.0.0.1:0",
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
    exit_with_parent: Annotated[
        bool, typer.Option("--exit-with-parent", help="Stop when standard input ends.")
    ] = False,
) -> None:
    """Run a dataplane process by itself.

    It connects to a controller (`nextmini controller FILE`), hosts the nodes that it is told to, and ends
    when the controller says so or on Ctrl-C. Where it listens at every address (0.0.0.0), others are told the
    one by which it reaches the controller.
    """
    if tls_fingerprint is not None and tls_fingerprint_file is not None:
        raise typer.BadParameter("--tls-fingerprint and --tls-fingerprint-file do not go together")
    from nextmini.hosts.own_address import listen_towards

    address = listen_towards(listen, controller)
    if nodes is not None:
        from nextmini.hosts import own_device

        own_device.make(own_device.read_node(nodes, process), controller)
        _become(
            {
                "--controller": controller,
                "--token-file": token_file,
                "--process": process,
                "--listen": address,
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
            controller,
            _read(token_file, "token"),
            process,
            listen=address,
            workers=workers,
            captures=None if captures is None else str(captures),
            exit_with_parent=exit_with_parent,
            tls_fingerprint=tls_fingerprint,
            tls_ca=None if tls_ca is None else str(tls_ca),
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
