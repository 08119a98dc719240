"""Topologies of files in scenarios: what comes before what, what is merged or left out, and what is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from graph_files import Dot, Sketch, Stroke, graphml, random_sketch, sndlib, sndlib_xml

from nextmini.errors import ScenarioError
from nextmini.scenario import Link, Network, Scenario, dump, load, loads, resolve
from nextmini.scenario.examples import example_files, example_names
from nextmini.scenario.summary import summary

if TYPE_CHECKING:
    from pathlib import Path

CSV = "source,target,rate,delay\na,b,10 Mbit/s,5 ms\nb,c,,\n"
KEYS = "".join(
    f'<key id="{name}" for="all" attr.name="{name}"/>'
    for name in ("label", "Latitude", "Longitude", "Internal", "rate", "delay", "cost", "LinkLabel")
)


class Desk:
    """A folder with a file of a topology, and scenarios that use it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, content: str, name: str = "graph.csv") -> str:
        (self.folder / name).write_text(content, encoding="utf-8")
        return name

    def scenario(self, content: str, name: str = "graph.csv", /, **keys: Any) -> Scenario:
        tables = {key: keys.pop(key) for key in ("links", "flows", "demands", "nodes") if key in keys}
        topology = {"kind": "file", "path": self.write(content, name), **keys}
        path = self.folder / "scenario.json"
        path.write_text(json.dumps({"experiment": {"name": "x"}, "topology": topology, **tables}))
        return load(path)

    def network(self, content: str, name: str = "graph.csv", /, **keys: Any) -> Network:
        made = resolve(self.scenario(content, name, **keys))
        assert resolve(loads(dump(made))) == made
        return made

    def told(self, content: str, name: str = "graph.csv", /, **keys: Any) -> list[str]:
        with pytest.raises(ScenarioError) as caught:
            self.scenario(content, name, **keys)
        return [str(problem).removeprefix(f"{self.folder}/") for problem in caught.value.problems]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def xml(*lines: str, directed: bool = False) -> str:
    default = "directed" if directed else "undirected"
    return "\n".join([f"<graphml>{KEYS}", f'<graph edgedefault="{default}">', *lines, "</graph></graphml>"])


def edge(source: str, target: str, **values: object) -> str:
    data = "".join(f'<data key="{key}">{value}</data>' for key, value in values.items())
    return f'<edge source="{source}" target="{target}">{data}</edge>'


NODES = ('<node id="a"/>', '<node id="b"/>', '<node id="c"/>')


def ways(link: Link) -> list[tuple[int | None, float]]:
    return [(way.rate, way.delay) for way in (link.forward, link.backward)]


def test_a_file_comes_before_link_and_an_entry_before_both(desk: Desk) -> None:
    made = desk.network(
        CSV,
        link={"rate": "1 Mbit/s", "delay": "1 ms", "queue": "10 packets"},
        links=[{"ends": ["b", "a"], "backward": {"delay": "9 ms"}}],
        rate_scale=0.5,
    )
    first, second = made.links
    assert ways(first) == [(5_000_000, 0.009), (5_000_000, 0.005)]
    assert ways(second) == [(1_000_000, 0.001), (1_000_000, 0.001)]
    assert first.forward.queue == second.forward.queue is not None


def test_numbers_count_what_unit_says(desk: Desk) -> None:
    text = "source,target,rate\na,b,10\nb,c,3 kbit/s\n"
    assert [ways(link)[0][0] for link in desk.network(text).links] == [10, 3000]
    assert [ways(link)[0][0] for link in desk.network(text, unit="1 Gbit/s").links] == [10**10, 3000]


def test_a_list_of_nodes_has_labels_and_places(desk: Desk) -> None:
    desk.write(
        "id,label,latitude,longitude\nb,Paris,48.86,2.35\na,London,51.51,-0.13\nc,,,\nd,Alone,,\n",
        "nodes.csv",
    )
    scenario = desk.scenario(CSV, nodes_path="nodes.csv")
    made = resolve(scenario)
    assert [node.name for node in made.nodes] == ["Paris", "London", "c", "Alone"]
    assert [ways(link)[0][1] for link in made.links] == [0.005, 0]
    assert scenario.topology.aliases() == {"a": "London", "London": "London"} | {
        "b": "Paris", "Paris": "Paris", "c": "c", "d": "Alone", "Alone": "Alone"
    }  # fmt: skip
    (parts, without) = scenario.topology.notices()
    assert without.startswith("as slow as `link` says: 1 link without a delay")
    assert parts.startswith("there are 2 parts without a link between them, of 1 to 3 nodes")


def test_other_files_have_their_nodes_themselves(desk: Desk) -> None:
    desk.write("id\na\n", "nodes.csv")
    told = desk.told(xml(*NODES), "g.graphml", nodes_path="nodes.csv")
    assert told == ["scenario.json:1: topology.nodes_path: goes with a file of links in CSV only; remove it"]


def test_light_takes_its_time_unless_nobody_wants_it_to(desk: Desk) -> None:
    sketch = Sketch([Dot("a", None, 0, 0), Dot("b", None, 0, 1)], [Stroke("a", "b")])
    # A degree is 111.195 km.
    assert ways(desk.network(graphml(sketch), "g.graphml").links[0]) == [(None, 0.000556)] * 2
    assert ways(desk.network(graphml(sketch), "g.graphml", distances=False).links[0]) == [(None, 0)] * 2
    assert ways(desk.network(graphml(sketch), "g.graphml", coordinates="plane").links[0]) == [(None, 0)] * 2


def test_coordinates_on_a_plane_are_no_degrees(desk: Desk) -> None:
    text = sndlib_xml(Sketch([Dot("a", None, 500, 300), Dot("b", None, 1, 1)], [Stroke("a", "b", 1)]))
    (told,) = desk.told(text, "g.xml")
    assert told == (
        'g.xml:5: topology.path: node "a": there is no latitude 500; '
        'write degrees, or coordinates = "plane" if these are none'
    )
    pixels = text.replace('"geographical"', '"pixel"')
    assert ways(desk.network(pixels, "g.xml").links[0]) == [(1_000_000, 0)] * 2


def test_parallel_edges_are_what_their_user_says(desk: Desk) -> None:
    text = xml(
        *NODES,
        edge("a", "b", rate="10 Mbit/s", delay="5 ms", cost=3),
        edge("b", "a", rate="20 Mbit/s", delay="2 ms", cost=4),
        edge("a", "b", delay="9 ms"),
        edge("b", "c"),
    )
    (told,) = desk.told(text, "g.graphml")
    assert told.partition("; ") == (
        (
            'g.graphml:7: topology.path: the edge from "b" to "a" joins nodes that are joined already '
            "by that of line 6"
        ),
        "; ",
        'keep one, or write parallel = "merge" to add up their rates, or parallel = "first"',
    )
    merged = desk.scenario(text, "g.graphml", parallel="merge")
    first = resolve(merged).links[0]
    assert (ways(first), first.cost) == ([(30_000_000, 0.002)] * 2, 3)
    assert merged.topology.notices() == (
        ("merged with others between the same nodes: 2 edges, of which those without a rate (1) add nothing"),
    )
    kept = desk.scenario(text, "g.graphml", parallel="first")
    assert ways(resolve(kept).links[0]) == [(10_000_000, 0.005)] * 2
    assert kept.topology.notices() == ("left out: 2 edges between nodes that are joined already",)


def test_two_arcs_are_one_link(desk: Desk) -> None:
    arcs = (edge("a", "b", rate="10 Mbit/s", delay="1 ms"), edge("b", "a", rate="20 Mbit/s"), edge("b", "c"))
    text = xml(*NODES, *arcs, directed=True)
    (told,) = desk.told(text, "g.graphml")
    assert told == (
        'g.graphml:8: topology.path: the edge from "b" to "c" is directed, and there is none back; '
        'add it, or write one_way = "both", or directed = false'
    )
    scenario = desk.scenario(text, "g.graphml", one_way="both")
    made = desk.network(text, "g.graphml", one_way="both")
    assert [ways(link) for link in made.links] == [[(10_000_000, 0.001), (20_000_000, 0)], [(None, 0)] * 2]
    assert scenario.topology.notices() == ("made links both ways: 1 directed edge with none back",)
    merged = desk.network(text, "g.graphml", directed=False, parallel="merge")
    assert ways(merged.links[0]) == [(30_000_000, 0.001)] * 2


def test_several_arcs_of_a_direction_are_parallel(desk: Desk) -> None:
    arcs = (edge("a", "b", rate=1), edge("a", "b", rate=2), edge("b", "a", rate=4), edge("b", "a", rate=8))
    text = xml(*NODES, *arcs, directed=True)
    assert "joined already by that of line 6" in desk.told(text, "g.graphml")[0]
    assert ways(desk.network(text, "g.graphml", parallel="merge").links[0]) == [(3, 0), (12, 0)]


def test_a_link_has_one_cost(desk: Desk) -> None:
    text = xml(*NODES, edge("a", "b", cost=1), edge("b", "a", cost=2), directed=True)
    assert desk.told(text, "g.graphml")[0].startswith(
        'g.graphml:7: topology.path: the edge from "a" to "b" has the cost 1, and the way back the cost 2'
    )
    same = text.replace('cost">2', 'cost">1')
    assert desk.network(same, "g.graphml").links[0].cost == 1


def test_links_from_a_node_to_itself_are_left_out_and_told(desk: Desk) -> None:
    scenario = desk.scenario(CSV + "a,a,,\n")
    assert len(resolve(scenario).links) == 2
    assert scenario.topology.notices() == ("left out: 1 link from a node to itself",)


def test_internal_nodes_can_be_had_alone(desk: Desk) -> None:
    outside = '<node id="x"><data key="Internal">0</data></node>'
    text = xml(*NODES, outside, edge("a", "b", LinkLabel="OC-3"), edge("b", "c"), edge("a", "x"))
    assert len(desk.network(text, "g.graphml").nodes) == 4
    scenario = desk.scenario(text, "g.graphml", internal_only=True)
    assert [len(resolve(scenario).nodes), len(resolve(scenario).links)] == [3, 2]
    assert resolve(scenario).links[0].forward.rate == 155_520_000
    assert scenario.topology.notices() == (
        "left out with their links: 1 node that the file calls not internal",
    )


def test_parts_may_stay_apart_but_not_their_flows(desk: Desk) -> None:
    text = CSV + "d,e,,\n"
    assert len(desk.network(text).nodes) == 5
    (told,) = desk.told(text, flows=[{"source": "a", "destination": "e", "size": "1 kB"}])
    assert 'there is no path from "a" to "e"' in told
    assert [node.name for node in desk.network(text, largest=True).nodes] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"path": "nothing.gml"}, "there is no file"),
        ({"path": 7}, "expected the path of a file as text"),
        ({"path": "."}, "this is a folder"),
        ({"path": "../../../../etc/passwd\0"}, "characters that no program"),
        ({"rate_scale": 0}, "too small"),
        ({"rate_scale": 1e-9}, "its rate is 1e+07 bit/s, and 0 bit/s with rate_scale"),
        ({"format": "dot"}, '"dot" is not possible'),
        ({"paralel": "merge"}, "did you mean parallel?"),
    ],
)
def test_keys_that_make_no_sense_are_refused(desk: Desk, keys: dict[str, Any], told: str) -> None:
    assert told in desk.told(CSV, **keys)[0]


def test_a_file_that_is_too_large_is_not_read(desk: Desk) -> None:
    path = desk.folder / "large.gml"
    with path.open("wb") as file:
        file.truncate(17 * 2**20)
    assert "is larger than 16 MiB" in desk.told(CSV, path="large.gml")[0]


def test_a_scenario_without_a_folder_cannot_read_files() -> None:
    with pytest.raises(ScenarioError, match=r"there is no file nowhere/graph\.gml"):
        loads('experiment = { name = "x" }\ntopology = { kind = "file", path = "nowhere/graph.gml" }')


SQUARE = Sketch(
    [Dot(name) for name in ("A1", "B2", "C3", "D4")],
    [Stroke("A1", "B2", 10), Stroke("B2", "C3", 10), Stroke("C3", "D4", 10)],
)


