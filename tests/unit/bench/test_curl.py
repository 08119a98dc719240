"""What curl is asked, and what is taken from what it says."""

from __future__ import annotations

import asyncio

import pytest

from nextmini.bench import curl
from nextmini.bench.curl import REQUESTS, Download, Way, download, middle_of, rate
from nextmini.errors import RunError


def test_no_settings_of_the_user_change_the_way() -> None:
    direct = Way("127.0.0.1", 80).command("first", "%{num_connects}", 5)
    assert direct[:5] == ("curl", "-q", "-sS", "--noproxy", "*")
    assert direct[-3:] == ("-w", r"%{num_connects}\n", "http://127.0.0.1:80/first")
    through = Way("10.0.0.3", 80, socks=1080).command("2.0", "", 5)
    assert through[3:7] == ("--noproxy", "", "--socks5", "127.0.0.1:1080")
    assert through[-1] == "http://10.0.0.3:80/2.0"


def test_a_download_is_read() -> None:
    assert download("2500000000 2.004\n") == Download(2_500_000_000, 2.004)
    with pytest.raises(RunError, match="cannot be read: 'curl: what'"):
        download("curl: what\n")


def test_downloads_at_once_take_as_long_as_the_longest() -> None:
    downloads = [Download(3_000_000_000, 2.0), Download(2_000_000_000, 1.5)]
    assert rate(downloads, [2_000_000_000, 3_000_000_000]) == (20.0, 5.0)


@pytest.mark.parametrize(
    ("received", "sent", "reason"),
    [
        ([100, 99], [100, 100], r"received \[99, 100\] bytes of \[100, 100\]"),
        ([100], [101], "received"),
        ([100, 0], [0, 100], "nothing came through"),
    ],
)
def test_bytes_that_are_missing_are_no_measurement(received: list[int], sent: list[int], reason: str) -> None:
    with pytest.raises(RunError, match=reason):
        rate([Download(one, 1.0) for one in received], sent)


def test_the_first_byte_is_the_median_of_all_connections() -> None:
    lines = [f"1 1 0.{number:06}" for number in range(REQUESTS)]
    assert middle_of("\n".join(lines)) == pytest.approx((REQUESTS - 1) / 2 / 1e3)


@pytest.mark.parametrize("line", ["0 1 0.001", "1 0 0.001", ""])
def test_each_short_request_has_a_connection_and_a_byte(line: str) -> None:
    lines = ["1 1 0.001"] * (REQUESTS - 1)
    with pytest.raises(RunError, match="cannot be of 50 connections"):
        middle_of("\n".join([*lines, line]))


def test_what_curl_says_of_its_failure_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Way, "command", lambda *_asked: ("sh", "-c", "echo 'curl: (97) no' >&2; exit 97"))
    with pytest.raises(RunError, match=r"curl failed: curl: \(97\) no"):
        asyncio.run(curl.first_byte(Way("127.0.0.1", 1)))
