"""Bandwidth between two nodes: by iperf3 inside of them, or by a flow where nothing runs inside."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from nextmini.errors import RunError
from nextmini.hosts.iperf import Bandwidth
from nextmini.live.choice import LiveError
from nextmini.live.flows import add_flow
from nextmini.scenario.units import UnitError, parse_rate

if TYPE_CHECKING:
    from nextmini.hosts.iperf import Measurement
    from nextmini.store.live import LiveStore

_IPERF_RATE = re.compile(r"(\d+(?:\.\d+)?)([KMG]?)", re.IGNORECASE)
_FACTORS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}


def rate_of(text: str) -> int:
    """A rate in bit/s, written as in a scenario or as iperf has it: `10 Mbit/s` is 10M.

    Raises LiveError if it is neither.
    """
    match = _IPERF_RATE.fullmatch(text)
    if match is not None and float(match[1]) > 0:
        return round(float(match[1]) * _FACTORS[match[2].upper()])
    try:
        return parse_rate(text)
    except UnitError as error:
        raise LiveError(
            f"the rate {text!r} makes no sense: {error.message}", "write 10M or 10 Mbit/s"
        ) from error


async def by_flow(store: LiveStore, source: str, destination: str, wanted: Measurement) -> Bandwidth:
    """What a flow of that length delivers. Raises LiveError, ScenarioError or RunError.

    What was sent is told of none, so it is what was received.
    """
    said: dict[str, Any] = {
        "source": source,
        "destination": destination,
        "kind": "lossless" if wanted.protocol == "tcp" else "udp",
        "duration": f"{wanted.seconds:g} s",
    }
    if wanted.protocol == "udp":
        said["rate"] = f"{rate_of(wanted.rate)} bit/s"
    done = await add_flow(store, said, wait=True)
    if not done["seconds"]:
        raise RunError(f"nothing was delivered from {source} to {destination}", done["reason"])
    rate = done["bytes"] * 8 / done["seconds"]
    return Bandwidth(rate, rate)
