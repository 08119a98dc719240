"""Network namespaces of an enclosure: made, linked, and used by commands. See ip-netns(8)."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

from bench.peers.inside.iperf import OPTIONS, flow

if TYPE_CHECKING:
    from bench.peers.inside.iperf import Start

PATIENCE_SECONDS = "20"


def run(*command: str) -> str:
    """What a command says. If it fails, this program ends with its error."""
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {' '.join((done.stderr + done.stdout).split())}")
    return done.stdout


def prepare() -> None:
    """A /run of the enclosure's own, so that no name in there is anybody else's or left behind."""
    run("mount", "-t", "tmpfs", "tmpfs", "/run")


def add(namespace: str) -> None:
    """Makes a namespace that forwards."""
    run("ip", "netns", "add", namespace)
    run("ip", "-n", namespace, "link", "set", "lo", "up")
    inside(namespace, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")


def link(first: str, second: str, name: str, network: str) -> None:
    """A veth pair of two namespaces, with the first two addresses of a network such as `10.0.0`."""
    run("ip", "link", "add", name, "netns", first, "type", "veth", "peer", "name", name, "netns", second)
    for namespace, number in ((first, 1), (second, 2)):
        run("ip", "-n", namespace, "address", "add", f"{network}.{number}/24", "dev", name)
        run("ip", "-n", namespace, "link", "set", name, "up")


def inside(namespace: str, *command: str) -> str:
    """What a command says that runs in a namespace. Ends as `run`."""
    return run("ip", "netns", "exec", namespace, *command)


def ping(namespace: str, address: str) -> None:
    """Returns when a ping has been answered. Ends as `run` if none is."""
    inside(namespace, "ping", "-n", "-q", "-c", "1", "-w", PATIENCE_SECONDS, address)


def iperf(client: str, server: str, address: str, seconds: str) -> dict[str, Any]:
    """What a client of iperf3 reports of a flow from one namespace to another."""
    return flow(_start(client), _start(server), address, seconds)


def _start(namespace: str) -> Start:
    return lambda command: subprocess.Popen(["ip", "netns", "exec", namespace, *command], **OPTIONS)
