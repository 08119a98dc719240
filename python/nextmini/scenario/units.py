"""Quantities as people write them: `100 Mbit/s`, `64 KiB`, `10 ms`.

A number without its unit is refused: whether 100 meant bit/s or Mbit/s is nothing to guess. Values are
computed exactly (as fractions), so that `0.1 GB` is 100,000,000 bytes and not one less.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from nextmini.scenario.wording import alternatives, nearest, shown

_QUANTITY = re.compile(
    r"\s*(?P<sign>[+-]?)(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>%|(?![eE]\d)[^\W\d_](?:.*\S)?)?\s*", re.S
)
_LARGEST_WHOLE = 2**63 - 1
_LONGEST_TIME = Fraction(10**9)


class UnitError(ValueError):
    """`message` says what is wrong with a quantity, `remedy` what to write instead."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message}; {remedy}")
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Quantity:
    """A kind of quantity: its units (each a number of base units), and how to write one.

    `habits` are other spellings (in lower case) and the unit that they mean; a unit that matches `trap`
    counts something else, as `trap_hint` says.
    """

    noun: str
    base: str
    units: dict[str, Fraction]
    habits: dict[str, str]
    examples: tuple[str, ...]
    trap: str = "(?!)"
    trap_hint: str = ""

    @property
    def remedy(self) -> str:
        """How to write one, for the end of an error message."""
        return f"write a number with its unit, as in {alternatives(map(shown, self.examples))}"

    def parse(self, value: object) -> Fraction:
        """`value` in base units, exactly. Raises as `split`."""
        number, unit = self.split(value)
        return number * self.units[unit]

    def split(self, value: object) -> tuple[Fraction, str]:
        """The number and the unit of `value`.

        Raises UnitError if it is no text, has no number, is negative, or has no unit or an unknown one.
        """
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise UnitError(f"expected a {self.noun} as text, got {shown(value)}", self.remedy)
        if not isinstance(value, str):
            raise UnitError(f"{value} has no unit", self._unit_remedy(str(value)))
        match = _QUANTITY.fullmatch(value)
        if match is None:
            raise UnitError(f"{shown(value)} is not a {self.noun}", self.remedy)
        if match["unit"] is None:
            raise UnitError(f"{shown(value)} has no unit", self._unit_remedy(value.strip()))
        if match["unit"] not in self.units:
            raise self._unknown_unit(match["number"], match["unit"])
        if match["sign"] == "-":
            raise UnitError(f"{shown(value)} is negative", self.remedy)
        return Fraction(match["number"]), match["unit"]

    def write(self, amount: Fraction) -> str:
        """The shortest exact way to write `amount` base units."""
        texts = [f"{_decimal(amount / factor)} {unit}" for unit, factor in self.units.items()]
        exact = [text for text in texts if not text.startswith("?")]
        return min(exact, key=len) if exact else f"{Decimal(repr(float(amount))):f} {self.base}"

    def _unit_remedy(self, number: str) -> str:
        unit = next(iter(self.examples)).split()[1]
        return f'write the unit, as in "{number.lstrip("+-")} {unit}" (units: {", ".join(self.units)})'

    def _unknown_unit(self, number: str, unit: str) -> UnitError:
        meant = self.habits.get(unit.lower())
        if meant is None:
            meant = nearest(unit, self.units)
        if re.fullmatch(self.trap, unit):
            hint = f"{self.trap_hint}; "
        else:
            hint = "" if meant is None else f'did you mean "{number} {meant}"? '
        return UnitError(
            f"{shown(unit)} is not a unit of a {self.noun}", f"{hint}units: {', '.join(self.units)}"
        )


def _decimal(value: Fraction) -> str:
    """`value` with at most six decimals, or "?" if that would not be exact."""
    scaled = value * 10**6
    if scaled.denominator != 1:
        return "?"
    whole, rest = divmod(scaled.numerator, 10**6)
    return f"{whole}.{rest:06d}".rstrip("0").rstrip(".")


def _thousands(unit: str) -> dict[str, Fraction]:
    prefixes = ("", "k", "M", "G", "T")
    return {prefix + unit: Fraction(1000**power) for power, prefix in enumerate(prefixes)}


_SIZES = _thousands("B") | {
    unit: Fraction(1024 ** (i + 1)) for i, unit in enumerate(("KiB", "MiB", "GiB", "TiB"))
}

