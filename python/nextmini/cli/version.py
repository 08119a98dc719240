"""`nextmini version`."""

from __future__ import annotations

import importlib.metadata

import typer

from nextmini.cli.output import JsonOption, print_json


def package_version() -> str:
    """The installed version of Nextmini."""
    try:
        return importlib.metadata.version("nextmini")
    except importlib.metadata.PackageNotFoundError:
        return "unknown (run from its sources without being installed)"


def version(json: JsonOption = False) -> None:
    """Print the version."""
    if not json:
        typer.echo(package_version())
        return
    import platform

    from nextmini.hosts.native import native_version

    native, reason = native_version()
    print_json(
        {
            "nextmini": package_version(),
            "native": native,
            "native_error": reason,
            "python": platform.python_version(),
            "system": platform.system(),
            "kernel": platform.release(),
            "machine": platform.machine(),
        }
    )
