"""Prometheus's text format, version 0.0.4: what a page of metrics looks like. Pure.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/. Written here and not by Prometheus's own
client library, which makes an object for each sample: a network of 10,000 nodes has more than 140,000.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_LABEL_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})


@dataclass(frozen=True, slots=True)
class Family:
    """The samples of one metric, each with its labels as `labels` writes them.

    The name of a counter ends in `_total`; units are base units (seconds, bytes) and stand in the name.
    """

    name: str
    kind: Literal["gauge", "counter"]
    help: str
    samples: Iterable[tuple[str, float]]


def labels(values: Mapping[str, str]) -> str:
    """Labels as they stand behind a metric's name; nothing for none."""
    if not values:
        return ""
    return "{" + ",".join(f'{key}="{value.translate(_LABEL_ESCAPES)}"' for key, value in values.items()) + "}"


def with_label(written: str, key: str, value: str) -> str:
    """Labels that are written already, and one more."""
    return f'{written[:-1]},{key}="{value.translate(_LABEL_ESCAPES)}"}}' if written else labels({key: value})


def render(families: Iterable[Family]) -> bytes:
    """The page."""
    lines: list[str] = []
    for family in families:
        name = family.name
        lines.append(f"# HELP {name} {family.help.translate(_HELP_ESCAPES)}")
        lines.append(f"# TYPE {name} {family.kind}")
        lines += [f"{name}{written} {_number(value)}" for written, value in family.samples]
    return ("\n".join(lines) + "\n").encode()


def _number(value: float) -> str:
    """As Go's strconv.ParseFloat reads it."""
    if isinstance(value, int) or math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
