"""Two-phase routing over intermediate nodes (Valiant load balancing: L. G. Valiant, 1982; for backbones, R.
Zhang-Shen and N. McKeown, 2004)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from nextmini.algorithms.graph import Path


def two_phase_paths(
    source: int,
    destination: int,
    through: Iterable[int],
    shortest: Callable[[int, int], Path | None],
) -> dict[Path, int]:
    """The path by way of each node of `through`, with how many of these nodes give that path.

    The ends themselves are intermediate nodes too: both give the direct path.
    """
    paths: dict[Path, int] = {}
    for middle in through:
        if middle in (source, destination):
            path = shortest(source, destination)
        else:
            first, second = shortest(source, middle), shortest(middle, destination)
            path = None if first is None or second is None else without_loops((*first, *second[1:]))
        if path is not None:
            paths[path] = paths.get(path, 0) + 1
    return paths


def without_loops(walk: Sequence[int]) -> Path:
    """The walk without what lies between two visits of the same node."""
    path: list[int] = []
    positions: dict[int, int] = {}
    for node in walk:
        if node in positions:
            for gone in path[positions[node] + 1 :]:
                del positions[gone]
            del path[positions[node] + 1 :]
        else:
            positions[node] = len(path)
            path.append(node)
    return tuple(path)
