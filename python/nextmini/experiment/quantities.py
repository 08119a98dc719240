"""Amounts as a person reads them: three digits and a unit, decimal as in scenarios."""

from __future__ import annotations

from nextmini.scenario.wording import count as count  # told beside the others


def size(number: float) -> str:
    """Bytes."""
    return _scaled(number, ("B", "kB", "MB", "GB", "TB", "PB"))


def rate(number: float) -> str:
    """Bits a second."""
    return _scaled(number, ("bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"))


def seconds(number: float) -> str:
    """A time, from nanoseconds to thousands of seconds."""
    return f"{number:.3g} s" if number >= 0.9995 else _scaled(number * 1e9, ("ns", "us", "ms", "s"))


def share(number: float) -> str:
    """A part of a whole."""
    return f"{number * 100:.3g} %"


def _scaled(number: float, units: tuple[str, ...]) -> str:
    unit = 0
    # 999.5 would be written as 1000.
    while number >= 999.5 and unit < len(units) - 1:
        number /= 1000
        unit += 1
    return f"{number:.3g} {units[unit]}"
