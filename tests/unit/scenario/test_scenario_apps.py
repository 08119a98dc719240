"""Programs inside nodes: what comes out of their tables, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from nextmini.errors import ScenarioError
from nextmini.scenario import App, Network, dump, load, loads, resolve
from nextmini.scenario.readiness import Readiness

if TYPE_CHECKING:
    from pathlib import Path

_BASE: dict[str, Any] = {
    "experiment": {"name": "x", "duration": "10 s"},
    "network": {"isolation": "namespace"},
    "topology": {"kind": "line", "nodes": ["a", "b"]},
}


def network(*apps: dict[str, Any], **tables: Any) -> Network:
    made = resolve(loads(json.dumps({**_BASE, "apps": apps, **tables}), "json"))
    assert resolve(loads(dump(made))) == made
    assert hash(made.apps) == hash(tuple(made.apps))
    return made


def refused(*apps: dict[str, Any], **tables: Any) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        loads(json.dumps({**_BASE, "apps": apps, **tables}), "json")
    assert all(problem.remedy for problem in caught.value.problems)
    return [str(problem).split(": ", 1)[1] for problem in caught.value.problems]


def test_what_is_left_out_is_filled_in() -> None:
    (app,) = network({"node": "b", "command": "true"}).apps
    assert app == App(
        id=1,
        name="b-0",
        node=2,
        command="true",
        ready=None,
        ready_within=30.0,
        start=0.0,
        expect_exit=0,
        env=(),
        cwd=None,
        background=False,
    )


def test_what_is_said_is_kept() -> None:
    said = {
        "node": "a",
        "command": ["iperf3", "-s", "ö\u007f\n\"'😀"],
        "name": "server",
        "ready": "tcp:5201",
        "ready_within": "1500 ms",
        "start": "2 s",
        "env": {"A": "1 = 2", "b_3": ""},
        "cwd": "data",
        "background": True,
    }
    (app,) = network(said).apps
    assert (app.name, app.command) == ("server", ("iperf3", "-s", "ö\u007f\n\"'😀"))
    assert (app.ready, app.ready_within, app.start) == (Readiness("tcp", port=5201), 1.5, 2.0)
    assert (app.env, app.cwd, app.background) == ((("A", "1 = 2"), ("b_3", "")), "data", True)


@pytest.mark.parametrize(
    ("text", "readiness"),
    [
        ("tcp:1", Readiness("tcp", port=1)),
        ("udp:65535", Readiness("udp", port=65_535)),
        ("output:it is: up ", Readiness("output", text="it is: up ")),
    ],
)
def test_what_makes_ready(text: str, readiness: Readiness) -> None:
    (app,) = network({"node": "a", "command": "true", "ready": text}).apps
    assert app.ready == readiness
    assert str(readiness) == text


def test_programs_without_a_name_are_counted_in_their_node() -> None:
    run = {"command": "true"}
    made = network(
        {"node": "a", **run}, {"node": "a", "name": "one", **run}, {"node": "b", **run}, {"node": "a", **run}
    )
    assert [(app.id, app.name) for app in made.apps] == [(1, "a-0"), (2, "one"), (3, "b-0"), (4, "a-1")]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"node": "c"}, 'apps[0].node: there is no node "c"; '),
        ({"node": 1}, "apps[0].node: expected the name of a node as text, got 1"),
        ({"command": " "}, "apps[0].command: the command is empty; "),
        ({"command": []}, "apps[0].command: there is no program in []; "),
        ({"command": ["a", 1]}, "apps[0].command: expected a word of a command as text, got 1; "),
        ({"command": 7}, "apps[0].command: expected a command as text, got 7; "),
        ({"command": "a\0b"}, "apps[0].command: a command has characters that no program can be given; "),
        ({"command": "\ud800"}, "apps[0].command: a command has characters that no program can be given; "),
        ({"name": "a/b"}, 'apps[0].name: "a/b" cannot be the name of a program; '),
        ({"name": ".."}, 'apps[0].name: ".." cannot be the name of a program; '),
        ({"ready": "tcp:0"}, 'apps[0].ready: "tcp:0" cannot be waited for; write it as in "tcp:5201"'),
        ({"ready": "sctp:80"}, 'apps[0].ready: "sctp:80" cannot be waited for'),
        ({"ready": "output:"}, 'apps[0].ready: "output:" cannot be waited for'),
        ({"ready": "output:a\nb"}, 'apps[0].ready: "output:a\\nb" cannot be waited for'),
        ({"ready_within": "3 s"}, "apps[0].ready_within: there is nothing to be ready; "),
        ({"ready": "udp:53", "ready_within": "0 s"}, 'apps[0].ready_within: "0 s" is nothing'),
        ({"start": "10 s"}, "apps[0].start: 10 s is after the end of the experiment, 10 s; "),
        ({"expect_exit": 256}, "apps[0].expect_exit: 256 is too large; "),
        ({"expect_exit": 1, "background": True}, "apps[0].expect_exit: does not count for a program in the"),
        ({"env": {"A": 1}}, "apps[0].env: expected the value of A as text, got 1; "),
        ({"env": {"A-B": "1"}}, 'apps[0].env: "A-B" cannot be the name of a variable; '),
        ({"env": "A=1"}, 'apps[0].env: expected a table, got "A=1"; '),
        ({"files": {"A": "no.py"}}, "apps[0].files: there is no file no.py; name a file, from the folder of"),
        ({"files": {"A": "/"}}, "apps[0].files: this is a folder; "),
        ({"files": "a.py"}, 'apps[0].files: expected a table, got "a.py"; write it as in files = { SCRIPT ='),
        (
            {"files": {"A": "/etc/hosts"}, "env": {"A": "1"}},
            "apps[0].files: A is also a variable of env; give each a name of its own",
        ),
        ({"cwd": ""}, "apps[0].cwd: the folder has no name; "),
        ({"background": "yes"}, 'apps[0].background: expected true or false, got "yes"; '),
        ({"comand": "x"}, "apps[0].comand: unknown key; did you mean command?"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_each_mistake_has_its_words(change: dict[str, Any], told: str) -> None:
    found = refused({"node": "a", "command": "true"} | change)
    assert len(found) == 1, found
    assert found[0].startswith(told), found


def test_files_are_variables_with_whole_paths_wherever_the_scenario_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    script = tmp_path / "inner" / "it.py"
    script.touch()
    app = {"node": "a", "command": "true", "env": {"B": "1"}, "files": {"SCRIPT": "inner/it.py"}}
    (tmp_path / "lab.json").write_text(json.dumps({**_BASE, "apps": [app]}))
    made = resolve(load(tmp_path / "lab.json"))
    assert made.apps[0].env == (("B", "1"), ("SCRIPT", str(script)))
    assert resolve(loads(dump(made))) == made


def test_two_of_one_name_are_refused() -> None:
    one = {"node": "a", "command": "true"}
    told = 'apps[1].name: "a-0" is also the name of apps[0]; give each a name of its own'
    assert refused(one, {**one, "name": "a-0"}) == [told]
    # Who is left out for another reason does not change what the others are called.
    assert refused({"node": "a"}, one, {**one, "name": "a-0"}) == [
        'apps[0].command: is missing; write command = "iperf3 -s"'
    ]


def test_nodes_without_a_network_of_their_own_are_refused_once() -> None:
    one = {"node": "a", "command": "true"}
    (told,) = refused(one, one, network={})
    assert told.startswith("apps[0]: nodes have no network of their own for programs to run in; ")
    assert told.endswith('write isolation = "namespace" under [network]')
    assert len(refused(one, network={"isolation": "namespac"})) == 1, "what was meant is not known"
