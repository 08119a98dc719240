"""`nextmini dataplane`."""

from pathlib import Path
from typing import Annotated, Any

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
    when the controller says so or on Ctrl-C. With --join and --site, the controller tells it which of the
    site's processes it is, whichever is missing.
    """
    url, who = _place(controller, process, join, site, public, ports)
    try:
        token = token_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise PrerequisiteError(
            f"the token file {token_file} cannot be read: {error}", "take the one that the controller prints"
        ) from error
    raise typer.Exit(
        run(
            url,
            token,
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
