"""Which nodes can reach which, and over how few links."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def components(nodes: int, edges: Iterable[tuple[int, int]]) -> list[int]:
    """For each node (from 0) the smallest node that it is connected with (union by path halving)."""
    parents = list(range(nodes))

    def root(node: int) -> int:
        while parents[node] != node:
            parents[node] = parents[parents[node]]
            node = parents[node]
        return node

    for one, other in edges:
        low, high = sorted((root(one), root(other)))
        parents[high] = low
    return [root(node) for node in range(nodes)]


def neighbours(nodes: int, edges: Iterable[tuple[int, int]]) -> list[list[int]]:
    """For each node (from 0) those that it has a link with."""
    near: list[list[int]] = [[] for _ in range(nodes)]
    for one, other in edges:
        near[one].append(other)
        near[other].append(one)
    return near


def distances(near: Sequence[Sequence[int]], source: int) -> list[int | None]:
    """For each node the fewest links on a path from `source`, None if there is no path."""
    found: list[int | None] = [None] * len(near)
    found[source] = 0
    waiting = deque([(source, 0)])
    while waiting:
        node, away = waiting.popleft()
        for other in near[node]:
            if found[other] is None:
                found[other] = away + 1
                waiting.append((other, away + 1))
    return found
