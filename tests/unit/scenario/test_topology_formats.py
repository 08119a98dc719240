"""The same graph comes out of every format that it is written in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from graph_files import SUFFIXES, WRITERS, Dot, Sketch, Stroke, csv_nodes, node_link, random_sketch, sndlib
from hypothesis import given, settings
from hypothesis import strategies as st

from nextmini.scenario.files import BadFileError
from nextmini.scenario.imports.csv_table import read_csv, read_nodes, with_nodes
from nextmini.scenario.imports.distance import EARTH_RADIUS_KM, Position, great_circle_km, propagation_delay
from nextmini.scenario.imports.formats import Format, read_graph
from nextmini.scenario.imports.network import Imported, Wishes, network_of
from nextmini.scenario.imports.sndlib import UNIT

TRIANGLE = Sketch(
    [Dot("A", "São Paulo", -23.55, -46.63), Dot("B", "東京", 35.68, 139.69), Dot("C", "Zürich", 47.37, 8.54)],
    [Stroke("A", "B", 10), Stroke("B", "C", 2.5), Stroke("C", "A", 622.08)],
)


def imported(format: str, sketch: Sketch, wishes: Wishes | None = None) -> Imported:
    content = WRITERS[format](sketch).encode()
    graph, unit = read_graph(content, f"sketch.{SUFFIXES[format]}")
    assert graph.format == format
    if format == "csv":
        graph = with_nodes(graph, read_nodes(csv_nodes(sketch).encode(), "nodes.csv"))
    return network_of(graph, replace(wishes or Wishes(), unit=unit))


def links(network: Imported) -> list[tuple[str, str, float | None]]:
    return [(network.nodes[link.a].id, network.nodes[link.b].id, link.forward.rate) for link in network.links]


@pytest.mark.parametrize("format", WRITERS)
def test_every_format_says_the_same(format: str) -> None:
    network = imported(format, TRIANGLE)
    assert links(network) == [("A", "B", 10_000_000), ("B", "C", 2_500_000), ("C", "A", 622_080_000)]
    assert [node.position for node in network.nodes] == [
        Position(-23.55, -46.63),
        Position(35.68, 139.69),
        Position(47.37, 8.54),
    ]
    assert all(link.forward == link.backward for link in network.links)
    # From Sao Paulo to Tokyo it is 18,530 km, which take light in fibre 92.7 ms.
    assert network.links[0].forward.delay == pytest.approx(0.0927, abs=0.0001)
    labelled = not format.startswith("sndlib")
    assert [node.label for node in network.nodes] == (
        ["São Paulo", "東京", "Zürich"] if labelled else [*"ABC"]
    )
    assert [node.name for node in network.nodes] == (["Sao-Paulo", "n2", "Zurich"] if labelled else [*"ABC"])
    assert network.notices == ()


@settings(max_examples=25, deadline=None)
@given(
    format=st.sampled_from(sorted(WRITERS)),
    seed=st.integers(0, 2**32),
    nodes=st.integers(5, 750),
    parts=st.integers(1, 3),
)
def test_random_graphs_come_out_as_they_are(format: str, seed: int, nodes: int, parts: int) -> None:
    sketch = random_sketch(seed, nodes, parts)
    network = imported(format, sketch)
    assert [node.id for node in network.nodes] == [dot.id for dot in sketch.dots]
    assert len({node.name for node in network.nodes}) == nodes
    expected = {(one.source, one.target, (one.mbps or 0) * 1e6) for one in sketch.strokes}
    assert set(links(network)) == expected
    assert any("parts" in notice for notice in network.notices) == (parts > 1)


@settings(max_examples=10, deadline=None)
@given(format=st.sampled_from(sorted(WRITERS)), seed=st.integers(0, 2**32), parts=st.integers(2, 4))
def test_the_largest_part_can_be_taken(format: str, seed: int, parts: int) -> None:
    network = imported(format, random_sketch(seed, 50, parts), Wishes(largest=True))
    assert [node.id for node in network.nodes] == [f"N{place}" for place in range(0, 50, parts)]
    assert any("largest" in notice for notice in network.notices)


def test_networkx_may_call_its_edges_links() -> None:
    graph, _ = read_graph(node_link(TRIANGLE, "links").encode(), "graph.json")
    assert [edge.line for edge in graph.edges] == [8, 9, 10]


@pytest.mark.parametrize("format", WRITERS)
def test_the_format_can_be_said(format: Format) -> None:
    content = WRITERS[format](TRIANGLE).encode()
    assert read_graph(content, "no-suffix", format).graph.format == format
    wrong: Format = "gml" if format != "gml" else "csv"
    with pytest.raises(BadFileError):
        read_graph(content, "no-suffix", wrong)


def test_a_file_of_unknown_format_is_refused() -> None:
    with pytest.raises(BadFileError, match="does not tell its format"):
        read_graph(b"hello, world\n", "a.txt")
    with pytest.raises(BadFileError, match="there is nothing"):
        read_graph(b" \n", "a.gml")


def test_csv_without_a_list_has_the_nodes_of_its_links() -> None:
    graph = read_csv(b"source,target,delay,cost,length\nb,a,5 ms,3,\nc,b,,,2000 km\n", "a.csv")
    network = network_of(graph, Wishes())
    assert [node.name for node in network.nodes] == ["b", "a", "c"]
    first, second = (link.forward for link in network.links)
    assert (first.delay, first.cost) == (0.005, 3)
    assert second.delay == pytest.approx(2000 / 199_861.6387, abs=1e-6)


def test_sndlib_takes_the_smallest_module_where_nothing_is_installed() -> None:
    text = sndlib(TRIANGLE).replace(" 10.00 0.00", " 0.00 0.00").replace("40000.00 133.00", "622 9 155 3")
    network = network_of(read_graph(text.encode(), "a.txt").graph, Wishes(unit=UNIT))
    assert [link.forward.rate for link in network.links] == [155_000_000, 2_500_000, 622_080_000]


def test_nodes_of_sndlib_need_no_coordinates() -> None:
    text = (
        "?SNDlib native format; type: network; version: 1.0\nNODES (\n A\n B ( 1.5 2.5 ) C\n)\nLINKS (\n)\n"
    )
    nodes = network_of(read_graph(text.encode(), "a.txt").graph, Wishes()).nodes
    assert [(node.id, node.position) for node in nodes] == [
        ("A", None),
        ("B", Position(2.5, 1.5)),
        ("C", None),
    ]


def test_sndlib_may_say_its_unit() -> None:
    text = sndlib(TRIANGLE).replace("NODES (", "META (\n  unit = GBITPERSEC\n)\nNODES (", 1)
    assert read_graph(text.encode(), "a.txt").unit == 10**9


def test_distances_are_those_of_a_sphere() -> None:
    quarter = great_circle_km(Position(0, 0), Position(0, 90))
    assert quarter == pytest.approx(EARTH_RADIUS_KM * 3.141592653589793 / 2)
    assert great_circle_km(Position(90, 0), Position(-90, 77)) == pytest.approx(2 * quarter)
    assert great_circle_km(Position(12, -179), Position(12, 181)) == pytest.approx(0, abs=1e-6)
    # Paris to London, 343.5 km.
    assert great_circle_km(Position(48.8566, 2.3522), Position(51.5074, -0.1278)) == pytest.approx(
        343.5, abs=0.5
    )
    assert propagation_delay(199_861.6387) == 1.0


point = st.builds(Position, st.floats(-90, 90), st.floats(-180, 180))


@given(point, point, point)
def test_distances_are_a_metric(one: Position, other: Position, third: Position) -> None:
    there = great_circle_km(one, other)
    assert there == pytest.approx(great_circle_km(other, one), abs=1e-6)
    assert 0 <= there <= 20_015.2
    assert there <= great_circle_km(one, third) + great_circle_km(third, other) + 1e-3
