"""`nextmini topology show|list|draw`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from graph_files import Dot, Sketch, Stroke, graphml, node_link

from nextmini.cli.main import main
from nextmini.scenario.topology import KINDS

ABILENE = Path(__file__).parents[3] / "configs" / "topologies" / "abilene.graphml"
TWICE = Sketch(
    [Dot("a"), Dot("b"), Dot("c")], [Stroke("a", "b", 10), Stroke("b", "a", 20), Stroke("c", "c", 1)]
)

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """The exit code of `nextmini topology` with these arguments, and what it printed."""
    monkeypatch.chdir(tmp_path)

    def called(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(["topology", *map(str, arguments)])
        return int(caught.value.code or 0), *capsys.readouterr()

    return called


def test_show_tells_what_a_file_has(call: Call) -> None:
    code, out, err = call("show", ABILENE)
    assert (code, err) == (0, "")
    assert "graphml, 11 nodes, 14 links" in out
    assert "Degree: 2 to 3, mean 2.55\nDiameter: 5 links\n" in out
    assert "280 Gbit/s in all directions together" in out
    document = json.loads(call("show", ABILENE, "--json")[1])
    assert document["total_bps"] == 280 * 10**9
    assert document["parts"] == [11]
    assert {node["id"]: node["name"] for node in document["node_list"]}["NYC"] == "New-York"


def test_show_takes_scenarios_too(call: Call, tmp_path: Path) -> None:
    text = '{"experiment": {"name": "x"}, "topology": {"kind": "ring", "nodes": 5}}'
    (tmp_path / "ring.json").write_text(text)
    code, out, _ = call("show", "ring.json")
    assert (code, out.splitlines()[:3]) == (
        0,
        ["ring.json: ring, 5 nodes, 5 links", "Degree: 2 to 2, mean 2", "Diameter: 2 links"],
    )
    code, _, err = call("show", "ring.json", "--set", "parallel=merge")
    assert (code, err) == (
        2,
        "error: --set is for files of topologies; write it under [topology] in ring.json\n",
    )


@pytest.mark.parametrize(("name", "write"), [("g.json", node_link), ("g.graphml", graphml)])
def test_what_a_scenario_would_say_can_be_set(
    call: Call, tmp_path: Path, name: str, write: Callable[[Sketch], str]
) -> None:
    (tmp_path / name).write_text(write(TWICE))
    code, out, err = call("show", name)
    assert (code, out) == (2, "")
    assert "joins nodes that are joined already" in err
    code, out, err = call("show", name, "--set", "parallel=merge", "--set", "rate_scale=0.5", "--json")
    assert code == 0
    loops, merged, parts = err.splitlines()
    assert loops == "note: topology: left out: 1 link from a node to itself"
    assert merged == "note: topology: merged with others between the same nodes: 1 edge"
    assert parts.endswith(': nothing leads from "a" to "c"')
    assert json.loads(out)["link_list"][0]["rate_bps"] == [15_000_000, 15_000_000]
    code, _, err = call("show", name, "--set", "parallel")
    assert (code, err.splitlines()) == (
        2,
        ["error: --set parallel says no value; write it as in --set parallel=merge"],
    )


def test_show_refuses_what_is_no_topology(call: Call, tmp_path: Path) -> None:
    code, out, err = call("show", "nothing.gml")
    assert (code, out) == (2, "")
    assert "there is no file nothing.gml" in err
    (tmp_path / "broken.json").write_text("{")
    assert call("show", "broken.json")[0] == 2


def test_list_has_every_kind_and_the_files(call: Call) -> None:
    code, out, _ = call("list", "--json")
    document = json.loads(out)
    assert code == 0
    assert [entry["kind"] for entry in document["kinds"]] == list(KINDS)
    assert document["kinds"][-1]["parameters"]["path"] == "required"
    assert document["files"] == ["topologies/abilene.graphml"]
    text = call("list")[1]
    assert "random: Random links" in text
    assert "    nodes, degree\n" in text
    assert "    topologies/abilene.graphml\n" in text


def test_draw_writes_a_new_file(call: Call, tmp_path: Path) -> None:
    assert call("draw", ABILENE, "-o", "abilene.svg") == (0, "abilene.svg\n", "")
    assert "Kansas City" in (tmp_path / "abilene.svg").read_text()
    code, _, err = call("draw", ABILENE, "-o", "abilene.svg")
    assert (code, "is there already" in err) == (2, True)
    code, _, err = call("draw", ABILENE, "-o", "abilene.gif")
    assert (code, "no format of drawings" in err) == (2, True)
    code, _, err = call("draw", ABILENE, "-o", "b.svg", "--run", "nowhere")
    assert (code, "name the folder of a run" in err) == (2, True)
