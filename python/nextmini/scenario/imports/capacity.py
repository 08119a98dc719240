"""Rates as files of topologies have them: `LinkSpeed` with its unit, and labels such as `OC-48`."""

from __future__ import annotations

import re
from fractions import Fraction

_PREFIXES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_TIMES = r"(?:(?P<times>\d{1,3})\s*[x*\u00d7]\s*)?"
_NUMBER = r"(?P<number>\d+(?:\.\d+)?)\s*(?P<prefix>[kKmMgGtT])"
_SUFFIX = r"(?:b(?:it)?s?(?:ps|/s(?:ec)?)?|(?:b|ig)?E|)"
"""Of bits and of Ethernet; `MB/s` are bytes, and nobody's rate."""
_RATE = re.compile(rf"{_TIMES}{_NUMBER}{_SUFFIX}(?:\s+[^\d]*)?")
_CARRIER = re.compile(
    rf"{_TIMES}(?P<carrier>OC|STS|STM)[\s-]?(?P<number>\d{{1,4}})c?(?:\s+[^\d]*)?", re.IGNORECASE
)
_BASE = {"oc": 51_840_000, "sts": 51_840_000, "stm": 155_520_000}
"""bit/s of OC-1 and STS-1 (ANSI T1.105), and of STM-1 (ITU-T G.707)."""


def speed(number: float, unit: str) -> float | None:
    """bit/s of a `LinkSpeed` in `LinkSpeedUnits` (K, M, G or T, or nothing); None if that is no unit."""
    match = re.fullmatch(rf"(?P<prefix>[kKmMgGtT]?){_SUFFIX}", unit.strip())
    return None if match is None else number * _PREFIXES[match["prefix"].lower()]


def labelled_rate(label: str) -> float | None:
    """bit/s of a label such as "OC-48", "STM-16", "2.5 Gbps", "10GbE" or "2 x 10G"; None if it is no rate."""
    text = label.strip()
    match = _CARRIER.fullmatch(text)
    if match is not None:
        base = _BASE[match["carrier"].lower()]
        return float(int(match["times"] or 1) * int(match["number"]) * base)
    match = _RATE.fullmatch(text)
    if match is None:
        return None
    amount = Fraction(match["number"]) * _PREFIXES[match["prefix"].lower()]
    return float(int(match["times"] or 1) * amount)
