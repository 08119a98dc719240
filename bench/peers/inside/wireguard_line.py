"""Network namespaces in a line, with a tunnel of wireguard-go from each to the next: `wireguard_line N`.

There are N tunnels and N + 1 namespaces, each of which forwards. A tunnel goes over a veth pair of its own:
two processes of wireguard-go, two keys, and addresses 10.0.I.1 and 10.0.I.2 at its ends. The veth pairs have
10.1.I.1 and 10.1.I.2.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.peers.inside.conversation import converse
from bench.peers.inside.namespaces import add, inside, iperf, link, ping, prepare, run

FIRST_PORT = 51_820
_KEYS = Path("/run/keys")


def main(tunnels: int) -> None:
    """Makes them, and obeys `iperf SECONDS`."""
    prepare()
    _KEYS.mkdir()
    for number in range(tunnels + 1):
        add(f"n{number}")
    for number in range(tunnels):
        link(f"n{number}", f"n{number + 1}", f"v{number}", f"10.1.{number}")
        tunnel(number)
    for number in range(tunnels + 1):
        routes(number, tunnels)
    far = f"10.0.{tunnels - 1}.2"
    ping("n0", far)
    converse({"iperf": lambda seconds: iperf("n0", f"n{tunnels}", far, seconds)})


def tunnel(number: int) -> None:
    """A tunnel between two neighbours."""
    keys = [run("wg", "genkey").strip() for _ in range(2)]
    for end in range(2):
        namespace, device = f"n{number + end}", f"w{number}-{end}"
        # It returns when the device is there and the program can be told its settings.
        inside(namespace, "wireguard-go", device)
        key = _KEYS / device
        key.write_text(keys[end], encoding="ascii")
        peer = ("peer", public(keys[1 - end]), "allowed-ips", "0.0.0.0/0")
        # Two tunnels end in a namespace.
        port = str(FIRST_PORT + number)
        where = ("endpoint", f"10.1.{number}.{2 - end}:{port}")
        inside(namespace, "wg", "set", device, "listen-port", port, "private-key", str(key), *peer, *where)
        inside(namespace, "ip", "address", "add", f"10.0.{number}.{1 + end}/24", "dev", device)
        inside(namespace, "ip", "link", "set", device, "up")


def public(key: str) -> str:
    """Of a private key."""
    done = subprocess.run(["wg", "pubkey"], input=key, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def routes(number: int, tunnels: int) -> None:
    """From a namespace to the tunnels that are not its own."""
    for other in range(tunnels):
        if other > number:
            inside(f"n{number}", "ip", "route", "add", f"10.0.{other}.0/24", "dev", f"w{number}-0")
        elif other < number - 1:
            inside(f"n{number}", "ip", "route", "add", f"10.0.{other}.0/24", "dev", f"w{number - 1}-1")


if __name__ == "__main__":
    main(int(sys.argv[1]))
