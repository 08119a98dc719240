"""Machines far apart, as network namespaces: a router joins them, and some are behind its NAT.

controller 198.51.100.2 ---+
                           router ---- lab 203.0.113.2
home 192.168.77.2 --(NAT)--+
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

OUTSIDE = {"controller": "198.51.100.2", "lab": "203.0.113.2"}
BEHIND_NAT = {"home": "192.168.77.2"}
_RULES = """
table ip nextmini-test {
    chain out { type nat hook postrouting priority srcnat; ip saddr 192.168.0.0/16 masquerade; }
    chain pass {
        type filter hook forward priority filter;
        ct state established,related accept
        ip daddr 192.168.0.0/16 reject
    }
}
"""
_FORWARDING = "echo 1 > /proc/sys/net/ipv4/ip_forward"


class Places:
    """The namespaces of one test; `own` begins their names."""

    def __init__(self, own: str, places: Iterable[str] = ("controller", "lab", "home")) -> None:
        self._own = own
        self._places = tuple(places)

    def __enter__(self) -> Places:
        try:
            self._make()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._remove()

    def at(self, place: str) -> tuple[str, ...]:
        """What a command begins with that is to run there."""
        return ("nsenter", f"--net=/run/netns/{self._name(place)}")

    def _name(self, place: str) -> str:
        return f"{self._own}-{place}"

    def _make(self) -> None:
        for place in ("router", *self._places):
            run("ip", "netns", "add", self._name(place))
            run("ip", "-n", self._name(place), "link", "set", "lo", "up")
        router = self._name("router")
        for place in self._places:
            address = (OUTSIDE | BEHIND_NAT)[place]
            gateway = f"{address.rpartition('.')[0]}.1"
            here, wire = self._name(place), f"to-{place}"
            ends = ("type", "veth", "peer", "name", "wan", "netns", here)
            run("ip", "-n", router, "link", "add", wire, *ends)
            run("ip", "-n", router, "address", "add", f"{gateway}/24", "dev", wire)
            run("ip", "-n", here, "address", "add", f"{address}/24", "dev", "wan")
            run("ip", "-n", router, "link", "set", wire, "up")
            run("ip", "-n", here, "link", "set", "wan", "up")
            run("ip", "-n", here, "route", "add", "default", "via", gateway)
        run(*self.at("router"), "sh", "-c", _FORWARDING)
        run(*self.at("router"), "nft", "-f", "-", text=_RULES)

    def _remove(self) -> None:
        for place in ("router", *self._places):
            subprocess.run(["ip", "netns", "delete", self._name(place)], check=False, capture_output=True)


def run(*command: str, text: str | None = None) -> str:
    """Runs a command that has to work, and returns what it says."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout
