"""Algorithms of a scenario: what comes out of their tables, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from nextmini.errors import ScenarioError
from nextmini.scenario import Network, dump, load, loads, resolve
from nextmini.scenario.network import Algorithm

if TYPE_CHECKING:
    from pathlib import Path

_BASE: dict[str, Any] = {
    "experiment": {"name": "x"},
    "topology": {"kind": "line", "nodes": 2},
}


def network(*algorithms: dict[str, Any]) -> Network:
    made = resolve(loads(json.dumps({**_BASE, "algorithms": algorithms}), "json"))
    assert resolve(loads(dump(made))) == made
    assert hash(made.algorithms) == hash(tuple(made.algorithms))
    return made


def refused(*algorithms: dict[str, Any]) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        loads(json.dumps({**_BASE, "algorithms": algorithms}), "json")
    assert all(problem.remedy for problem in caught.value.problems)
    return [str(problem).split(": ", 1)[1] for problem in caught.value.problems]


def test_what_is_left_out_is_filled_in() -> None:
    (one,) = network({"use": "shortest-path"}).algorithms
    assert one == Algorithm(1, "shortest-path", "shortest-path", "{}", "restart", 10.0)


def test_everything_can_be_said() -> None:
    said = {"paths": 4, "rate": "10 Mbit/s", "deep": {"list": [1.5, True]}}
    table = {"use": "a.b:Mine", "name": "m", "parameters": said, "on_failure": "stop", "timeout": "250 ms"}
    one, other = network(table, {"use": "a.b:Mine"}).algorithms
    assert (one.name, one.use, one.on_failure, one.timeout) == ("m", "a.b:Mine", "stop", 0.25)
    assert one.said() == said
    assert (other.id, other.name, other.said()) == (2, "Mine", {})


def test_a_file_is_seen_from_the_folder_of_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("")
    (tmp_path / "x.json").write_text(
        json.dumps({**_BASE, "algorithms": [{"use": "mine.py"}, {"use": "mine.py:B", "name": "b"}]})
    )
    one, other = resolve(load(tmp_path / "x.json")).algorithms
    assert (one.name, one.use) == ("mine", str(tmp_path / "mine.py"))
    assert other.use == f"{tmp_path / 'mine.py'}:B"


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({}, 'algorithms[0].use: is missing; write use = "mine.py"'),
        ({"use": " "}, "algorithms[0].use: no algorithm is named; write a name, a file as in"),
        ({"use": "none.py"}, "algorithms[0].use: there is no file none.py; name a file, from the folder"),
        ({"use": "a", "name": "a b"}, 'algorithms[0].name: "a b" cannot be the name of an algorithm; use up'),
        ({"use": "a b"}, 'algorithms[0]: "a b" cannot be the name of an algorithm; give it one, as in'),
        ({"use": "a", "parameters": 4}, "algorithms[0].parameters: expected a table, got 4; write it as in"),
        ({"use": "a", "on_failure": "restat"}, 'algorithms[0].on_failure: "restat" is not possible; did you'),
        ({"use": "a", "timeout": "0 s"}, "algorithms[0].timeout: "),
        ({"use": "a", "algorithm": "b"}, "algorithms[0].algorithm: unknown key; "),
    ],
)
def test_what_makes_no_sense_is_refused(table: dict[str, Any], told: str) -> None:
    (problem,) = refused(table)
    assert problem.startswith(told)


def test_names_are_each_of_one() -> None:
    assert refused({"use": "a"}, {"use": "b:a"}) == [
        'algorithms[1]: "a" is also the name of algorithms[0]; give it another one: name = "..."'
    ]