@pytest.mark.parametrize("write", [sndlib, sndlib_xml])
def test_demands_of_sndlib_are_a_matrix(desk: Desk, write: Any) -> None:
    name = "square.txt" if write is sndlib else "square.xml"
    text = write(SQUARE, {("A1", "C3"): 2.5, ("C3", "A1"): 1, ("B2", "D4"): 0})
    made = desk.network(
        text, name, demands=[{"matrix": name, "kind": "udp", "duration": "1 s", "scale": 0.1}]
    )
    assert [(flow.name, flow.rate) for flow in made.flows] == [
        ("demand1-A1-C3-1", 250_000),
        ("demand1-C3-A1-2", 100_000),
    ]


def test_matrices_may_have_ids_and_labels_of_the_file(desk: Desk) -> None:
    sketch = Sketch([Dot("0", "São Paulo"), Dot("1", "Rio")], [Stroke("0", "1", 10)])
    desk.write("source,destination,rate\n0,Rio,1 Mbit/s\nRio,São Paulo,2 Mbit/s\n", "matrix.csv")
    made = desk.network(graphml(sketch), "g.graphml", demands=[{"matrix": "matrix.csv", "duration": "1 s"}])
    assert [flow.name for flow in made.flows] == ["demand1-Sao-Paulo-Rio-1", "demand1-Rio-Sao-Paulo-2"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("?SNDlib\nNODES (\n A ( 0 0 )\n)\n", "there are no demands"),
        ("?SNDlib\nDEMANDS (\n d ( A B ) 1 -1 UNLIMITED\n)\n", '"-1" cannot be'),
        ("?SNDlib\nDEMANDS (\n d ( A A ) 1 1 UNLIMITED\n)\n", '"A" sends to itself'),
        ("<graphml/>", "<graphml> is no network of SNDlib"),
    ],
)
def test_files_without_demands_are_refused(desk: Desk, text: str, told: str) -> None:
    desk.write(text, "demands.txt")
    (problem,) = desk.told(CSV, demands=[{"matrix": "demands.txt", "duration": "1 s"}])
    assert told in problem


def test_masses_may_be_populations_or_degrees(desk: Desk) -> None:
    desk.write("id,population\na,1000\nb,3000\nc,0\n", "nodes.csv")
    demand = {"model": "gravity", "total": "12 Mbit/s", "duration": "1 s", "kind": "udp"}
    made = desk.network(CSV, nodes_path="nodes.csv", demands=[{**demand, "masses": "population"}])
    assert [(flow.name, flow.rate) for flow in made.flows] == [
        ("demand1-a-b-1", 6_000_000),
        ("demand1-b-a-2", 6_000_000),
    ]
    # Degrees are 1, 2 and 1: products 2, 1 and 2, in both directions.
    made = desk.network(CSV, demands=[{**demand, "masses": "degree"}])
    assert [flow.rate for flow in made.flows] == [
        2_400_000,
        1_200_000,
        2_400_000,
        2_400_000,
        1_200_000,
        2_400_000,
    ]
    (told,) = desk.told(CSV, demands=[{**demand, "masses": "population"}])
    assert 'nothing says the population of "a"' in told
    (told,) = desk.told(CSV, demands=[{**demand, "masses": "wealth"}])
    assert 'write them as in { n1 = 3, n2 = 0.5 }, or "population", or "degree"' in told


def test_abilene_comes_with_its_example() -> None:
    assert "abilene" in example_names()
    assert list(example_files("abilene")) == ["topologies/abilene.graphml"]


def test_a_summary_says_what_a_network_is_like(desk: Desk) -> None:
    found = summary(desk.network(CSV + "d,e,4 Mbit/s,2 ms\n"))
    assert {key: found[key] for key in ("nodes", "links", "parts", "diameter")} == {
        "nodes": 5, "links": 3, "parts": [3, 2], "diameter": 2
    }  # fmt: skip
    assert found["degree"] == {"min": 1, "median": 1, "mean": 1.2, "max": 2}
    assert (found["total_bps"], found["directions_without_rate"]) == (28_000_000, 2)
    assert found["link_list"][0] == {
        "ends": ["a", "b"], "rate_bps": [10_000_000] * 2, "delay_ms": [5.0] * 2, "cost": 1.0
    }  # fmt: skip


def test_a_large_file_is_a_network(desk: Desk) -> None:
    made = desk.network(graphml(random_sketch(1, 750)), "g.graphml")
    assert (len(made.nodes), len(made.links)) == (750, 1125)
