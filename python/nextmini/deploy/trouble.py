"""What a Docker engine and Compose say when something is wrong, and what to do about it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Advice:
    """What has gone wrong, in a few words, and the remedy."""

    what: str
    remedy: str


_KNOWN: tuple[tuple[str, Advice], ...] = (
    (
        r"permission denied while trying to connect|Got permission denied",
        Advice("the Docker engine does not let this user in", "use sudo, or join the group docker"),
    ),
    (
        (
            r"Cannot connect to the Docker daemon|error during connect|Couldn't connect to Docker daemon"
            r"|Error while fetching server API version"
        ),
        Advice(
            "no Docker engine answers",
            "start it (systemctl start docker), or name another with the variable DOCKER_HOST",
        ),
    ),
    (
        r"No such image|pull access denied|manifest unknown|manifest for .* not found|repository does not ",
        Advice("an image is missing", "build or pull it, see docs/containers.md, or name another one"),
    ),
    (
        r"Client\.Timeout|no such host|dial tcp|TLS handshake timeout|i/o timeout",
        Advice(
            "an image is missing, and no registry can be reached", "build it here, see docs/containers.md"
        ),
    ),
    (
        r"port is already allocated|address already in use|ports are not available",
        Advice("a port of this machine is in use", "stop what uses it, or choose another one"),
    ),
    (
        r"non-overlapping IPv4 address pool|all predefined address pools|Pool overlaps",
        Advice(
            "the engine has no addresses left for another network",
            "remove networks that nobody uses (docker network prune), or set default-address-pools",
        ),
    ),
    (
        r"gathering device information|/dev/net/tun.*no such file|no such file.*/dev/net/tun",
        Advice("the machine has no TUN devices", 'load them (modprobe tun), or write isolation = "none"'),
    ),
    (
        r"docker-init",
        Advice("the engine lacks its program docker-init", "install it, as in: apt-get install tini"),
    ),
    (
        r"sysctl",
        Advice(
            "the engine does not set what a node's network needs",
            'run it as root and not rootless, or write isolation = "none" under [network]',
        ),
    ),
    (
        r"NET_ADMIN|[Uu]nknown capability|capabilit.*not permitted|[Oo]peration not permitted",
        Advice(
            "the engine refuses what a node's container needs: NET_ADMIN and /dev/net/tun",
            'run it as root and not rootless, or write isolation = "none" under [network]',
        ),
    ),
    (r"no space left on device", Advice("the disk is full", "free some of it (docker system df)")),
    (
        r"Unsupported config option|is invalid because|Additional propert|unsupported external secret",
        Advice("this version of Compose does not read the file", "install docker-compose 1.29 or v2"),
    ),
)


def advice(said: str) -> Advice | None:
    """What is known of a failure, by what was said; None if it is a new one."""
    for pattern, known in _KNOWN:
        if re.search(pattern, said):
            return known
    return None


def last_lines(said: str, most: int = 5) -> str:
    """The end of what a program said, on one line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return " | ".join(lines[-most:]) or "nothing"
