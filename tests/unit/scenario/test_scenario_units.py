"""Quantities: what is accepted, exactly what it means, and what is said of the rest."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextmini.scenario.units import (
    RATE,
    SIZE,
    TIME,
    Quantity,
    UnitError,
    format_rate,
    format_size,
    format_time,
    parse_rate,
    parse_size,
    parse_time,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("1 bit/s", 1),
        ("64 kbit/s", 64_000),
        ("100 Mbit/s", 100_000_000),
        ("100Mbit/s", 100_000_000),
        ("  2.5 Gbit/s ", 2_500_000_000),
        ("1 Tbit/s", 10**12),
    ],
)
def test_rates(text: str, rate: int) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1 B", 1),
        ("20 MB", 20_000_000),
        ("0.1 GB", 100_000_000),
        ("64 KiB", 65_536),
        ("1.5 GiB", 1_610_612_736),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10 ms", 0.01), ("1 h", 3600.0), ("1.5 min", 90.0), ("250 us", 0.00025), ("0 s", 0.0), ("3 ns", 3e-9)],
)
def test_times(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("value", [100, 0.5, "100", " 7 ", "1.5"])
def test_a_bare_number_is_refused_with_the_unit_to_write(value: object) -> None:
    with pytest.raises(UnitError) as caught:
        parse_rate(value)
    assert "has no unit" in caught.value.message
    assert f'"{str(value).strip()} Mbit/s"' in caught.value.remedy
    assert "bit/s, kbit/s, Mbit/s, Gbit/s, Tbit/s" in caught.value.remedy


@pytest.mark.parametrize("value", [None, True, [], {}, b"1 s"])
def test_what_is_neither_text_nor_number_is_refused_with_an_example(value: object) -> None:
    with pytest.raises(UnitError) as caught:
        parse_time(value)
    assert '"10 ms"' in caught.value.remedy


@pytest.mark.parametrize(
    "text", ["", "fast", "-", "1,000 MB", "1e3 MB", "1_000 MB", "1.2.3 MB", ".5 MB", "MB 5", "nan MB"]
)
def test_what_is_no_number_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse_size(text)
    assert '"20 MB" or "64 KiB"' in str(caught.value)


@pytest.mark.parametrize(
    ("parse", "text", "hint"),
    [
        (parse_rate, "100 mbps", '"100 Mbit/s"'),
        (parse_rate, "100 Mbps", '"100 Mbit/s"'),
        (parse_rate, "10 gbit", '"10 Gbit/s"'),
        (parse_rate, "10 MBit/s", '"10 Mbit/s"'),
        (parse_size, "1 KB", '"1 kB"'),
        (parse_size, "1 kib", '"1 KiB"'),
        (parse_size, "100 bytes", '"100 B"'),
        (parse_time, "5 sec", '"5 s"'),
        (parse_time, "5 minutes", '"5 min"'),
        (parse_time, "5 m", '"5 min"'),
        (parse_time, "5 µs", '"5 us"'),
    ],
)
def test_other_spellings_of_a_unit_are_recognised(
    parse: Callable[[object], float], text: str, hint: str
) -> None:
    with pytest.raises(UnitError) as caught:
        parse(text)
    assert f"did you mean {hint}?" in caught.value.remedy


def test_bytes_and_bits_are_not_confused() -> None:
    with pytest.raises(UnitError, match="rates are in bits: 1 MB/s is 8 Mbit/s") as rate:
        parse_rate("5 MB/s")
    with pytest.raises(UnitError, match="sizes are in bytes: 8 Mbit are 1 MB") as size:
        parse_size("5 Mbit")
    assert "did you mean" not in rate.value.remedy + size.value.remedy


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        (parse_rate, "-5 Mbit/s", "negative"),
        (parse_time, "-1 s", "negative"),
        (parse_rate, "0 Mbit/s", "is nothing"),
        (parse_size, "0 B", "is nothing"),
        (parse_size, "1.5 B", "not a whole number"),
        (parse_size, "9223372036854775808 B", "too large"),
        (parse_time, "1000000001 s", "too long"),
    ],
)
def test_impossible_amounts_are_refused(parse: Callable[[object], float], text: str, message: str) -> None:
    with pytest.raises(UnitError, match=message):
        parse(text)


def test_the_largest_amounts_are_accepted() -> None:
    assert parse_size("9223372036854775807 B") == 2**63 - 1
    assert parse_time("1000000000 s") == 1e9


@given(st.integers(1, 2**63 - 1))
def test_every_whole_amount_survives_being_written(amount: int) -> None:
    assert parse_size(format_size(amount)) == amount
    assert parse_rate(format_rate(amount)) == amount


@given(st.floats(0, 1e9))
def test_every_time_survives_being_written(seconds: float) -> None:
    assert parse_time(format_time(seconds)) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0 s"), (1.0, "1 s"), (0.01, "10 ms"), (3600.0, "1 h"), (90.0, "90 s")]
)
def test_times_are_written_shortly(seconds: float, text: str) -> None:
    assert format_time(seconds) == text


@given(st.sampled_from([RATE, SIZE, TIME]), st.text(max_size=20))
def test_any_text_is_understood_or_refused(quantity: Quantity, text: str) -> None:
    try:
        assert quantity.parse(text) >= Fraction(0)
    except UnitError as error:
        assert error.message
        assert error.remedy
