"""The least time of collective operations, against sums done by hand."""

from __future__ import annotations

import pytest

from nextmini.bench.collectives import Hop, ring_seconds, wire_bytes


def test_each_packet_has_its_headers() -> None:
    assert wire_bytes(1448, 1500) == 1500
    assert wire_bytes(1449, 1500) == 1449 + 2 * 52
    assert wire_bytes(320_000, 1500) == 331_492
    assert wire_bytes(1460, 1500, 40) == 1500


def test_equal_links_take_all_steps_one_after_the_other() -> None:
    hops = [Hop(10e6, 0.010)] * 4
    assert ring_seconds(1_280_000, hops, 1500) == pytest.approx(6 * (331_492 * 8 / 10e6 + 0.010))
    assert ring_seconds(1448 * 2, [Hop(12e3, 0.0)] * 2, 1500) == pytest.approx(2 * 1.0)


def test_delays_alone_are_those_on_the_longest_way_round() -> None:
    hops = [Hop(float("inf"), delay) for delay in (1.0, 2.0, 4.0)]
    # Four hops: all three, and the longest one once more.
    assert ring_seconds(3_000, hops, 1500) == pytest.approx(7.0 + 4.0)
    # Twelve hops are four times round, wherever that begins.
    assert ring_seconds(3_000, hops, 1500, rounds=3) == pytest.approx(4 * 7.0)


def test_a_slow_link_sends_every_piece_and_nobody_waits_for_more() -> None:
    slow, fast = Hop(12e3, 0.0), Hop(float("inf"), 0.5)
    # Four pieces of 1,500 bytes at a second each; the last one then goes on over the other links.
    assert ring_seconds(1448 * 3, [slow, fast, fast], 1500) == pytest.approx(4.0 + 0.0)
    assert ring_seconds(1448 * 3, [slow, fast, Hop(float("inf"), 5.0)], 1500) == pytest.approx(11.5)
