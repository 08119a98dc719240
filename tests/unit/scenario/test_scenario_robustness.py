"""Whatever stands in a scenario: it is understood, or refused with problems, and nothing else happens."""

from __future__ import annotations

import json
import tomllib
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextmini.errors import ScenarioError
from nextmini.scenario import dump, loads, resolve
from nextmini.scenario.examples import example_names, example_text

if TYPE_CHECKING:
    from random import Random

_SMALL = [name for name in example_names() if name not in ("ring-1000", "ring-10000", "torus")]
_LINKS = """
[experiment]
name = "x"
duration = "30 s"
[topology]
kind = "line"
nodes = ["a", "b", "n1"]
link = { rate = "100 Mbit/s", burst = "15 kB", forward = { delay = "5 ms", jitter = "1 ms" } }
[[links]]
ends = ["b", "a"]
trace = "lte"
drop = "codel"
forward = { loss = { model = "gilbert-elliott", p = "0.1 %" }, queue = ["5 packets", "10 ms"] }
[[links]]
ends = ["a", "n1"]
trace = { rates = [["0 s", "10 Mbit/s"], ["5 s", "0 bit/s"]], period = "10 s" }
backward = { drop = { policy = "red", max = "9 packets" }, ecn = true, jitter = { amount = "0 s" } }
[[traces]]
name = "lte"
opportunities = [1, 1, 3]
[[classes]]
match = { source = "a", protocol = "udp" }
weight = 3
[[flows]]
source = "a"
destination = "n1"
kind = "udp"
rate = "1 Mbit/s"
arrival = { process = "on_off", on = "1 s", off = "2 s" }
[[events]]
at = "3 s"
link = ["b", "a"]
set = { delay = "50 ms", trace = [["0 s", "3 Mbit/s"]], loss = "0 %" }
direction = "forward"
[[events]]
at = "1 s"
link = ["b", "a"]
flap = { period = "1 s" }
[[events]]
at = "1 s"
partition = [["a"], ["b", "n1"]]
"""
_MAX = """
[experiment]
name = "x"
[network]
isolation = "namespace"
[topology]
kind = "line"
nodes = ["a", "b", "n1"]
[max]
transparent = true
ports = [80]
pipe = "64 KiB"
[[nodes]]
name = "b"
max = { transparent = false }
[[nodes]]
name = "a"
max = { ports = [443, 8080] }
[[socks]]
node = "a"
exit = "n1"
[[socks]]
node = "b"
listen = "[::]:80"
mode = "normal"
"""
_DATA = [tomllib.loads(text) for text in (*map(example_text, _SMALL), *[_LINKS, _MAX] * 6)]
_VALUES: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        3,
        10**30,
        1.5,
        -0.0,
        "",
        "a",
        "n1",
        "é",
        "1 s",
        "5 MB",
        "1 Mbit/s",
        "10.0.0.1",
    ),
    *([], ["a"], ["a", "b"], [1, 2], [[]], {}, {"a": 1}, [{}], [{"ends": ["a", "b"]}], {"kind": "ring"}),
    *([80], {"transparent": True}, {"ports": [80]}, "127.0.0.1:80", 80, "none", "namespace", "64 KiB"),
    *("random", "all_pairs", "custom", "memory", "tcp", "quic", "tls", "max"),
    *("5 %", "10 packets", "red", "wrr", "udp", "poisson", [["0 s", "5 bit/s"]], {"delay": "1 ms"}),
    *(
        {"policy": "red"},
        {"policy": []},
        {"model": []},
        {"pattern": "01"},
        {"amount": "1 ms"},
        [["a"], ["b"]],
    ),
]
_KEYS = [
    "name",
    "nodes",
    "links",
    "kind",
    "ends",
    "path",
    "size",
    "between",
    "count",
    "link",
    "rate",
    "events",
    *("classes", "traces", "trace", "forward", "set", "loss", "drop", "jitter", "queue", "discipline"),
    *("match", "arrival", "flap", "partition", "down", "duration", "rates", "ecn"),
    *("congestion", "family", "weight"),
    *("max", "socks", "transparent", "ports", "listen", "exit", "users", "isolation"),
    "x",
]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(_DATA), st.integers(1, 5), st.randoms(use_true_random=False))
def test_any_change_is_understood_or_refused(data: dict[str, Any], changes: int, random: Random) -> None:
    changed = json.loads(json.dumps(data))
    for _ in range(changes):
        _change(changed, random)
    try:
        scenario = loads(json.dumps(changed), "json")
    except ScenarioError as error:
        assert error.problems
        assert all(problem.key and problem.message for problem in error.problems)
        assert len(set(error.problems)) == len(error.problems)
    else:
        network = resolve(scenario)
        assert resolve(loads(dump(network))) == network


def _change(data: Any, random: Random) -> None:
    """Sets, adds or removes something anywhere in `data`."""
    place = data
    while True:
        inner = list(place.values()) if isinstance(place, dict) else place
        deeper = [value for value in inner if isinstance(value, dict | list) and value]
        if not deeper or random.random() < 0.3:
            break
        place = random.choice(deeper)
    if isinstance(place, dict):
        key = random.choice([*place, *_KEYS])
        if key in place and random.random() < 0.4:
            del place[key]
        else:
            place[key] = deepcopy(random.choice(_VALUES))
    elif place and random.random() < 0.4:
        del place[random.randrange(len(place))]
    else:
        place.insert(random.randrange(len(place) + 1), deepcopy(random.choice([*_VALUES, *place])))


@settings(max_examples=150)
@given(st.sampled_from(["toml", "yaml", "json"]), st.text(max_size=60))
def test_any_text_is_refused(format: str, text: str) -> None:
    with pytest.raises(ScenarioError):
        loads(text, format)


@settings(max_examples=150)
@given(st.sampled_from(_SMALL), st.data())
def test_a_file_that_was_damaged_is_understood_or_refused(name: str, data: st.DataObject) -> None:
    text = example_text(name)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    damaged = text[:start] + data.draw(st.text(st.sampled_from("[]{}=\"'.,\n# a1"), max_size=4)) + text[end:]
    try:
        loads(damaged)
    except ScenarioError as error:
        lines = damaged.count("\n") + 1
        assert all(problem.line is None or 1 <= problem.line <= lines for problem in error.problems)