RATE = Quantity(
    noun="rate",
    base="bit/s",
    units=_thousands("bit/s"),
    habits={
        f"{prefix.lower()}{suffix}": f"{prefix}bit/s"
        for prefix in ("", "k", "M", "G", "T")
        for suffix in ("bps", "bit", "bits", "b/s")
    },
    examples=("100 Mbit/s", "1.5 Gbit/s"),
    trap="[kKMGT]?i?B(?:/s|ps)",
    trap_hint="rates are in bits: 1 MB/s is 8 Mbit/s",
)
SIZE = Quantity(
    noun="size",
    base="B",
    units=_SIZES,
    habits={"k": "kB", "m": "MB", "g": "GB", "t": "TB", "byte": "B", "bytes": "B", "ki": "KiB", "mi": "MiB"},
    examples=("20 MB", "64 KiB"),
    trap="[kKMGT]?b|[kKMGT]?i?[bB]its?",
    trap_hint="sizes are in bytes: 8 Mbit are 1 MB",
)
TIME = Quantity(
    noun="time",
    base="s",
    units={
        "ns": Fraction(1, 10**9),
        "us": Fraction(1, 10**6),
        "ms": Fraction(1, 1000),
        "s": Fraction(1),
        "min": Fraction(60),
        "h": Fraction(3600),
    },
    habits={
        **dict.fromkeys(("sec", "secs", "second", "seconds"), "s"),
        **dict.fromkeys(("m", "mins", "minute", "minutes"), "min"),
        **dict.fromkeys(("hr", "hrs", "hour", "hours"), "h"),
        "msec": "ms",
        "usec": "us",
        "µs": "us",
        "μs": "us",
    },
    examples=("1.5 s", "10 ms"),
)
PERCENTAGE = Quantity(
    noun="percentage",
    base="%",
    units={"%": Fraction(1, 100)},
    habits=dict.fromkeys(("percent", "pct"), "%"),
    examples=("0.1 %", "25 %"),
)
PACKETS = Quantity(
    noun="number of packets",
    base="packets",
    units={"packets": Fraction(1), "packet": Fraction(1)},
    habits=dict.fromkeys(("pkt", "pkts", "p"), "packets"),
    examples=("100 packets",),
)


def parse_rate(value: object) -> int:
    """A rate in bit/s: "100 Mbit/s" is 100000000.

    Raises UnitError, also for a rate of nothing or of more than 2^63 - 1 bit/s.
    """
    return whole(RATE, value)


def parse_size(value: object) -> int:
    """A size in bytes: "20 MB" is 20000000, "64 KiB" is 65536.

    Raises UnitError, also for a size of nothing or of more than 2^63 - 1 bytes.
    """
    return whole(SIZE, value)


def parse_time(value: object) -> float:
    """A time in seconds: "10 ms" is 0.01.

    Raises UnitError, also for more than 1,000,000,000 s.
    """
    seconds = TIME.parse(value)
    if seconds > _LONGEST_TIME:
        raise UnitError(f"{shown(value)} is too long", "write at most 1000000000 s")
    return float(seconds)


def parse_share(value: object) -> float:
    """A part of a whole: "25 %" is 0.25.

    Raises UnitError, also for more than 100 %.
    """
    share = PERCENTAGE.parse(value)
    if share > 1:
        raise UnitError(f"{shown(value)} is more than all", "write at most 100 %")
    return float(share)


def format_rate(rate: int) -> str:
    """The shortest exact text for `rate` bit/s."""
    return RATE.write(Fraction(rate))


def format_size(size: int) -> str:
    """The shortest exact text for `size` bytes."""
    return SIZE.write(Fraction(size))


def format_time(seconds: float) -> str:
    """A text that `parse_time` reads as exactly `seconds`."""
    return TIME.write(Fraction(repr(seconds)))


def format_share(share: float) -> str:
    """A text that `parse_share` reads as exactly `share`: "0.1 %"."""
    text = f"{Decimal(repr(share)) * 100:f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def whole(quantity: Quantity, value: object) -> int:
    """A quantity of which there are only whole base units, and at least one.

    Raises UnitError if `value` is not such a one.
    """
    amount = quantity.parse(value)
    if amount == 0:
        raise UnitError(f"{shown(value)} is nothing", f"write more than 0 {quantity.base}")
    if amount.denominator != 1:
        raise UnitError(f"{shown(value)} is not a whole number of {quantity.base}", quantity.remedy)
    if amount > _LARGEST_WHOLE:
        raise UnitError(f"{shown(value)} is too large", f"write at most {_LARGEST_WHOLE} {quantity.base}")
    return int(amount)
