"""Names of machines that are not known yet, as of services of a cluster that start at the same time."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nextmini.errors import PrerequisiteError

if TYPE_CHECKING:
    from collections.abc import Callable

_PAUSE = 0.5
"""Seconds between two questions: nobody tells when a name becomes known."""


def wait_for_host(
    url: str,
    patience: float,
    *,
    lookup: Callable[[str], object] = lambda host: socket.getaddrinfo(host, None),
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Returns when the host of a URL has an address; `patience` is in seconds.

    Raises PrerequisiteError if it has none for so long.
    """
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return  # whoever uses the URL says what is wrong with it
    if not host:
        return
    give_up = clock() + patience
    while True:
        try:
            lookup(host)
            return
        except OSError as error:
            if clock() >= give_up:
                raise PrerequisiteError(
                    f"the name {host} has not been known for {patience:g} s: {error}",
                    f"see whether {host} has started, and that this machine is in the same network",
                ) from error
        pause(_PAUSE)
