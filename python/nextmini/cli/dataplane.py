"""`nextmini dataplane`."""

from pathlib import Path
from typing import Annotated

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
    tls_ca: Annotated[
        Path | None,
        typer.Option(
            "--tls-ca", metavar="FILE", help="Authorities, in PEM, of which one must have signed it instead."
        ),
    ] = None,
    exit_with_parent: Annotated[
        bool, typer.Option("--exit-with-parent", help="Stop when standard input ends.")
    ] = False,
) -> None:
    """Run a dataplane process by itself.

    It connects to a controller (`nextmini controller FILE`), hosts the nodes that it is told to, and ends
    when the controller says so or on Ctrl-C.
    """
    try:
        token = token_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise PrerequisiteError(
            f"the token file {token_file} cannot be read: {error}", "take the one that the controller prints"
        ) from error
    raise typer.Exit(
        run(
            controller,
            token,
            process,
            listen=listen,
            workers=workers,
            captures=None if captures is None else str(captures),
            exit_with_parent=exit_with_parent,
            tls_fingerprint=tls_fingerprint,
            tls_ca=None if tls_ca is None else str(tls_ca),
        )
    )
