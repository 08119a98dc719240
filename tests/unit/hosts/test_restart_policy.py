"""When programs are started again."""

from __future__ import annotations

from nextmini.deaths import MOST, PERIOD_SECONDS, Deaths
from nextmini.hosts.restarts import FIRST_PAUSE_SECONDS, Restarts


def test_pauses_grow_until_a_program_is_given_up() -> None:
    restarts = Restarts()
    pauses = [restarts.pause(3, 10.0 + n) for n in range(MOST + 1)]
    assert pauses == [FIRST_PAUSE_SECONDS * 2**n for n in range(MOST - 1)] + [None, None]
    assert restarts.count == {3: MOST - 1}


def test_one_program_does_not_count_for_another() -> None:
    restarts = Restarts()
    for n in range(MOST):
        restarts.pause(1, float(n))
    assert restarts.pause(2, float(MOST)) == FIRST_PAUSE_SECONDS


def test_what_was_long_ago_does_not_count() -> None:
    restarts = Restarts()
    for _ in range(MOST - 1):
        restarts.pause(1, 0.0)
    assert restarts.pause(1, PERIOD_SECONDS) == FIRST_PAUSE_SECONDS


def test_the_last_of_five_deaths_within_a_minute_is_for_good() -> None:
    deaths = Deaths()
    assert [deaths.died(10.0 * n) for n in range(MOST)] == [True] * (MOST - 1) + [False]
    # The first of them is a minute ago, and the others still count.
    assert not deaths.died(PERIOD_SECONDS)
    assert deaths.recent == MOST
    assert deaths.died(3 * PERIOD_SECONDS)
    assert deaths.recent == 1
