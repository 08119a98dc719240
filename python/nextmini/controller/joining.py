"""What to run at a site so that it takes part, and what is said of one that does not."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING

from nextmini.scenario.units import format_time

if TYPE_CHECKING:
    from nextmini.scenario.network import Site

_FAR = ("192.0.2.1", 9)
"""An address that is nobody's (RFC 5737)."""


def join_command(url: str, token_file: str, fingerprint: str | None, site: str) -> str:
    """The command for a machine of this site."""
    pin = "" if fingerprint is None else f" --tls-fingerprint {fingerprint}"
    return f"nextmini dataplane --join {url}{pin} --token-file {token_file} --site {site}"


def url_elsewhere(url: str, listen: str, public: str | None, own: str | None) -> str:
    """The controller's URL for other machines: `public` in it, or else where it listens.

    Where that is every address, `own` is the one of this machine, None if there is none.
    """
    scheme, _, rest = url.partition("://")
    authority, _, path = rest.partition("/")
    port = authority.rpartition(":")[2]
    host = listen.rpartition(":")[0].strip("[]")
    if public is not None:
        with_port = public if ":" in public.rpartition("]")[2] else f"{public}:{port}"
        return f"{scheme}://{with_port}/{path}"
    if host != "localhost" and ip_address(host).is_unspecified:
        return url if own is None else f"{scheme}://{own}:{port}/{path}"
    return url


def own_address() -> str | None:
    """The address of this machine that others may know: of the way out. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way_out:
        try:
            way_out.connect(_FAR)
        except OSError:
            return None
        return str(way_out.getsockname()[0])


def awaited(site: Site) -> str:
    """Of a site that has time left."""
    return f"the site {site.name} has not joined yet"


def absent(site: Site, missing: int) -> str:
    """Of a site of which `missing` processes did not come in time."""
    who = f"the site {site.name}"
    if missing < site.processes:
        who = f"{_processes(missing)} of {who}"
    return f"{who} did not join within {format_time(site.patience)}"


def _processes(number: int) -> str:
    return "1 process" if number == 1 else f"{number} processes"
