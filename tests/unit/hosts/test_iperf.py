from __future__ import annotations

import json
from typing import Any

import pytest

from nextmini.errors import RunError
from nextmini.hosts.iperf import Bandwidth, Measurement, understood


def said(**end: Any) -> str:
    return json.dumps({"start": {}, "end": end})


def test_of_tcp_both_ends_count() -> None:
    output = said(sum_sent={"bits_per_second": 9.9e6}, sum_received={"bits_per_second": 9.5e6})
    assert understood(output, "a and b") == Bandwidth(9.5e6, 9.9e6)


def test_of_udp_what_was_lost_was_not_received() -> None:
    output = said(sum={"bits_per_second": 10e6, "lost_percent": 25}, sum_sent={"bits_per_second": 10e6})
    assert understood(output, "a and b") == Bandwidth(7.5e6, 10e6, 0.25)


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (
            json.dumps({"end": {}, "error": "error - unable to connect to server: No route"}),
            "unable to connect",
        ),
        ("iperf3: invalid option", "invalid option"),
        ("", "it printed nothing"),
    ],
)
def test_what_failed_is_told(output: str, reason: str) -> None:
    with pytest.raises(RunError, match=f"between a and b cannot be measured: .*{reason}"):
        understood(output, "a and b")


def test_a_test_says_how_long_and_of_udp_how_fast() -> None:
    assert Measurement(seconds=2).words == ["-t", "2", "-i", "0", "-J"]
    assert Measurement("udp", 2.5, "20M").words == ["-t", "2.5", "-i", "0", "-J", "-u", "-b", "20M"]
