"""When what happens."""

from __future__ import annotations

from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nextmini.controller.events.happening import Happening
from nextmini.controller.events.timeline import Step, Timeline, steps

TIMES = st.integers(0, 10**7).map(lambda ms: ms / 1000)
PERIODS = st.integers(20, 10**6).map(lambda ms: ms / 1000)
DUTIES = st.integers(1, 99).map(lambda share: share / 100)


def event(id: int = 1, at: float = 0.0, kind: Any = "down", **more: Any) -> Happening:
    return Happening(id, at, kind, link=("a", "b"), **more)


def flap(at: float, period: float, duty: float, duration: float | None) -> Happening:
    return event(at=at, kind="flap", period=period, duty=duty, duration=duration)


def all_steps(*events: Happening) -> list[Step]:
    timeline, found = Timeline(events), []
    while (step := timeline.peek()) is not None:
        found.append(step)
        timeline.pop()
    return found


def test_an_event_that_lasts_is_one_step_and_one_that_ends_is_two() -> None:
    assert all_steps(event(at=3.0)) == [Step(3.0, 1, does=True)]
    assert all_steps(event(at=3.0, duration=2.0)) == [
        Step(3.0, 1, does=True),
        Step(5.0, 1, does=False, last=True),
    ]


def test_a_flap_begins_with_down_and_is_up_for_its_share() -> None:
    assert [(step.at, step.does) for step in all_steps(flap(1.0, 2.0, 0.25, 5.0))] == [
        *((1.0, True), (2.5, False)),
        *((3.0, True), (4.5, False)),
        *((5.0, True), (6.0, False)),
    ]


@pytest.mark.parametrize("duration", [1.0, 1.5, 2.0])
def test_a_flap_that_is_over_leaves_the_link_as_it_was(duration: float) -> None:
    found = list(steps(flap(0.0, 1.0, 0.5, duration)))
    assert (found[-1].does, found[-1].last) == (False, True)
    assert found[-1].at <= duration


def test_events_come_in_their_order_and_those_of_one_moment_in_that_of_their_rows() -> None:
    found = all_steps(event(3, 1.0), event(2, 1.0, duration=1.0), event(1, 2.0))
    assert [(step.at, step.event, step.does) for step in found] == [
        (1.0, 2, True),
        (1.0, 3, True),
        (2.0, 1, True),
        (2.0, 2, False),
    ]


@example(0.279, 0.02, 0.01, 0.74)
@given(TIMES, PERIODS, DUTIES, st.none() | TIMES.filter(bool))
def test_every_flap_alternates_in_time(at: float, period: float, duty: float, duration: float | None) -> None:
    found = list(islice(steps(flap(at, period, duty, duration)), 200))
    assert found[0] == Step(at, 1, does=True)
    assert [step.does for step in found] == [place % 2 == 0 for place in range(len(found))]
    assert all(one.at < other.at or one.does for one, other in pairwise(found))
    assert all(one.at <= other.at for one, other in pairwise(found))
    assert [step.last for step in found[:-1]] == [False] * (len(found) - 1)
    if duration is None:
        assert len(found) == 200
    elif len(found) < 200:
        assert found[-1].last
        assert found[-1].at <= at + duration
    for place, step in enumerate(found[: -1 if duration else None]):
        begins = at + place // 2 * period
        assert step.at == pytest.approx(begins if step.does else begins + period * (1 - duty))


@given(st.lists(st.tuples(TIMES, st.none() | TIMES.filter(bool)), max_size=20))
def test_nothing_is_forgotten_and_nothing_comes_too_early(given: list[tuple[float, float | None]]) -> None:
    events = [event(id, at, duration=duration) for id, (at, duration) in enumerate(given, 1)]
    found = all_steps(*events)
    assert [step.at for step in found] == sorted(step.at for step in found)
    assert sum(step.does for step in found) == len(events)
    assert sum(step.last for step in found) == sum(event.duration is not None for event in events)
