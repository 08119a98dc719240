"""The algorithms that come with Nextmini: one a file, by the names that scenarios and commands call them."""

from __future__ import annotations

BUILT_IN: dict[str, str] = {
    "shortest-path": "nextmini.algorithms.builtin.shortest_path:ShortestPath",
    "ecmp": "nextmini.algorithms.builtin.equal_cost:EqualCost",
    "k-shortest-paths": "nextmini.algorithms.builtin.k_shortest:KShortest",
    "max-min": "nextmini.algorithms.builtin.max_min:MaxMin",
    "multicommodity": "nextmini.algorithms.builtin.multicommodity:Multicommodity",
    "valiant": "nextmini.algorithms.builtin.valiant:Valiant",
    "large-flows": "nextmini.algorithms.builtin.large_flows:LargeFlows",
    "fast-reroute": "nextmini.algorithms.builtin.fast_reroute:FastReroute",
}
"""Where each class is; none is imported before it is needed."""
