"""What `python -m bench.peers` makes of measurements, and of what cannot be measured."""

from __future__ import annotations

import pytest
from bench.peers import __main__ as program
from bench.peers.catalogue import Peer
from bench.peers.measurement import PeerLimitError, PeerMissingError, Throughput
from bench.peers.report import Row, document, line, throughputs


def at_most_one(hops: int, seconds: float) -> Throughput:
    if hops > 1:
        raise PeerLimitError(f"{hops} are too many")
    return Throughput(8 * seconds, 0.25)


def missing() -> str:
    raise PeerMissingError("there is no program carrier", "install it: apt install carrier")


def test_each_number_of_hops_has_a_row_with_a_figure_or_the_reason() -> None:
    rows = list(throughputs([Peer("short", lambda: "short 1", at_most_one)], (1, 2), 0.5))
    assert rows == [
        Row("short", "short 1", 1, None, Throughput(4.0, 0.25), None),
        Row("short", "short 1", 2, None, None, "2 are too many"),
    ]
    assert [line(row).split() for row in rows] == [
        ["short", "1", "hops", "gbps", "4", "cpu_seconds_per_gb", "0.25"],
        ["short", "2", "hops", "2", "are", "too", "many"],
    ]


def test_what_is_not_installed_is_not_measured() -> None:
    (row,) = throughputs([Peer("carrier", missing, at_most_one, (1,))], (1, 2), 0.5)
    assert row.measured is None
    assert row.version is None
    assert row.reason == "there is no program carrier; install it: apt install carrier"


def test_a_document_has_the_rows_and_the_machine() -> None:
    made = document([Row("short", "short 1", 1, None, Throughput(4.0, None), None)], 0.5)
    assert made["machine"]["cores"] > 0
    assert made["rows"][0]["measured"] == {"gbps": 4.0, "cpu_seconds_per_gb": None}


def test_the_exit_code_says_that_a_peer_could_not_be_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "PEERS", [Peer("short", lambda: "short 1", at_most_one)])
    assert program.main(["--hops", "1"]) == 0
    assert program.main(["--hops", "2"]) == 1
    assert "2 are too many" in capsys.readouterr().out


def test_an_unknown_peer_is_refused_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        program.main(["--peers", "pigeon"])
    assert "no peer pigeon; there are veth, mininet" in capsys.readouterr().err
