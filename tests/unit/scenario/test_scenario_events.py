"""Events, classes and flows of packets: what comes out of them, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nextmini.errors import ScenarioError
from nextmini.scenario import Class, Network, dump, loads, resolve

_BASE: dict[str, Any] = {
    "experiment": {"name": "x", "duration": "10 s"},
    "topology": {"kind": "line", "nodes": ["a", "b", "c", "d"], "link": {"delay": "5 ms"}},
}
UDP: dict[str, Any] = {"source": "a", "destination": "d", "kind": "udp", "rate": "1 Mbit/s"}


def network(**tables: Any) -> Network:
    made = resolve(loads(json.dumps(_BASE | tables), "json"))
    assert resolve(loads(dump(made))) == made
    return made


def refused(**tables: Any) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        loads(json.dumps(_BASE | tables), "json")
    assert all(problem.remedy for problem in caught.value.problems)
    return [str(problem).split(": ", 1)[1] for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("entry", "action"),
    [
        ({"link": ["a", "b"], "down": True}, {"link": ["a", "b"], "down": True}),
        ({"link": ["b", "a"], "up": True}, {"link": ["a", "b"], "up": True}),
        (
            {"link": ["a", "b"], "down": True, "duration": "1000 ms", "require_effect": True},
            {"link": ["a", "b"], "down": True, "duration": "1 s", "require_effect": True},
        ),
        (
            {"link": ["a", "b"], "set": {"delay": "9 ms", "loss": "0 %"}},
            {"link": ["a", "b"], "set": {"delay": "9 ms", "loss": "0 %"}},
        ),
        (
            {"link": ["c", "b"], "set": {"rate": "1000 kbit/s"}, "direction": "forward"},
            {"link": ["b", "c"], "set": {"rate": "1 Mbit/s"}, "direction": "backward"},
        ),
        (
            {"link": ["a", "b"], "set": {"trace": [["0 s", "5 bit/s"]]}},
            {"link": ["a", "b"], "set": {"trace": 1}},
        ),
        (
            {"link": ["a", "b"], "flap": {"period": "20 ms"}},
            {"link": ["a", "b"], "flap": {"period": "20 ms", "duty": "50 %"}},
        ),
        ({"node": "a", "crash": True, "duration": "1 s"}, {"node": "a", "crash": True, "duration": "1 s"}),
        ({"node": "a", "restart": True}, {"node": "a", "restart": True}),
        ({"partition": [["a"], ["b", "c"]]}, {"partition": [["a"], ["b", "c"]]}),
        (
            {"partition": [["a"], ["b", "c"]], "heal": True},
            {"partition": [["a"], ["b", "c"]], "heal": True},
        ),
    ],
)
def test_an_event_says_what_happens(entry: dict[str, Any], action: dict[str, Any]) -> None:
    (event,) = network(events=[{"at": "3 s", **entry}]).events
    assert (event.id, event.at, event.action) == (1, 3.0, action)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (
            {"link": ["a", "b"], "down": True, "at": "10 s"},
            "at: 10 s is after the end of the experiment",
        ),
        ({}, ": this event is about nothing; write one of link"),
        ({"link": ["a", "b"], "node": "a", "down": True}, ": this event is about link and node"),
        ({"link": ["a", "b"]}, ": nothing happens in this event; write `set`, `down`, `up` or `flap`"),
        ({"node": "a", "down": True}, "down: does not go with `node`"),
        ({"link": ["a", "b"], "down": True, "up": True}, "up: does not go with `down`; write two events"),
        ({"link": ["a", "b"], "down": False}, "down: "),
        ({"link": ["a", "b"], "down": True, "direction": "forward"}, "direction: goes with `set` only"),
        ({"link": ["a", "b"], "up": True, "duration": "1 s"}, "duration: `up` is not undone after a while"),
        ({"node": "a", "restart": True, "duration": "1 s"}, "duration: `restart` is not undone"),
        (
            {"link": ["a", "c"], "down": True},
            'link: there is no link between "a" and "c"; "a" has links with "b"',
        ),
        ({"link": ["a", "e"], "down": True}, 'link[1]: there is no node "e"'),
        ({"link": ["a"], "down": True}, "link: expected two nodes"),
        ({"node": "e", "crash": True}, 'node: there is no node "e"'),
        ({"link": ["a", "b"], "set": {}}, "set: sets nothing"),
        ({"link": ["a", "b"], "set": {"delya": "1 s"}}, "set.delya: unknown key; did you mean delay?"),
        ({"link": ["a", "b"], "set": {"jitter": "6 ms"}}, "set.jitter: 6 ms is more than the delay, 5 ms"),
        ({"link": ["a", "b"], "set": {"discipline": "wrr"}}, "set.discipline: weighted round robin without"),
        ({"link": ["a", "b"], "flap": {"period": "10 ms"}}, "flap: 10 ms is too short a period; write"),
        ({"link": ["a", "b"], "flap": {"period": "1 s", "duty": "100 %"}}, 'flap.duty: "100 %" is never or'),
        ({"link": ["a", "b"], "flap": {"period": "1 s", "duty": 0.5}}, "flap.duty: 0.5 has no unit"),
        ({"partition": [["a"]]}, "partition: expected at least two groups"),
        ({"partition": [["a"], []]}, "partition: expected the names of nodes, got []"),
        ({"partition": [["a"], ["x"]]}, 'partition[1][0]: there is no node "x"'),
        ({"partition": [["a", "b"], ["b"]]}, 'partition[1][0]: "b" is in two groups'),
        ({"partition": [["a"], ["c", "d"]]}, "partition: no link leads from one of these groups to another"),
    ],
)
def test_an_event_that_cannot_be(entry: dict[str, Any], told: str) -> None:
    problems = refused(events=[{"at": "1 s", **entry}])
    wanted = f"events[0]{told}" if told.startswith(":") else f"events[0].{told}"
    assert any(problem.startswith(wanted) for problem in problems), problems


def test_events_are_judged_by_what_the_others_have_done_before() -> None:
    link = ["a", "b"]
    later = {"at": "2 s", "link": link, "set": {"jitter": "9 ms"}}
    assert network(events=[later, {"at": "1 s", "link": link, "set": {"delay": "9 ms"}}]).events
    short = {"at": "1 s", "link": link, "set": {"delay": "9 ms"}, "duration": "500 ms"}
    assert refused(events=[later, short])[0].startswith("events[0].set.jitter: 9 ms is more than")


def test_a_setting_that_was_refused_is_not_blamed_on_an_event() -> None:
    event = {"at": "1 s", "link": ["a", "b"], "set": {"jitter": "6 ms"}}
    told = refused(links=[{"ends": ["a", "b"], "delay": 6}], events=[event])
    assert [one.split(":")[0] for one in told] == ["links[0].delay"]


class TestClasses:
    def test_what_they_match(self) -> None:
        made = network(
            classes=[
                {"match": {"source": "a", "destination": "d", "protocol": "udp", "port": 53}, "weight": 4},
                {"match": {"protocol": "lossless"}, "rate": "1 Mbit/s"},
                {"match": {"protocol": 50}, "rate": "1 bit/s", "weight": 1},
                {"match": {}, "weight": 65_535},
            ]
        )
        assert made.classes == (
            Class(1, 1, 4, 17, 53, None, 4),
            Class(2, None, None, 253, None, 1_000_000, None),
            Class(3, None, None, 50, None, 1, 1),
            Class(4, None, None, None, None, None, 65_535),
        )

    @pytest.mark.parametrize(
        ("entry", "told"),
        [
            ({"match": {}}, "classes[0]: this class has neither a rate nor a weight; write weight = 4"),
            ({"weight": 4}, 'classes[0].match: is missing; write match = { protocol = "udp" }'),
            ({"match": {"source": "x"}, "weight": 4}, 'classes[0].match.source: there is no node "x"'),
            (
                {"match": {"protocol": "udt"}, "weight": 4},
                'classes[0].match.protocol: "udt" is not a protocol',
            ),
            ({"match": {"protocol": 256}, "weight": 4}, "classes[0].match.protocol: 256 is not a protocol"),
            ({"match": {"port": 65536}, "weight": 4}, "classes[0].match.port: 65536 is too large"),
            ({"match": {"prot": 6}, "weight": 4}, "classes[0].match.prot: unknown key; did you mean port?"),
        ],
    )
    def test_what_is_refused(self, entry: dict[str, Any], told: str) -> None:
        problems = refused(classes=[entry])
        assert any(problem.startswith(told) for problem in problems), problems

    def test_no_more_than_one_message_can_tell(self) -> None:
        problems = refused(classes=[{"match": {}, "weight": 1}] * 5_001)
        assert problems[0].startswith("classes: there are 5,001 classes")


class TestPackets:
    def test_what_is_not_said_is_as_usual(self) -> None:
        flow, other = network(flows=[UDP, UDP | {"packet_size": 100, "ecn": True}]).flows
        assert (flow.packet_size, flow.arrival.process, flow.ecn) == (1472, "constant", False)
        assert (other.packet_size, other.ecn) == (100, True)
        assert network(flows=[UDP], network={"mtu": 9000}).flows[0].packet_size == 8972
        lossless = {"source": "a", "destination": "d"}
        assert network(flows=[lossless]).flows[0].packet_size is None

    def test_arrival_is_a_word_or_a_table(self) -> None:
        on_off = {"process": "on_off", "on": "1 s", "off": "5 ms"}
        made = network(flows=[UDP | {"arrival": "poisson"}, UDP | {"arrival": on_off}])
        assert [flow.arrival.texts() for flow in made.flows] == [{"process": "poisson"}, on_off]

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"rate": None}, "rate: is missing; write how fast it sends"),
            ({"packet_size": 1473}, "packet_size: 1,473 bytes and 28 of headers are more than network.mtu"),
            ({"packet_size": 0}, "packet_size: 0 is too small"),
            ({"arrival": "pareto"}, 'arrival: "pareto" is not an arrival process'),
            ({"arrival": "on_off"}, "arrival: this process has times on and off"),
            ({"arrival": {"process": "poisson", "on": "1 s"}}, "arrival: `on` and `off` do not go with"),
            ({"arrival": {"process": "on_off", "on": "0 s", "off": "1 s"}}, 'arrival.on: "0 s" is nothing'),
            ({"kind": "lossless", "ecn": False}, 'ecn: does not go with kind = "lossless"'),
            ({"kind": "lossless", "arrival": "poisson"}, 'arrival: does not go with kind = "lossless"'),
            ({"kind": "lossless", "packet_size": 5}, 'packet_size: does not go with kind = "lossless"'),
            (
                {"congestion": "cubic"},
                'congestion: does not go with kind = "udp"; remove it, or write kind = "tcp"',
            ),
        ],
    )
    def test_what_is_refused(self, change: dict[str, Any], told: str) -> None:
        flow = {key: value for key, value in (UDP | change).items() if value is not None}
        problems = refused(flows=[flow])
        assert [problem for problem in problems if problem.startswith(f"flows[0].{told}")] == problems


def test_timing_is_the_networks() -> None:
    assert network().timing == "normal"
    assert network(network={"timing": "precise"}).timing == "precise"
    assert refused(network={"timing": "exact"})[0].startswith('network.timing: "exact" is not possible')
