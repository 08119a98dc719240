"""Two scenarios beside each other: which keys differ. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def scenario_differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The keys of resolved scenarios with different values; None where a scenario has no such key.

    A row of a list of tables is known by its name, links by their ends, and what has neither by its place.
    """
    old, new = dict(_flat("", before)), dict(_flat("", after))
    return [
        {"key": key, "before": old.get(key), "after": new.get(key)}
        for key in dict.fromkeys((*old, *new))
        if old.get(key) != new.get(key)
    ]


def _flat(prefix: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{prefix}.{key}" if prefix else key, inner)
    elif isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        for name, row in _named(value):
            yield from _flat(f"{prefix}[{name}]", row)
    else:
        yield prefix, value


def _named(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Rows with what tells them apart; of several with one name all but the first have a number too."""
    seen: dict[str, int] = {}
    for place, row in enumerate(rows):
        name = _name(row) or str(place)
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name} #{seen[name]}", row


def _name(row: Mapping[str, Any]) -> str | None:
    if isinstance(row.get("name"), str):
        return str(row["name"])
    for key in ("ends", "path"):
        if isinstance(row.get(key), list):
            return " - ".join(map(str, row[key]))
    return None
