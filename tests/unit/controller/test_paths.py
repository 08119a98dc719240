"""What real paths between sites are like, from counters."""

from __future__ import annotations

from nextmini.controller.paths import Path, Paths
from nextmini.protocol import Drops, LinkCounters


def counted(bytes: int, rtt_us: int | None, link: int = 1, node: int = 1) -> LinkCounters:
    return LinkCounters(link, node, bytes, 0, 0, Drops(), rtt_us=rtt_us)


def test_the_shortest_round_trip_and_the_most_that_passed_in_an_interval_are_kept() -> None:
    paths = Paths(1.0)
    for now, bytes, rtt in ((10.0, 0, 900), (11.0, 1_000_000, 400), (12.1, 1_100_000, 700)):
        paths.take([counted(bytes, rtt)], now)
    assert paths.known == {(1, 1): Path(400, 8_000_000)}


def test_after_a_silence_all_of_it_has_passed_in_the_last_interval() -> None:
    paths = Paths(0.5)
    paths.take([counted(0, 900)], 10.0)
    paths.take([counted(1_000, 900)], 60.0)
    assert paths.known[1, 1].most_bps == 16_000
    # What is reported again at once, as at the end, was not faster for that.
    paths.take([counted(2_000, 900)], 60.001)
    assert paths.known[1, 1].most_bps == 16_000


def test_links_of_which_no_round_trip_is_known_are_none() -> None:
    paths = Paths(1.0)
    paths.take([counted(5, None), counted(9, 80, link=2, node=7)], 1.0)
    assert paths.known == {(2, 7): Path(80, 72)}


def test_a_process_that_counts_from_zero_again_takes_nothing_back() -> None:
    paths = Paths(1.0)
    paths.take([counted(1_000, 80)], 1.0)
    paths.take([counted(0, 90)], 2.0)
    assert paths.known[1, 1] == Path(80, 8_000)
