"""Directions of links: their texts, what is said of them at several places, and what cannot be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextmini.errors import ScenarioError
from nextmini.scenario import Direction, Link, dump, loads, resolve
from nextmini.scenario.changing import direction_of
from nextmini.scenario.conflicts import thresholds
from nextmini.scenario.direction import DirectionKeys, merged
from nextmini.scenario.impairments import Red

_SHARES = st.floats(0, 1).map(lambda share: f"{share * 100:.12f} %")
_BELOW_ONE = st.floats(0, 0.99).map(lambda share: f"{share * 100:.12f} %")
_TIMES = st.integers(0, 10**12).map(lambda ns: f"{ns} ns")
_SOME_TIME = st.integers(1, 10**12).map(lambda ns: f"{ns} ns")
_SIZES = st.integers(65_535, 2**63 - 1).map(lambda size: f"{size} B")
_PACKETS = st.integers(1, 2**63 - 1).map(lambda packets: f"{packets} packets")


def _table(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional)


_CHANCES = _SHARES | _table({"probability": _SHARES}, {"correlation": _BELOW_ONE})
_LOSSES = st.one_of(
    _CHANCES,
    _table({"model": st.just("gilbert-elliott"), "p": _SHARES}, {"r": _SHARES, "h": _SHARES, "k": _SHARES}),
    _table({"pattern": st.text("01", min_size=1)}, {}),
)
_JITTERS = _table(
    {"amount": _TIMES, "reorder": st.just(True)},
    {"distribution": st.sampled_from(["uniform", "normal", "pareto"]), "correlation": _BELOW_ONE},
)
_QUEUES = st.one_of(_PACKETS, _SIZES, st.tuples(_PACKETS, _SOME_TIME, _SIZES).map(list))
_DROPS = st.one_of(
    st.sampled_from(["tail", "red", "codel"]),
    _table(
        {"policy": st.just("red")},
        {
            "min": st.just("5 packets"),
            "max": st.just("7 packets"),
            "probability": _SHARES,
            "weight": st.floats(1e-9, 1),
            "gentle": st.booleans(),
        },
    ),
    _table({"policy": st.just("codel")}, {"target": _SOME_TIME, "interval": _SOME_TIME}),
)
TEXTS = _table(
    {},
    {
        "rate": st.integers(1, 2**63 - 1).map(lambda rate: f"{rate} bit/s"),
        "burst": _SIZES,
        "delay": _TIMES,
        "jitter": _JITTERS,
        "loss": _LOSSES,
        "duplicate": _CHANCES,
        "reorder": _CHANCES,
        "corrupt": _CHANCES,
        "queue": _QUEUES,
        "discipline": st.sampled_from(["fifo", "drr"]),
        "drop": _DROPS,
        "ecn": st.booleans(),
    },
)


@settings(max_examples=200)
@given(TEXTS)
def test_a_direction_is_what_its_texts_say(texts: dict[str, Any]) -> None:
    direction = Direction.model_validate(texts)
    again = direction.texts()
    assert Direction.model_validate(again) == direction
    assert Direction.model_validate(json.loads(json.dumps(again))) == direction
    assert Direction.model_validate(again).texts() == again


@settings(max_examples=100)
@given(TEXTS, TEXTS)
def test_what_is_said_comes_on_top(before: dict[str, Any], said: dict[str, Any]) -> None:
    known = Direction.model_validate(before)
    keys = DirectionKeys.model_validate(said)
    changed = Direction.model_validate(merged(known.texts(), keys.said()))
    for key in Direction.model_fields.keys() - {"trace"}:
        assert getattr(changed, key) == getattr(keys if key in said else known, key)


def test_what_is_as_usual_is_not_written() -> None:
    assert Direction().texts() == {}
    usual = {"delay": "0 s", "loss": "0 %", "jitter": "0 ms", "drop": "tail", "discipline": "fifo"}
    assert Direction.model_validate(usual) == Direction()
    assert DirectionKeys.model_validate(usual).said() == usual | {"jitter": "0 s"}


def test_texts_are_short_where_they_can_be() -> None:
    said = {
        "loss": {"probability": "0.10 %", "correlation": "0 %"},
        "jitter": {"amount": "1000 us", "distribution": "uniform"},
        "queue": ["64 kB"],
        "drop": {"policy": "codel", "target": "5 ms"},
    }
    assert Direction.model_validate(said).texts() == {
        "jitter": "1 ms",
        "loss": "0.1 %",
        "queue": "64 kB",
        "drop": "codel",
    }
    elliott = Direction.model_validate({"loss": {"model": "gilbert-elliott", "p": "30 %"}})
    assert elliott.texts()["loss"] == {
        "model": "gilbert-elliott",
        "p": "30 %",
        "r": "70 %",
        "h": "0 %",
        "k": "100 %",
    }


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({"drop": "red"}, ("83 packets", "250 packets")),
        ({"drop": "red", "queue": "40 packets"}, ("3 packets", "10 packets")),
        ({"drop": "red", "queue": "2 packets"}, ("1 packet", "3 packets")),
        ({"drop": {"policy": "red", "min": "5 packets"}}, ("5 packets", "15 packets")),
        ({"drop": {"policy": "red", "max": "60 kB"}}, ("20 kB", "60 kB")),
    ],
)
def test_thresholds_that_are_not_given(texts: dict[str, Any], expected: tuple[str, str]) -> None:
    direction = Direction.model_validate(texts)
    assert isinstance(direction.drop, Red)
    least, most = thresholds(direction, direction.drop)
    assert (least.text(), most.text()) == expected


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ({"delay": "-1 ms"}, 'delay: "-1 ms" is negative'),
        ({"loss": "100.1 %"}, 'loss: "100.1 %" is more than all; write at most 100 %'),
        ({"loss": 0.1}, 'loss: 0.1 has no unit; write the unit, as in "0.1 %"'),
        ({"loss": "1"}, 'loss: "1" has no unit'),
        ({"loss": {"model": "gilbert"}}, 'loss: "gilbert" is not a loss model'),
        ({"loss": {"model": "gilbert-elliott"}}, 'loss.p: is missing; write p = "1 %"'),
        (
            {"loss": {"model": "gilbert-elliott", "p": "0 %", "r": "0 %"}},
            "loss: with p and r both 0 % nothing ever changes",
        ),
        ({"loss": {"pattern": "0120"}}, 'loss.pattern: "0120" is not a pattern of losses'),
        ({"loss": {"pattern": "0" * 100_001}}, "loss.pattern: 100,001 packets are too many"),
        ({"duplicate": {"probability": "1 %", "correlation": "100 %"}}, "duplicate.correlation: "),
        ({"corrupt": {"probability": "1 %", "corelation": "5 %"}}, "did you mean correlation?"),
        ({"jitter": "5 ms", "delay": "4 ms"}, "jitter: 5 ms is more than the delay, 4 ms"),
        ({"jitter": {"amount": "1 ms", "distribution": "gauss"}}, 'jitter.distribution: "gauss" is not'),
        ({"reorder": "5 %"}, "reorder: packets overtake others only where there is a delay"),
        ({"burst": "15 kB"}, "burst: a burst is nothing without a rate"),
        ({"burst": "1499 B", "rate": "1 Mbit/s"}, "burst: 1499 B is less than one packet of 1,500 bytes"),
        ({"queue": "50 ms"}, "queue: a queue is so long only at a rate"),
        ({"queue": "0 packets"}, 'queue: "0 packets" is nothing'),
        ({"queue": ["5 kB", "6 kB"]}, "two limits in bytes"),
        ({"queue": []}, "queue: an empty list is no limit"),
        ({"queue": "5 boxes"}, 'queue: "boxes" is not a unit of a queue limit'),
        ({"rate": "1 Mbit/s", "trace": 3}, "trace: a link has a rate or a trace of rates, not both"),
        ({"ecn": True}, "ecn: only `red` and `codel` mark packets"),
        ({"drop": "blue"}, 'drop: "blue" is not a drop policy'),
        (
            {"drop": {"policy": "red", "min": "9 packets", "max": "9 packets"}},
            "drop: `min`, 9 packets, is",
        ),
        ({"drop": {"policy": "red", "min": "9 packets", "max": "9 kB"}}, "drop: `min` and `max` are in"),
        ({"drop": {"policy": "red", "weight": 0}}, "drop.weight: 0 is too small"),
        ({"drop": {"policy": "codel", "target": "0 s"}}, 'drop.target: "0 s" is nothing'),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(texts: dict[str, Any], told: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        direction_of(texts)
    assert any(told in str(problem) for problem in caught.value.problems), str(caught.value)
    assert all(problem.remedy for problem in caught.value.problems)


_LINE: dict[str, Any] = {
    "experiment": {"name": "x"},
    "topology": {"kind": "line", "nodes": ["a", "b", "c"]},
}


def links(settings: dict[str, Any], *entries: dict[str, Any], **tables: Any) -> tuple[Link, ...]:
    topology = {**_LINE["topology"], "link": settings}
    data = {**_LINE, "topology": topology, "links": list(entries), **tables}
    return resolve(loads(json.dumps(data), "json")).links


def directions(link: Link) -> tuple[dict[str, Any], dict[str, Any]]:
    return link.forward.texts(), link.backward.texts()


class TestPlaces:
    def test_an_entry_comes_on_top_of_the_topology(self) -> None:
        first, second = links({"delay": "5 ms", "loss": "1 %"}, {"ends": ["a", "b"], "delay": "7 ms"})
        assert directions(first) == ({"delay": "7 ms", "loss": "1 %"},) * 2
        assert directions(second) == ({"delay": "5 ms", "loss": "1 %"},) * 2

    def test_one_direction_comes_on_top_of_both(self) -> None:
        first, _ = links(
            {"delay": "5 ms", "forward": {"delay": "6 ms", "rate": "1 Mbit/s"}},
            {"ends": ["a", "b"], "loss": "1 %", "backward": {"loss": "0 %"}},
        )
        assert directions(first) == (
            {"rate": "1 Mbit/s", "delay": "6 ms", "loss": "1 %"},
            {"delay": "5 ms"},
        )

    def test_forward_is_from_the_first_end_that_the_entry_names(self) -> None:
        first, _ = links({}, {"ends": ["b", "a"], "forward": {"delay": "1 ms"}})
        assert (first.a, directions(first)) == (1, ({}, {"delay": "1 ms"}))

    def test_a_rate_takes_the_place_of_a_trace_said_elsewhere(self) -> None:
        first, second = links({"trace": [["0 s", "5 bit/s"]]}, {"ends": ["a", "b"], "rate": "6 bit/s"})
        assert directions(first)[0] == {"rate": "6 bit/s"}
        assert directions(second)[0] == {"trace": 1}

    def test_the_mtu_is_the_networks(self) -> None:
        first, _ = links({}, network={"mtu": 9000})
        assert first.mtu == 9000

    @pytest.mark.parametrize(
        ("settings", "entry", "key"),
        [
            ({"jitter": "1 ms"}, {}, "topology.link.jitter"),
            ({"jitter": "1 ms", "delay": "1 ms"}, {"delay": "0 s"}, "topology.link.jitter"),
            ({"delay": "1 ms"}, {"backward": {"jitter": "2 ms"}}, "links[0].backward.jitter"),
            ({}, {"forward": {"rate": "1 bit/s", "trace": [["0 s", "1 bit/s"]]}}, "links[0].forward.trace"),
            ({}, {"forward": {"delya": "1 ms"}}, "links[0].forward.delya"),
        ],
    )
    def test_problems_stand_where_it_was_said(
        self, settings: dict[str, Any], entry: dict[str, Any], key: str
    ) -> None:
        with pytest.raises(ScenarioError) as caught:
            links(settings, {"ends": ["a", "b"], **entry})
        assert [problem.key for problem in caught.value.problems] == [key]


class TestWeights:
    @pytest.mark.parametrize(
        ("settings", "entry", "key"),
        [
            ({"discipline": "wrr"}, {}, "topology.link.discipline"),
            ({}, {"backward": {"discipline": "wrr"}}, "links[0].backward.discipline"),
        ],
    )
    def test_weighted_round_robin_needs_one(
        self, settings: dict[str, Any], entry: dict[str, Any], key: str
    ) -> None:
        with pytest.raises(ScenarioError, match="weighted round robin without weights") as caught:
            links(settings, {"ends": ["a", "b"], **entry})
        assert [problem.key for problem in caught.value.problems] == [key]

    def test_of_a_flow_or_of_a_class(self) -> None:
        flow = {"source": "a", "destination": "b", "size": "1 MB", "weight": 2}
        assert links({"discipline": "wrr"}, flows=[flow])
        assert links({"discipline": "wrr"}, classes=[{"match": {"protocol": 6}, "weight": 3}])
        assert links({"discipline": "drr"})

    def test_what_is_not_understood_may_have_one(self) -> None:
        flow = {"source": "a", "destination": "b", "size": 5, "weight": 2}
        with pytest.raises(ScenarioError) as caught:
            links({"discipline": "wrr"}, flows=[flow | {"weight": "x"}])
        assert [problem.key for problem in caught.value.problems] == ["flows[0].size", "flows[0].weight"]


class TestNothingIsBlamedTwice:
    def test_a_refused_delay(self) -> None:
        with pytest.raises(ScenarioError) as caught:
            links({"delay": 5}, {"ends": ["a", "b"], "jitter": "1 ms"})
        assert [problem.key for problem in caught.value.problems] == ["topology.link.delay"]
        with pytest.raises(ScenarioError) as caught:
            links({}, {"ends": ["a", "b"], "delay": 5, "jitter": "1 ms"})
        assert [problem.key for problem in caught.value.problems] == ["links[0].delay"]

    def test_a_refused_mtu(self) -> None:
        with pytest.raises(ScenarioError) as caught:
            links({"rate": "1 Mbit/s", "burst": "1 kB"}, network={"mtu": "576"})
        assert [problem.key for problem in caught.value.problems] == ["network.mtu"]


@settings(max_examples=40)
@given(TEXTS, TEXTS)
def test_any_links_survive_being_written_and_read(forward: dict[str, Any], backward: dict[str, Any]) -> None:
    for way in (forward, backward):
        way |= {"rate": "5 Mbit/s", "delay": "2000 s"}
        if way.get("drop", "tail") == "tail":
            way.pop("ecn", None)
        loss = way.get("loss")
        if isinstance(loss, dict) and loss.get("model"):
            loss["p"] = "3 %"
    entry = {"ends": ["b", "a"], "forward": forward, "backward": backward}
    data = {**_LINE, "links": [entry]}
    network = resolve(loads(json.dumps(data), "json"))
    assert resolve(loads(dump(network))) == network
