"""Topologies: their nodes and links, and what makes one impossible."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from nextmini.errors import ScenarioError
from nextmini.scenario import Scenario, resolve
from nextmini.scenario.reachability import components, distances, neighbours
from nextmini.scenario.topology import KINDS, AnyTopology, Shape, Topology

_ADAPTER: TypeAdapter[Topology] = TypeAdapter(AnyTopology)


def _topology(kind: str, **parameters: Any) -> Topology:
    return _ADAPTER.validate_python({"kind": kind, **parameters})


def _shape(kind: str, seed: int = 1, **parameters: Any) -> Shape:
    return _topology(kind, **parameters).shape(seed)


def _links(shape: Shape) -> set[frozenset[str]]:
    return {frozenset((shape.names[a], shape.names[b])) for a, b in shape.edges}


def _pairs(*texts: str) -> set[frozenset[str]]:
    return {frozenset(text.split("-")) for text in texts}


_SAMPLES: list[tuple[str, dict[str, Any]]] = [
    ("line", {"nodes": 7}),
    ("ring", {"nodes": 7}),
    ("star", {"nodes": 7}),
    ("tree", {"depth": 3, "fanout": 2}),
    ("tree", {"depth": 4, "fanout": 1}),
    ("full_mesh", {"nodes": 7}),
    ("grid", {"dimensions": [4]}),
    ("grid", {"dimensions": [3, 1, 4]}),
    ("torus", {"dimensions": [5]}),
    ("torus", {"dimensions": [3, 4, 5]}),
    ("fat_tree", {"k": 2}),
    ("fat_tree", {"k": 4}),
    ("fat_tree", {"k": 8}),
    ("leaf_spine", {"leaves": 3, "spines": 2, "hosts": 4}),
    ("dumbbell", {"left": 3}),
    ("dumbbell", {"left": 1, "right": 4}),
    ("random", {"nodes": 50, "degree": 3}),
    ("random", {"nodes": 10, "degree": 8.5}),
    ("random", {"nodes": 2, "degree": 1}),
]


@pytest.mark.parametrize(("kind", "parameters"), _SAMPLES)
def test_a_shape_is_simple_connected_and_as_large_as_it_says(kind: str, parameters: dict[str, Any]) -> None:
    topology = _topology(kind, **parameters)
    assert list(topology.refusals()) == []
    shape = topology.shape(seed=1)
    assert (len(shape.names), len(shape.edges)) == topology.size()
    assert len(set(shape.names)) == len(shape.names)
    assert all(a != b for a, b in shape.edges)
    assert len(_links(shape)) == len(shape.edges)
    assert set(components(len(shape.names), shape.edges)) == {0}
    assert shape.hosts
    assert topology.shape(seed=1) == shape


def test_every_kind_is_sampled() -> None:
    # Those of files are in test_topology_files.py.
    assert {kind for kind, _ in _SAMPLES} | {"custom", "file"} == set(KINDS)


def test_line() -> None:
    assert _links(_shape("line", nodes=["a", "b", "c"])) == _pairs("a-b", "b-c")


def test_ring() -> None:
    assert _links(_shape("ring", nodes=4)) == _pairs("n1-n2", "n2-n3", "n3-n4", "n4-n1")


def test_star() -> None:
    assert _links(_shape("star", nodes=["hub", "a", "b"])) == _pairs("hub-a", "hub-b")


def test_full_mesh() -> None:
    assert _links(_shape("full_mesh", nodes=["a", "b", "c"])) == _pairs("a-b", "a-c", "b-c")


def test_tree() -> None:
    shape = _shape("tree", depth=2, fanout=2)
    assert _links(shape) == _pairs("n1-n2", "n1-n3", "n2-n4", "n2-n5", "n3-n6", "n3-n7")


def test_grid_counts_row_by_row() -> None:
    shape = _shape("grid", dimensions=[2, 3])
    assert _links(shape) == _pairs("n1-n2", "n2-n3", "n4-n5", "n5-n6", "n1-n4", "n2-n5", "n3-n6")


def test_torus_goes_around() -> None:
    links = _links(_shape("torus", dimensions=[3, 4]))
    assert _pairs("n4-n1", "n12-n9", "n9-n1", "n12-n4") <= links
    near = neighbours(12, _shape("torus", dimensions=[3, 4]).edges)
    assert {len(others) for others in near} == {4}


def test_nodes_of_shaped_kinds_can_be_named() -> None:
    assert _shape("grid", dimensions=[1, 2], nodes=["a", "b"]).names == ("a", "b")


def test_fat_tree() -> None:
    shape = _shape("fat_tree", k=4)
    assert len(shape.hosts) == 16
    assert [shape.names[host] for host in shape.hosts[:2]] == ["h1", "h2"]
    assert _pairs("h1-edge1", "h3-edge2", "edge1-agg1", "edge1-agg2", "agg1-core1", "agg2-core3") <= _links(
        shape
    )
    degrees = dict(zip(shape.names, map(len, neighbours(len(shape.names), shape.edges)), strict=True))
    assert {degrees[name] for name in shape.names if name.startswith("h")} == {1}
    assert {degrees[name] for name in shape.names if not name.startswith("h")} == {4}
    assert max(hops or 0 for hops in distances(neighbours(36, shape.edges), 0)) == 6


def test_leaf_spine() -> None:
    shape = _shape("leaf_spine", leaves=2, spines=2, hosts=1)
    assert _links(shape) == _pairs(
        "h1-leaf1", "h2-leaf2", "leaf1-spine1", "leaf1-spine2", "leaf2-spine1", "leaf2-spine2"
    )
    assert [shape.names[host] for host in shape.hosts] == ["h1", "h2"]


def test_dumbbell() -> None:
    shape = _shape("dumbbell", left=2, right=1)
    assert _links(shape) == _pairs("left1-router1", "left2-router1", "right1-router2", "router1-router2")
    assert [shape.names[host] for host in shape.hosts] == ["left1", "left2", "right1"]


def test_random_depends_on_the_seed_alone() -> None:
    one, again, other = (_shape("random", seed=seed, nodes=40, degree=4) for seed in (1, 1, 2))
    assert one == again
    assert one.edges != other.edges


def test_random_is_the_same_everywhere() -> None:
    links = _links(_shape("random", seed=7, nodes=5, degree=2))
    assert links == _pairs("n1-n5", "n2-n4", "n2-n5", "n3-n4", "n3-n5")


def test_custom_has_no_links_of_its_own() -> None:
    assert _shape("custom", nodes=3) == Shape(("n1", "n2", "n3"), (), (0, 1, 2))


@pytest.mark.parametrize(
    ("kind", "parameters", "key", "message", "remedy"),
    [
        (
            "ring",
            {"nodes": 2},
            "nodes",
            "a ring needs at least 3 nodes, this one has 2",
            "give it more nodes",
        ),
        ("line", {"nodes": 1}, "nodes", "a line needs at least 2 nodes", "more"),
        ("torus", {"dimensions": [4, 2]}, "dimensions", "at least 3 nodes in each dimension", "larger"),
        ("fat_tree", {"k": 5}, "k", "5 is odd", "as in 6"),
        (
            "tree",
            {"depth": 2, "fanout": 2, "nodes": ["a"]},
            "nodes",
            "has 7 nodes, and 1 names are given",
            "one name",
        ),
        ("tree", {"depth": 16, "fanout": 3}, "kind", "would have 64,570,081 nodes", "at most 200,000"),
        ("full_mesh", {"nodes": 2000}, "kind", "would have 1,999,000 links", "at most 1,000,000"),
        ("grid", {"dimensions": [1000, 1000]}, "kind", "would have 1,000,000 nodes", "at most 200,000"),
        (
            "leaf_spine",
            {"leaves": 500, "spines": 1, "hosts": 500},
            "kind",
            "would have 250,501 nodes",
            "at most",
        ),
        (
            "random",
            {"nodes": 10, "degree": 1},
            "degree",
            "10 nodes cannot have 1 neighbours",
            "from 1.8 to 9",
        ),
        (
            "random",
            {"nodes": 10, "degree": 9.5},
            "degree",
            "10 nodes cannot have 9.5 neighbours",
            "from 1.8 to 9",
        ),
    ],
)
def test_impossible_topologies_are_refused_before_they_are_made(
    kind: str, parameters: dict[str, Any], key: str, message: str, remedy: str
) -> None:
    scenario = Scenario.model_validate(
        {"experiment": {"name": "x"}, "topology": {"kind": kind, **parameters}}
    )
    with pytest.raises(ScenarioError) as caught:
        resolve(scenario)
    problem = caught.value.problems[0]
    assert problem.key == f"topology.{key}"
    assert message in problem.message
    assert remedy in (problem.remedy or "")
