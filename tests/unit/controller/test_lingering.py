"""How long a path that flows have left is kept for what is under way on it."""

from __future__ import annotations

import pytest

from nextmini.controller.lingering import (
    LEAST_SECONDS,
    MOST_SECONDS,
    STEP_SECONDS,
    empty_at,
    seconds_under_way,
)

from .rows import link, node, view

PLAIN = (link(1, 1, 2), link(2, 2, 3))
NODES = (node(1), node(2), node(3))


def works(_: int) -> bool:
    return True


def test_a_path_is_kept_for_its_delays_and_queues_in_its_own_direction() -> None:
    assert seconds_under_way((1, 2, 3), view(*NODES, *PLAIN), works) == LEAST_SECONDS
    slow = link(2, 2, 3, forward={"delay": "300 ms", "jitter": "10 ms"}, backward={"delay": "5 s"})
    made = view(*NODES, PLAIN[0], slow)
    assert seconds_under_way((1, 2, 3), made, works) == pytest.approx(LEAST_SECONDS + 0.36)
    assert seconds_under_way((3, 2, 1), made, works) == pytest.approx(LEAST_SECONDS + 5)


@pytest.mark.parametrize(
    ("settings", "seconds"),
    [
        ({"rate": "12 Mbit/s"}, 1.0),
        ({"rate": "12 Mbit/s", "queue": "100 packets"}, 0.1),
        ({"rate": "8 Mbit/s", "queue": "500 kB"}, 0.5),
        ({"rate": "1 Mbit/s", "queue": "20 ms"}, 0.02),
        ({"rate": "1 kbit/s"}, MOST_SECONDS - LEAST_SECONDS),
    ],
)
def test_what_a_full_queue_takes_counts(settings: dict[str, str], seconds: float) -> None:
    made = view(*NODES, PLAIN[0], link(2, 2, 3, forward=settings))
    assert seconds_under_way((1, 2, 3), made, works) == pytest.approx(LEAST_SECONDS + seconds)


def test_a_path_that_does_not_work_is_not_waited_for() -> None:
    made = view(*NODES, *PLAIN)
    assert seconds_under_way((1, 2, 3), made, lambda id: id != 2) == 0
    assert seconds_under_way((1, 3), made, works) == 0
    assert seconds_under_way((1, 2, 3), view(node(1), node(2, up=False), node(3), *PLAIN), works) == 0
    assert empty_at((1, 3), made, works, 7.1) == 0
    assert empty_at(None, made, works, 7.1) == 0


def test_numbers_go_together() -> None:
    made = view(*NODES, *PLAIN)
    moments = {empty_at((1, 2, 3), made, works, 7 + at / 1000) for at in range(1, 500)}
    assert moments == {7 + LEAST_SECONDS + STEP_SECONDS}
