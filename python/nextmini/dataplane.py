"""The program of a dataplane process: `python -m nextmini.dataplane`.

It parses its options and calls the native module, which hosts the nodes. It imports as little as it can,
since there may be one of it for every node.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a dataplane process to its end; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        token = options.token_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        return _failed(f"the token file {options.token_file} cannot be read: {error}", 2)
    return run(
        options.controller,
        token,
        options.process,
        listen=options.listen,
        workers=options.workers,
        exit_with_parent=options.exit_with_parent,
        namespace=options.namespace,
    )


def run(
    controller: str,
    token: str,
    process: int,
    *,
    listen: str,
    workers: int,
    exit_with_parent: bool,
    namespace: str | None = None,
) -> int:
    """Runs the native module; SIGTERM and SIGINT stop it in order. Returns the exit code."""
    try:
        from nextmini import _native
    except ImportError as error:
        return _failed(f"the native module is missing: {error}; install Nextmini again", 2)
    try:
        _native.run_dataplane(
            controller=controller,
            token=token,
            process=process,
            listen=listen,
            workers=workers,
            exit_with_parent=exit_with_parent,
            namespace=namespace,
        )
    except _native.DataplaneError as error:
        return _failed(f"dataplane process {process}: {error}", 1)
    return 0


def _failed(message: str, exit_code: int) -> int:
    sys.stderr.write(f"error: {message}\n")
    return exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m nextmini.dataplane", description="Hosts nodes of an experiment."
    )
    parser.add_argument("--controller", required=True, metavar="URL", help="such as ws://HOST:PORT/dataplane")
    parser.add_argument("--token-file", required=True, type=Path, metavar="FILE", help="holds the token")
    parser.add_argument("--process", required=True, type=_index, metavar="N", help="which process, from 0")
    parser.add_argument(
        "--listen", default="127.0.0.1:0", metavar="HOST:PORT", help="for links (127.0.0.1:0: any port)"
    )
    parser.add_argument("--workers", default=0, type=_index, metavar="N", help="threads (0: one a core)")
    parser.add_argument("--exit-with-parent", action="store_true", help="stop when standard input ends")
    parser.add_argument("--namespace", metavar="PATH", help="network namespace that links are in")
    return parser


def _index(text: str) -> int:
    value = int(text)
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 2^32 - 1")
    return value


if __name__ == "__main__":
    sys.exit(main())
