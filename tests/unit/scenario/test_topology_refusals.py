"""What is wrong in a file of a topology is refused with its line and element, hostile files too."""

from __future__ import annotations

import pytest
from graph_files import WRITERS, Dot, Sketch, Stroke
from hypothesis import given, settings
from hypothesis import strategies as st

from nextmini.scenario.files import BadFileError
from nextmini.scenario.imports.csv_table import read_nodes, with_nodes
from nextmini.scenario.imports.formats import Format, read_graph
from nextmini.scenario.imports.network import Imported, Wishes, network_of

PAIR = Sketch([Dot("A"), Dot("B")], [Stroke("A", "B", 10)])
HEAD = '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n'
KEYS = HEAD + "".join(
    f'<key id="{key}" for="all" attr.name="{name}"/>\n'
    for key, name in (
        ("la", "Latitude"),
        ("lo", "Longitude"),
        ("s", "LinkSpeedRaw"),
        ("d", "delay"),
        ("i", "Internal"),
    )
)
"""Six lines."""


def read(content: str | bytes, format: Format | None = None, wishes: Wishes | None = None) -> Imported:
    data = content.encode() if isinstance(content, str) else content
    return network_of(read_graph(data, "a.file", format).graph, wishes or Wishes())


def graph_of(*lines: str, head: str = KEYS) -> str:
    return head + '<graph edgedefault="undirected">\n' + "\n".join(lines) + "\n</graph>\n</graphml>\n"


def node_with(data: str) -> str:
    return graph_of('<node id="A">', data, "</node>")


def refused(
    content: str | bytes,
    line: int | None,
    words: str,
    format: Format | None = None,
    wishes: Wishes | None = None,
) -> None:
    with pytest.raises(BadFileError) as caught:
        read(content, format, wishes)
    assert (caught.value.line, words in caught.value.message) == (line, True), caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (graph_of('<node id="A"/>', '<node id="A"/>'), 9, 'a node "A" already, in line 8'),
        (graph_of('<node id="A"/>', '<edge source="A" target="B"/>'), 9, 'there is no node "B"'),
        (graph_of('<node id="A"/>', '<edge source="A"/>'), 9, "<edge> has no target"),
        (graph_of("<node/>"), 8, "<node> has no id"),
        (graph_of('<node id="A"/>', *['<edge id="e" source="A" target="A"/>'] * 2), 10, 'an edge "e"'),
        (graph_of('<node id="A"/>', "<hyperedge>", "</hyperedge>"), 9, "hyperedge"),
        (graph_of('<node id="A">', '<graph id="inner"/>', "</node>"), 9, "graphs inside of nodes"),
        (graph_of('<node id="A"><data key="x">1</data></node>'), 8, 'no key "x"'),
        (node_with('<data key="la">1</data><data key="la">2</data>'), 9, 'the key "la" stands there twice'),
        (node_with('<data key="la">95</data><data key="lo">0</data>'), 8, 'node "A": there is no latitude'),
        (node_with('<data key="la">5</data><data key="lo">-181</data>'), 8, "there is no longitude -181"),
        (node_with('<data key="la">north</data><data key="lo">0</data>'), 8, 'latitude is "north"'),
        (node_with('<data key="la">nan</data><data key="lo">0</data>'), 8, 'latitude is "nan"'),
        (node_with('<data key="la">5</data>'), 8, "a latitude and no longitude"),
        (node_with('<data key="i">maybe</data>'), 8, "Internal"),
        (HEAD + "</graphml>", 1, "no graph"),
        (HEAD + "<graph/>\n<graph/>\n</graphml>", 3, "there are 2 graphs"),
        (HEAD + "<graph/></graphml>", None, "there are no nodes"),
        (HEAD + '<graph edgedefault="both"/></graphml>', 2, "edgedefault"),
        (HEAD + "<graph>", 2, "this is not XML"),
        ('<?xml version="1.0" encoding="nonsense"?>\n<graphml/>', 1, "this is not XML"),
    ],
)  # fmt: skip
def test_graphml_is_refused_at_its_element(content: str, line: int | None, words: str) -> None:
    refused(content, line, words, "graphml")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ('<data key="s">0</data>', "LinkSpeedRaw is 0 bit/s"),
        ('<data key="s">-5</data>', "LinkSpeedRaw is -5"),
        ('<data key="s">1e30</data>', "LinkSpeedRaw is 1e+30"),
        ('<data key="s">fast</data>', 'linkspeedraw is "fast"'),
        ('<data key="d">5</data>', "has no unit"),
        ('<data key="d">-5 ms</data>', "negative"),
    ],
)
def test_settings_of_edges_are_refused_at_theirs(data: str, words: str) -> None:
    content = graph_of('<node id="A"/>', '<node id="B"/>', f'<edge source="A" target="B">{data}</edge>')
    refused(content, 10, words)
    refused(content, 10, 'the edge from "A" to "B"')


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("graph [\n node [ id 1 ]\n node [ id 1 ]\n]", 3, 'a node "1" already, in line 2'),
        ("graph [\n node [ id 1 ]\n edge [ source 1\n target 2 ]\n]", 3, 'no node "2"'),
        ("graph [\n node [ label 7 ]\n]", 2, "this node has no id"),
        ("graph [\n node [ id 1 id 1 id 1 ]\n]", 2, "more than one id"),
        ("graph [\n node 7\n]", 2, "expected a list"),
        ("graph [\n node [\n id 1\n", 2, "this list does not end"),
        ("graph [\n directed maybe\n]", 2, "neither a number nor a text"),
        ("graph [\n directed 2\n]", 2, "directed cannot be"),
        ('graph [\n node [ id "1\n ]\n]', 2, "a text that does not end"),
        ("graph [\n node [ id 1 ]\n ]\n]", 4, "expected a key"),
        ("graph [\n node [ id ]\n ]", 2, "has no value"),
        ("graph [ " + "a [ " * 40, 1, "nested"),
        ("node [ id 1 ]", None, "no graph"),
        ("graph [ ]\ngraph [ ]", 2, "there are 2 graphs"),
        ("graph [\n node [ id 1 Latitude 95 Longitude 0 ]\n]", 2, "no latitude 95"),
        ("graph [\n node [ id 1 Latitude 1 Latitude 2 Longitude 0 ]\n]", 2, "latitude is"),
        ("graph [ node [ id 1 ] $ ]", 1, "this is not GML"),
    ],
)
def test_gml_is_refused_at_its_line(content: str, line: int | None, words: str) -> None:
    refused(content, line, words, "gml")


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ('{"nodes": [{"id": 1},\n{"id": "1"}], "links": []}', 2, 'a node "1" already, in line 1'),
        ('{"nodes": [{"id": 1}],\n"links": [{"source": 1, "target": 2}]}', 2, 'no node "2"'),
        ('{"nodes": [{"id": 1}],\n"links": [{"source": 1}]}', 2, "links[0]: `target` is missing"),
        ('{"nodes": [{"id": [1, 2]}], "links": []}', 1, "`id` cannot be [1, 2]"),
        ('{"nodes": [{"id": true}], "links": []}', 1, "`id` cannot be true"),
        ('{"nodes": [7], "links": []}', 1, "expected an object"),
        ('{"nodes": {}, "links": []}', 1, "is no list"),
        ('{"links": []}', None, "`nodes` is missing"),
        ('{"nodes": [],\n"links": [],\n"edges": []}', 3, "both `links` and `edges`"),
        ('{"nodes": [{"id": 1}], "links": [], "directed": 1}', 1, "directed cannot be 1"),
        ('{"nodes": [], "links": []}', None, "there are no nodes"),
        ('{"nodes": [{"id": "\\ud800"}], "links": []}', 1, "an id has characters that nobody can show"),
        ('{"nodes": [{"id": 1, "label": "\\u0007"}], "links": []}', 1, "its label has characters"),
        ('{"nodes": [{"id": 1, "population": -1}], "links": []}', 1, "population is -1"),
        ('{"nodes": [{"id": 1, "x": 1e300, "y": 0}], "links": []}', 1, "there is no place 1e+300, 0"),
        ('{"nodes": [\n{"id": 1,}]}', 2, "this is not JSON"),
        ('{"nodes": [{"id": 1, "id": 2}]}', 1, "twice"),
        ("[" * 100_000, None, "nested too deeply"),
        ('{"nodes": [{"id": 1, "lat": 1e999, "lon": 1}], "links": []}', 1, "lat is"),
    ],
)
def test_json_is_refused_at_its_entry(content: str, line: int | None, words: str) -> None:
    refused(content, line, words, "node-link")


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("?SNDlib native format\nNODES (\n A ( 0 0 )\n A ( 0 0 )\n)", 4, 'a node "A" already'),
        ("?SNDlib\nNODES (\n A ( 0 95 )\n)", 3, "no latitude 95"),
        ("?SNDlib\nNODES (\n A ( 0 0 )\n)\nLINKS (\n L ( A B ) 1 0 0 0 ( )\n)", 6, 'no node "B"'),
        ("?SNDlib\nNODES (\n A ( 0 0 )\n)\nLINKS (\n L ( A A ) x 0 0 0 ( )\n)", 6, '"x" is not a number'),
        ("?SNDlib\nNODES (\n A ( 0 0 )\n)\nLINKS (\n L ( A A ) -1 0 0 0 ( )\n)", 6, '"-1" cannot be'),
        ("?SNDlib\nNODES (\n A ( 0 0", 3, "in the middle of a section"),
        ("?SNDlib\nNODES (\n ( 0 0 )\n)", 3, "expected an id"),
        ("?SNDlib\nLINKS (\n L A B\n)", 3, "expected ("),
        ("?SNDlib\nSTUFF (\n)", 2, "expected a section"),
        ("?SNDlib\nMETA (\n unit = FURLONG\n)", 3, "not a unit"),
        ("?SNDlib\nDEMANDS (\n)", None, "there are no nodes"),
    ],
)
def test_sndlib_is_refused_at_its_line(content: str, line: int | None, words: str) -> None:
    refused(content, line, words)


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("source,target\na,b\na\n", 3, "has 1 cells"),
        ("source,target\na,\n", 2, "the target is missing"),
        ("source,rate\na,1\n", 1, 'no column "target"'),
        ("source,target,speed\n", 1, '"speed" is not a column'),
        ("source,target,rate,rate\n", 1, "two columns"),
        ("source,target,rate\n# a comment\na,b,fast\n", 3, "rate"),
        ("source,target,delay\na,b,7\n", 2, "has no unit"),
        ("source,target,cost\na,b,0\n", 2, "its cost is 0"),
        ("source,target,length\na,b,-1 km\n", 2, "length"),
        ('source,target\n"a,b\n', 2, "this line is not CSV"),
        ("source,target\n", None, "there are no nodes"),
        (b"source,target\na,b\xff\n", 2, "UTF-8"),
    ],
)
def test_csv_is_refused_at_its_line(content: str | bytes, line: int | None, words: str) -> None:
    refused(content, line, words, "csv")


def test_rates_that_are_too_large_together_are_refused() -> None:
    content = "source,target,rate\n" + "a,b,9e18\n" * 2
    refused(content, 2, "the rates of 2 edges are 1.8e+19 bit/s together", wishes=Wishes(parallel="merge"))
    many = read("source,target,rate\n" + "a,b,5\n" * 20_000, wishes=Wishes(parallel="merge"))
    assert [link.forward.rate for link in many.links] == [100_000]


def test_text_between_elements_counts_for_nothing() -> None:
    text = graph_of('<node id="A"/>' + "x<port/>" * 20_000)
    assert [node.id for node in read(text).nodes] == ["A"]


def test_a_list_of_nodes_has_all_that_links_have() -> None:
    graph = read_graph(b"source,target\na,b\nb,c\n", "a.csv").graph
    with pytest.raises(BadFileError, match=r'nodes\.csv has no node "c"') as caught:
        with_nodes(graph, read_nodes(b"id\na\nb\n", "nodes.csv"))
    assert (caught.value.file, caught.value.line) == ("a.csv", 3)
    with pytest.raises(BadFileError, match='a node "a" already, in line 2'):
        read_nodes(b"id,label\na,x\na,y\n", "nodes.csv")


BOMB = (
    '<?xml version="1.0"?>\n<!DOCTYPE g [\n<!ENTITY a "ha">\n'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">\n' for n in range(9))
    + ']>\n<graphml><graph><node id="&j;"/></graph></graphml>'
)


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (BOMB, 2, "declarations of its own"),
        ('<!DOCTYPE g [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<graphml>&x;</graphml>', 1, "declarations"),
        ('<!DOCTYPE g SYSTEM "http://127.0.0.1:1/x.dtd">\n<graphml>&x;</graphml>', 2, "the entity &x;"),
        ("<graphml>" + "<a>" * 100, 1, "nested more than 64 deep"),
        ("<graphml>\0</graphml>", 1, "this is not XML"),
    ],
    ids=["bomb", "external", "undeclared", "deep", "nul"],
)
def test_hostile_xml_is_refused(content: str, line: int, words: str) -> None:
    refused(content, line, words, "graphml")


def test_the_number_of_elements_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nextmini.scenario.imports.xml_tree.MOST_ELEMENTS", 1000)
    refused("<graphml>" + "<a/>\n" * 1000, 1000, "more than 1,000 elements", "graphml")


def test_the_number_of_nodes_and_edges_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nextmini.scenario.imports.graph.MOST_NODES", 100)
    monkeypatch.setattr("nextmini.scenario.imports.graph.MOST_LINKS", 50)
    refused(
        "source,target\n" + "".join(f"a,n{place}\n" for place in range(60)), 52, "more than 50 edges", "csv"
    )
    lines = "".join(f"n{place},m{place}\n" for place in range(60))
    refused("source,target\n" + lines, 52, "more than 100 nodes", "csv")


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(WRITERS)), st.integers(0, 10**6), st.binary(max_size=3))
def test_a_damaged_file_is_read_or_refused(format: Format, place: int, bytes_there: bytes) -> None:
    content = WRITERS[format](PAIR).encode()
    at = place % len(content)
    damaged = content[:at] + bytes_there + content[at + 1 :]
    try:
        network = read(damaged, format)
    except BadFileError as error:
        assert error.message
        assert error.remedy
    else:
        assert network.nodes


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(WRITERS)) | st.none(), st.binary(max_size=200) | st.text(max_size=200))
def test_no_content_is_anything_but_read_or_refused(format: Format | None, content: bytes | str) -> None:
    try:
        read(content.encode("utf-8", "replace") if isinstance(content, str) else content, format)
    except BadFileError as error:
        assert error.message
