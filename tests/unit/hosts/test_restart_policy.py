"""When programs are started again."""

from __future__ import annotations

from nextmini.hosts.restarts import FIRST_PAUSE_SECONDS, MOST, PERIOD_SECONDS, Restarts


def test_pauses_grow_until_a_program_is_given_up() -> None:
    restarts = Restarts()
    pauses = [restarts.pause(3, 10.0 + n) for n in range(MOST + 2)]
    assert pauses == [FIRST_PAUSE_SECONDS * 2**n for n in range(MOST)] + [None, None]
    assert restarts.count == {3: MOST}


def test_one_program_does_not_count_for_another() -> None:
    restarts = Restarts()
    for n in range(MOST):
        restarts.pause(1, float(n))
    assert restarts.pause(2, float(MOST)) == FIRST_PAUSE_SECONDS


def test_what_was_long_ago_does_not_count() -> None:
    restarts = Restarts()
    for _ in range(MOST):
        restarts.pause(1, 0.0)
    assert restarts.pause(1, PERIOD_SECONDS - 1) is None
    assert restarts.pause(1, PERIOD_SECONDS) == FIRST_PAUSE_SECONDS
