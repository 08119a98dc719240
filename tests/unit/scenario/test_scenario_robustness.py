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
from nextmini.scenario import loads, resolve
from nextmini.scenario.examples import example_names, example_text

if TYPE_CHECKING:
    from random import Random

_SMALL = [name for name in example_names() if name not in ("ring-1000", "torus")]
_DATA = [tomllib.loads(example_text(name)) for name in _SMALL]
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
    *("random", "all_pairs", "custom", "memory", "tcp", "quic", "max"),
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
    "x",
]


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
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
        resolve(scenario)


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


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["toml", "yaml", "json"]), st.text(max_size=60))
def test_any_text_is_refused(format: str, text: str) -> None:
    with pytest.raises(ScenarioError):
        loads(text, format)


@settings(max_examples=150, deadline=None)
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
