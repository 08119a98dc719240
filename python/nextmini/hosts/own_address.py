"""By which of its addresses this machine reaches another one."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from nextmini.errors import PrerequisiteError

_EVERYWHERE = ("0.0.0.0", "[::]")  # noqa: S104 - looked for, and replaced


def listen_towards(listen: str, url: str) -> str:
    """Where to listen for who hears of it from a controller at `url`: host and port.

    "Everywhere" stands for the address by which the controller is reached, since others must be told one.
    Raises PrerequisiteError if there is none.
    """
    host, _, port = listen.rpartition(":")
    if host not in _EVERYWHERE:
        return listen
    own = address_towards(url)
    return f"[{own}]:{port}" if ":" in own else f"{own}:{port}"


def address_towards(url: str) -> str:
    """This machine's address in what it sends to the host of a URL, of which nothing is sent here.

    Raises PrerequisiteError if the host is not known or not reached.
    """
    parts = urlsplit(url)
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_DGRAM)
        family, kind, _, _, address = found[0]
        with socket.socket(family, kind) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    except (OSError, ValueError) as error:
        raise PrerequisiteError(
            f"the controller's address {url} leads nowhere: {error}",
            "write the one that the controller prints",
        ) from error
