"""What users are told: every problem at once, at its line, in words that help."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from nextmini.errors import Problem, ScenarioError
from nextmini.scenario import load, loads
from nextmini.scenario.later import LATER_KEYS, LATER_VALUES

if TYPE_CHECKING:
    from pathlib import Path

_BASE: dict[str, Any] = {
    "experiment": {"name": "x"},
    "topology": {"kind": "custom", "nodes": ["a", "b", "c", "d"]},
    "links": [{"ends": ["a", "b"]}, {"ends": ["b", "c"]}],
}
_ENTRIES: dict[str, dict[str, object]] = {
    "nodes": {"name": "a"},
    "links": {"ends": ["c", "d"]},
    "flows": {"source": "a", "destination": "b", "size": "1 MB"},
}


def _problems(text: str, format: str = "toml") -> list[Problem]:
    with pytest.raises(ScenarioError) as caught:
        loads(text, format)
    assert str(caught.value).count("\n") + 1 == len(caught.value.problems)
    return list(caught.value.problems)


def _told(data: dict[str, object]) -> list[str]:
    """Every problem of `data`, without its place."""
    return [str(problem).split(": ", 1)[1] for problem in _problems(json.dumps(data), "json")]


_EVERYTHING_WRONG = """\
[experiment]
name = "x y"
sead = 3
processes = 9
duration = 5
[netwrk]
a = 1
[network]
isolation = "docker"
transport = "memroy"
seed = 4
[topology]
nodes = ["a", "b", "c", "d"]
kind = "custom"
[[links]]
ends = ["a", "b"]
cost = "x"
delay = 10
[[links]]
ends = ["a", "e"]
[[links]]
ends = ["c", "c"]
[[links]]
ends = ["b", "a"]
[[routes]]
path = ["a", "c"]
[[flows]]
name = "f"
source = "a"
destination = "c"
size = 100
[[flows]]
name = "f"
source = "a"
destination = "x"
kind = "sctp"
[[flows]]
between = "rnd"
[[events]]
at = "1 s"
"""

_ALL_LINES = [
    (2, "experiment.name"),
    (3, "experiment.sead"),
    (4, "experiment.processes"),
    (5, "experiment.duration"),
    (6, "netwrk"),
    (9, "network.isolation"),
    (10, "network.transport"),
    (11, "network.seed"),
    (17, "links[0].cost"),
    (18, "links[0].delay"),
    (20, "links[1].ends[1]"),
    (22, "links[2].ends"),
    (24, "links[3].ends"),
    (26, "routes[0].path[1]"),
    (30, "flows[0].destination"),
    (31, "flows[0].size"),
    (35, "flows[1].destination"),
    (36, "flows[1].kind"),
    (38, "flows[2].between"),
    (39, "events[0]"),
]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    assert [(problem.line, problem.key) for problem in _problems(_EVERYTHING_WRONG)] == _ALL_LINES


@pytest.mark.parametrize("format", ["json", "yaml"])
def test_the_same_is_told_of_every_format(format: str) -> None:
    data = tomllib.loads(_EVERYTHING_WRONG)
    text = json.dumps(data, indent=1) if format == "json" else yaml.safe_dump(data, sort_keys=False)
    problems = _problems(text, format)
    assert {problem.key for problem in problems} == {key for _, key in _ALL_LINES}
    lines = text.split("\n")
    for problem in problems:
        last = problem.key.split(".")[-1].split("[")[0]
        if not problem.key.endswith("]"):
            assert problem.line is not None
            assert last in lines[problem.line - 1]


def test_a_problem_reads_file_line_key_and_remedy(tmp_path: Path) -> None:
    path = tmp_path / "net.toml"
    path.write_text('[experiment]\nname = "x"\nseed = "one"\n[topology]\nkind = "ring"\nnodes = 3\n')
    with pytest.raises(ScenarioError) as caught:
        load(path)
    assert str(caught.value) == (
        f'{path}:3: experiment.seed: expected a whole number, got "one"; '
        "write it without quotes and without a fraction, as in 4"
    )
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"experiment": {}}, 'experiment.name: is missing; write name = "two-paths"'),
        ({"experiment": 3}, "experiment: expected a table, got 3; write its keys under [experiment]"),
        (
            {"links": {"ends": 1}},
            'links: expected a list of tables, got {"ends": 1}; begin each entry with [[links]]',
        ),
        ({"links": [3]}, "links[0]: expected a table, got 3; write its keys under [[links]]"),
        (
            {"links": [{"ends": ["a", "b"], "forward": "5 Mbit/s"}]},
            'links[0].forward: expected a table, got "5 Mbit/s"; write forward = { rate = "100 Mbit/s" }',
        ),
        (
            {"links": [{"ends": ["a", "b"], "latency": 1}]},
            "links[0].latency: unknown key; did you mean delay?",
        ),
        (
            {"topology": {"kind": "line", "nodes": 2, "link": {"bandwidth": 1}}},
            "topology.link.bandwidth: unknown key; did you mean rate?",
        ),
        ({"links": [{}]}, 'links[0].ends: is missing; write ends = ["a", "b"]'),
        (
            {"links": [{"ends": ["a"]}]},
            'links[0].ends: expected two nodes, got ["a"]; write them as in ["a", "b"]',
        ),
        (
            {"links": [{"ends": [1, "b"]}]},
            "links[0].ends[0]: expected the name of a node as text, got 1; put it in quotes",
        ),
        ({"links": [{"ends": ["a", "b"], "cost": 0}]}, "links[0].cost: 0 is too small; write more than 0"),
        (
            {"links": [{"ends": ["a", "b"], "cost": 1e10}]},
            "links[0].cost: 10000000000.0 is too large; write at most",
        ),
        (
            {"links": [{"ends": ["a", "b"], "congestion": "no such"}]},
            'links[0].congestion: "no such" cannot be',
        ),
        ({"routes": [{"path": ["a"]}]}, "routes[0].path: a path of 1 nodes is not possible; list 2 to"),
        (
            {"routes": [{"path": "a-b"}]},
            'routes[0].path: expected a list of nodes, got "a-b"; write it as in',
        ),
        (
            {"routes": [{"path": ["a", "b"], "both": "no"}]},
            'routes[0].both: expected true or false, got "no"',
        ),
        (
            {"routes": [{"path": ["a", "b"], "weight": 0}]},
            "routes[0].weight: 0 is too small; write at least 1",
        ),
        ({"network": {"mtu": 1500.5}}, "network.mtu: expected a whole number, got 1500.5"),
        ({"network": {"processors": True}}, "network.processors: expected a whole number, got true"),
        ({"network": {"prefix": "10.0.0.1/8"}}, 'network.prefix: "10.0.0.1/8" is not an IPv4 prefix'),
        ({"network": {"prefix6": "10.0.0.0/8"}}, 'network.prefix6: "10.0.0.0/8" is not an IPv6 prefix'),
        (
            {"network": {"mapping": "Sequential"}},
            'network.mapping: "Sequential" is not possible; did you mean "sequential"?',
        ),
        (
            {"experiment": {"name": "pg_x"}},
            'experiment.name: "pg_x" is a name that PostgreSQL keeps for itself',
        ),
        ({"experiment": {"name": 5}}, "experiment.name: expected a name as text, got 5; put it in quotes"),
        ({"experiment": {"name": "x", "interval": "1 ms"}}, 'experiment.interval: "1 ms" is not possible'),
        (
            {"experiment": {"name": "x", "interval": "10.5 ms"}},
            'experiment.interval: "10.5 ms" is not possible',
        ),
        (
            {"experiment": {"name": "x", "seed": None}},
            "experiment.seed: has no value; write one, or remove the key",
        ),
        ({"experiment": {"name": "x", "duration": "0 s"}}, 'experiment.duration: "0 s" is nothing'),
        ({"controller": {"listen": "7700"}}, 'controller.listen: "7700" is not an address with a port'),
        (
            {"controller": {"listen": "127.0.0.1:99999"}},
            'controller.listen: "127.0.0.1:99999" is not an address',
        ),
        ({"controller": {"listen": "host:1"}}, 'controller.listen: "host" is not an IP address'),
        (
            {"controller": {"listen": "0.0.0.0:1", "tls": False}},
            "controller.tls: listening on 0.0.0.0:1, which is beyond this machine, demands TLS; remove",
        ),
        ({"topology": {"nodes": 3}}, "topology.kind: is missing; write one of custom, line, ring"),
        (
            {"topology": {"kind": "rng", "nodes": 3}},
            'topology.kind: "rng" is not possible; did you mean "ring"?',
        ),
        (
            {"topology": {"kind": "ring", "nodes": 0}},
            "topology.nodes: 0 nodes are not possible; write a count from 1",
        ),
        (
            {"topology": {"kind": "ring", "nodes": "abc"}},
            'topology.nodes: expected nodes, got "abc"; write a count',
        ),
        (
            {"topology": {"kind": "ring", "nodes": ["a", "b", "a"]}},
            'topology.nodes: the name "a" stands there more',
        ),
        (
            {"topology": {"kind": "ring", "nodes": ["a", "-b"]}},
            'topology.nodes: "-b" cannot be the name of a node',
        ),
        (
            {"topology": {"kind": "grid", "nodes": 4}},
            "topology.dimensions: is missing; write dimensions = [3, 4]",
        ),
        (
            {"topology": {"kind": "torus", "dimensions": []}},
            "topology.dimensions: 0 items are not possible; give at least 1",
        ),
        ({"topology": {"kind": "torus", "dimensions": [3, 0]}}, "topology.dimensions[1]: 0 is too small"),
        ({"topology": {"kind": "torus", "dimensions": 3}}, "topology.dimensions: expected a list, got 3"),
        (
            {"topology": {"kind": "ring", "nodes": 3, "link": {"cots": 1}}},
            "topology.link.cots: unknown key; did you mean cost?",
        ),
        (
            {"topology": {"kind": "custom", "nodes": 3, "link": {}}},
            "topology.link: unknown key; the keys here are kind and nodes",
        ),
        ({"toplogy": {}}, "toplogy: unknown key; did you mean topology?"),
        ({"name": "x"}, "name: unknown key; the keys here are experiment, network, topology,"),
        ({"network": {"keep": "1 h"}}, "network.keep: unknown key; keep is a key of [metrics]"),
        ({"metrics": {"keep": 1}}, 'metrics.keep: 1 has no unit; write the unit, as in "1 s"'),
        (
            {"flows": [{"source": "a", "destination": "b", "size": "1 Mb"}]},
            'flows[0].size: "Mb" is not a unit of a size',
        ),
    ],
)
def test_each_mistake_has_its_words(change: dict[str, object], told: str) -> None:
    all_told = _told(_BASE | change)
    assert any(one.startswith(told) or told in one for one in all_told), all_told


@pytest.mark.parametrize(
    ("table", "key"), [(table, key) for table, keys in LATER_KEYS.items() for key in keys]
)
def test_keys_of_later_versions_are_refused_by_name(table: str, key: str) -> None:
    data: dict[str, object] = dict(_BASE)
    if not table:
        data[key] = {}
    elif table in _ENTRIES:
        data[table] = [{**_ENTRIES[table], key: 1}]
    else:
        data[table] = {key: 1}
    where = f"{table}[0].{key}" if table in _ENTRIES else f"{table}.{key}".removeprefix(".")
    assert any(one.startswith(f"{where}: is not in this version (") for one in _told(data))


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [(table, key, value) for (table, key), values in LATER_VALUES.items() for value in values],
)
def test_values_of_later_versions_are_refused_by_name(table: str, key: str, value: str) -> None:
    if table in _ENTRIES:
        told = _told({**_BASE, table: [{**_ENTRIES[table], key: value}]})
        where = f"{table}[0].{key}"
    else:
        told = _told({**_BASE, table: {**_BASE.get(table, {}), key: value}})
        where = f"{table}.{key}"
    assert told[0].startswith(f'{where}: "{value}" is not in this version; write')


def test_a_key_of_links_is_known_in_the_topology_too() -> None:
    told = _told(_BASE | {"topology": {"kind": "ring", "nodes": 3, "link": {"delay": 1, "transport": "udp"}}})
    assert (
        'topology.link.transport: "udp" is not possible; write "auto", "memory", "tcp", "quic" or "tls"'
        in told
    )
    assert any(one.startswith("topology.link.delay: 1 has no unit; write the unit") for one in told)


class TestNothingIsBlamedTwice:
    """A mistake in one key is not told as a mistake of others that depend on it."""

    def test_a_refused_duration_of_the_experiment(self) -> None:
        flow = {"source": "a", "destination": "b"}
        told = _told(_BASE | {"experiment": {"name": "x", "duration": 5}, "flows": [flow]})
        assert [one.split(":")[0] for one in told] == ["experiment.duration"]

    def test_a_refused_size(self) -> None:
        told = _told(_BASE | {"flows": [{"source": "a", "destination": "b", "size": 5}]})
        assert [one.split(":")[0] for one in told] == ["flows[0].size"]

    def test_a_refused_kind_of_pairs(self) -> None:
        told = _told(_BASE | {"flows": [{"between": "all", "count": 3, "size": "1 MB"}]})
        assert [one.split(":")[0] for one in told] == ["flows[0].between"]

    def test_a_refused_end_of_a_link(self) -> None:
        told = _told(
            _BASE
            | {
                "links": [{"ends": ["a", 5]}],
                "routes": [{"path": ["a", "b"]}],
                "flows": [{"source": "a", "destination": "b", "size": "1 MB"}],
            }
        )
        assert [one.split(":")[0] for one in told] == ["links[0].ends[1]"]

    def test_a_refused_topology(self) -> None:
        told = _told(
            _BASE
            | {"topology": {"kind": "ring", "nodes": "x"}, "flows": [{"source": "q", "destination": "r"}]}
        )
        assert [one.split(":")[0] for one in told] == ["topology.nodes"]

    def test_a_refused_prefix(self) -> None:
        told = _told(_BASE | {"network": {"prefix": "x"}, "nodes": [{"name": "a", "address": "192.168.0.1"}]})
        assert [one.split(":")[0] for one in told] == ["network.prefix"]

    def test_a_refused_transport(self) -> None:
        told = _told(
            _BASE
            | {
                "experiment": {"name": "x", "processes": 4},
                "network": {"transport": "memory"},
                "links": [{"ends": ["a", "b"], "transport": "udp"}],
            }
        )
        assert [one.split(":")[0] for one in told] == ["links[0].transport"]

    def test_a_refused_transport_of_a_link_with_a_congestion_control(self) -> None:
        link = {"transport": "udp", "congestion": "dctcp"}
        for tables, path in (
            ({"links": [{"ends": ["a", "b"], **link}]}, "links[0].transport"),
            (
                {"topology": {"kind": "ring", "nodes": 3, "link": link}, "links": []},
                "topology.link.transport",
            ),
        ):
            told = _told(_BASE | {"network": {"transport": "quic"}} | tables)
            assert [one.split(":")[0] for one in told] == [path]

    def test_a_refused_transport_of_a_link_with_datagrams(self) -> None:
        link = {"transport": "udp", "datagrams": True}
        for tables, path in (
            ({"links": [{"ends": ["a", "b"], **link}]}, "links[0].transport"),
            ({"network": link}, "network.transport"),
            ({"network": {"datagrams": True}, "links": [{"ends": ["a", "b"], **link}]}, "links[0].transport"),
        ):
            assert [one.split(":")[0] for one in _told(_BASE | tables)] == [path]

    def test_a_refused_truth_value_of_a_route(self) -> None:
        routes = [{"path": ["a", "b"]}, {"path": ["b", "a"], "both": 0}]
        assert [one.split(":")[0] for one in _told(_BASE | {"routes": routes})] == ["routes[1].both"]


class TestWhatIsLeftIsLookedAt:
    """Problems between keys are told together with those of single keys, at their own places."""

    def test_places_are_those_of_the_file(self) -> None:
        flows = [
            {"source": "a", "destination": "b", "between": "all", "size": "1 MB"},
            {"source": "a", "destination": "nobody", "size": "1 MB"},
        ]
        keys = [one.split(":")[0] for one in _told(_BASE | {"flows": flows})]
        assert keys == ["flows[0].between", "flows[1].destination"]

    def test_a_missing_name_hides_nothing(self) -> None:
        keys = [one.split(":")[0] for one in _told(_BASE | {"experiment": {"processes": 9}})]
        assert sorted(keys) == ["experiment.name", "experiment.processes"]

    def test_a_scenario_of_which_nothing_is_left(self) -> None:
        keys = [one.split(":")[0] for one in _told({"experiment": 1, "topology": 2, "links": 3, "x": 4})]
        assert sorted(keys) == ["experiment", "links", "topology", "x"]
