"""The networks of `nextmini bench costs`: each has many of one thing, and of others as few as it can."""

from __future__ import annotations

import random
from itertools import islice
from typing import TYPE_CHECKING

from nextmini.bench.running import EXPERIMENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nextmini.algorithms.graph import Pair

_SEED = 1


def of_nodes(nodes: int, isolation: str) -> str:
    """As many nodes as that, and no link."""
    return _scenario(f'isolation = "{isolation}"', nodes, "")


def of_links(links: int, transport: str, nodes: int) -> str:
    """As many links, between so many nodes: no two between the same ones."""
    ends = islice(chords(nodes), links)
    text = "".join(f'[[links]]\nends = ["n{a}", "n{b}"]\n' for a, b in ends)
    return _scenario(f'transport = "{transport}"', nodes, text)


def of_flows(flows: int) -> str:
    """As many flows from one node to another, which send a little now and then and do not end."""
    text = (
        '[[flows]]\nname = "f{}"\nsource = "n1"\ndestination = "n2"\nrate = "8 kbit/s"\nduration = "24 h"\n'
    )
    listed = "".join(text.format(number) for number in range(1, flows + 1))
    return _scenario('transport = "memory"', 2, f'[[links]]\nends = ["n1", "n2"]\n{listed}')


def of_processes(processes: int, nodes: int) -> str:
    """As many dataplane processes, with so many nodes between them and no link."""
    return _scenario('isolation = "none"', nodes, "", processes)


def nodes_for(links: int) -> int:
    """The fewest nodes that so many links can join, no two of them the same ones."""
    nodes = 2
    while nodes * (nodes - 1) // 2 < links:
        nodes += 1
    return nodes


def chords(nodes: int) -> Iterator[Pair]:
    """All pairs of nodes, numbered from 1: neighbours on a circle first, so that all nodes have as many."""
    for step in range(1, nodes // 2 + 1):
        # A half of the circle is the same chord from either end.
        for a in range(1, nodes // 2 + 1 if 2 * step == nodes else nodes + 1):
            yield a, (a + step - 1) % nodes + 1


def spread_links(nodes: int) -> list[tuple[int, int, float]]:
    """Links (node, node, cost) of a network for routes: a circle, and as many links across it by chance."""
    chance = random.Random(_SEED)  # noqa: S311 - a network that is the same each time
    circle = [(node, node % nodes + 1, 1.0) for node in range(1, nodes + 1)]
    across = [(node, chance.randint(1, nodes), 1.0) for node in range(1, nodes + 1)]
    return [*circle, *across]


def spread_pairs(pairs: int, nodes: int) -> list[Pair]:
    """Pairs (source, destination) by chance, none with one node at both ends and no two alike."""
    chance = random.Random(_SEED)  # noqa: S311 - as above
    found: set[Pair] = set()
    while len(found) < pairs:
        source, destination = chance.randint(1, nodes), chance.randint(1, nodes)
        if source != destination:
            found.add((source, destination))
    return sorted(found)


def _scenario(setting: str, nodes: int, rest: str, processes: int = 1) -> str:
    names = ", ".join(f'"n{number}"' for number in range(1, nodes + 1))
    return (
        f'[experiment]\nname = "{EXPERIMENT}"\nprocesses = {processes}\n[network]\n{setting}\n'
        f'[topology]\nkind = "custom"\nnodes = [{names}]\n{rest}'
    )
