from __future__ import annotations

import pytest

from nextmini.deaths import MOST, PERIOD_SECONDS
from nextmini.errors import DatabaseError
from nextmini.store.guard import Guard


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_server_that_dies_now_and_then_is_always_started_again(clock: Clock) -> None:
    guard = Guard(clock)
    for deaths in range(1, 3 * MOST):
        assert guard.died([])
        assert guard.restarting
        guard.restarted()
        assert (guard.restarting, guard.restarts) == (False, deaths)
        clock.now += PERIOD_SECONDS / (MOST - 2)


def test_a_server_that_dies_over_and_over_is_given_up_with_its_last_words(clock: Clock) -> None:
    guard = Guard(clock)
    for _ in range(MOST - 1):
        assert guard.died([])
        guard.restarted()
        clock.now += 1
    assert not guard.died(["LOG: ready", "PANIC: no space"])
    assert not guard.restarting
    assert isinstance(guard.failure, DatabaseError)
    assert "died 5 times within 60 seconds" in str(guard.failure)
    assert "PANIC: no space" in str(guard.failure)
