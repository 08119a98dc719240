"""Distances on the Earth, and how long light takes for them in fibre."""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt
from typing import NamedTuple

EARTH_RADIUS_KM = 6371.0088
"""The mean radius of the Earth (Moritz, Geodetic Reference System 1980)."""
LIGHT_KM_PER_S = 299_792.458 * 2 / 3
"""The speed of light in glass of a refractive index of 1.5."""


class Position(NamedTuple):
    """Degrees north and east."""

    latitude: float
    longitude: float


def great_circle_km(one: Position, other: Position) -> float:
    """The shortest way over the surface of a sphere, by the haversine formula (Sinnott, 1984)."""
    north, south = radians(one.latitude), radians(other.latitude)
    apart = radians(other.longitude - one.longitude)
    chord = sin((south - north) / 2) ** 2 + cos(north) * cos(south) * sin(apart / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(chord)))


def propagation_delay(kilometres: float) -> float:
    """Seconds for so many kilometres of fibre, to the microsecond."""
    return round(kilometres / LIGHT_KM_PER_S, 6)
