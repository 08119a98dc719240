"""What a person reads at the end of a run, and while it goes on."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from nextmini.controller import Progress
from nextmini.experiment.observer import Silent
from nextmini.experiment.options import Outcome
from nextmini.experiment.progress import ProgressLine, progress_on
from nextmini.experiment.quantities import rate, seconds, share, size
from nextmini.experiment.table import print_outcome


def flow(name: str = "bulk", status: str = "completed", **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "source": "a",
        "destination": "d",
        "status": status,
        "bytes": 60_000_000,
        "seconds": 0.25,
        "goodput_bps": 1_920_000_000,
        "route": ["a", "b", "d"],
        "retransmitted": 4,
        "reason": None,
    } | changes


def printed(*flows: dict[str, Any], status: str = "passed", **more: Any) -> list[str]:
    document = {
        "experiment": "two-paths",
        "status": status,
        "folder": "runs/two-paths-1",
        "seconds": 2.516,
        "nodes": 4,
        "links": 1,
        "flows": list(flows),
        "link_stats": [
            {"bytes": 10**9, "drops": {"queue": 2, "loss": 0}},
            {"bytes": 10**9, "drops": {"queue": 1, "loss": 7}},
        ],
    } | more
    file = io.StringIO()
    print_outcome(Outcome(document, Path("runs/two-paths-1")), file)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_a_small_run_shows_each_flow() -> None:
    assert printed(flow(), flow("[odd]", bytes=999_500, route=[])) == [
        "two-paths: passed after 2.52 s (4 nodes, 1 link, 2 flows)",
        "Flow   From  To  Status     Bytes  Seconds      Goodput  Resent  Route",
        "bulk   a     d   completed  60 MB    0.250  1.92 Gbit/s       4  a b d",
        "[odd]  a     d   completed   1 MB    0.250  1.92 Gbit/s       4",
        "All flows: 2 completed; 61 MB delivered; goodput 1.92 Gbit/s to 1.92 Gbit/s, median 1.92 Gbit/s",
        "All links: 2 GB carried; packets dropped: 3 queue, 7 loss",
        "Results: runs/two-paths-1",
    ]


def app(
    name: str, status: str, exit: int | None, command: object, reason: str | None = None
) -> dict[str, Any]:
    return {
        "name": name,
        "node": "a",
        "command": command,
        "status": status,
        "exit": exit,
        "seconds": 1.5,
        "log": f"apps/{name}.log",
        "reason": reason,
    }


def test_programs_are_shown_with_their_commands() -> None:
    apps = [
        app("web", "stopped", None, ["server", "a b", "[x]"]),
        app("client", "failed", 3, "if true\n  then\n" + "x" * 80, "ended with exit status 3"),
    ]
    assert printed(apps=apps)[0].endswith("(4 nodes, 1 link, 0 flows, 2 apps)")
    assert printed(apps=apps)[2:6] == [
        "App     Node  Status   Exit  Seconds  Command",
        "web     a     stopped          1.500  server 'a b' '[x]'",
        f"client  a     failed      3    1.500  if true then {'x' * 44}...",
        "client failed: ended with exit status 3",
    ]
    many = printed(apps=[app(f"a{number}", "completed", 0, "true") for number in range(45)] + apps)
    assert "All apps: 45 completed, 1 failed, 1 stopped" in many
    assert [line.split()[0] for line in many[2:5]] == ["App", "web", "client"]


def test_flows_of_packets_show_what_was_lost() -> None:
    lines = printed(flow(), flow("voice", packets_sent=1000, loss=0.0125))
    assert lines[1].split() == [
        *("Flow", "From", "To", "Status", "Bytes", "Seconds", "Goodput", "Resent", "Lost", "Route")
    ]
    assert [line.split()[10] for line in lines[2:4]] == ["a", "1.250%"]


def test_what_did_not_complete_says_why_and_equal_reasons_once() -> None:
    reason = "dataplane process 1 was killed by SIGKILL; " + "its last words: " * 20
    lines = printed(
        *(flow(name, "failed", reason=reason) for name in ("a1", "a2", "a3", "a4", "a5")),
        flow("b", "stopped", reason="the duration was over"),
        status="failed",
    )
    assert lines[0].startswith("two-paths: failed after")
    assert f"a1, a2, a3 and 2 more failed: {reason.strip()}" in lines
    assert "b stopped: the duration was over" in lines
    assert "All flows: 5 failed, 1 stopped; 360 MB delivered" in lines


def test_of_many_flows_those_that_did_not_complete_are_shown() -> None:
    lines = printed(*(flow(f"f{i}") for i in range(99)), flow("bad", "failed", reason="no path"))
    assert [line.split()[0] for line in lines if " a  " in line] == ["bad"]
    assert any(line.startswith("All flows: 99 completed, 1 failed") for line in lines)
    many = printed(*(flow(f"f{i}", "failed", reason=f"reason {i}") for i in range(100)))
    assert "... and 60 more that did not complete" in many
    assert "... and 90 more reasons, see result.json" in many


def event(what: str, **changes: Any) -> dict[str, Any]:
    return {
        "at": 3.5,
        "what": what,
        "status": "applied",
        "applied_after_ms": 4.123,
        "packets_affected": 1812,
        "marked": False,
        "reason": None,
    } | changes


def test_each_event_says_what_became_of_it() -> None:
    never = {"status": "not_reached", "applied_after_ms": None, "packets_affected": None}
    lines = printed(
        flow(),
        events=[
            event("link a - b down for 2 s"),
            event("node c crashes", packets_affected=0, marked=True),
            event("link a - c up", status="failed", reason="there is no link between a and c"),
            event("partition a | b", at=60.0, **never),
        ],
    )
    at = next(place for place, line in enumerate(lines) if line.lstrip().startswith("At "))
    assert [re.split(r"\s{2,}", line.strip()) for line in lines[at : at + 5]] == [
        ["At", "Event", "Status", "After", "Packets"],
        ["3.5 s", "link a - b down for 2 s", "applied", "4.12 ms", "1,812"],
        ["3.5 s", "node c crashes", "applied", "4.12 ms", "0", "it touched no packet"],
        ["3.5 s", "link a - c up", "failed", "4.12 ms", "1,812", "there is no link between a and c"],
        ["60 s", "partition a | b", "not reached"],
    ]
    many = printed(flow(), events=[event(f"event {number}") for number in range(25)])
    assert "... and 5 more events, see result.json" in many
    assert sum("event " in line for line in many) == 20


@pytest.mark.parametrize(
    ("verdict", "reasons", "line"),
    [
        ("faithful", [], "Fidelity: faithful"),
        ("not_measured", ["no link has a rate"], "Fidelity: not measured: no link has a rate"),
        (
            "invalid",
            ["one", "two", "three", "four", "five"],
            "Fidelity: invalid: one; two; three; and 2 more",
        ),
    ],
)
def test_fidelity_is_one_line(verdict: str, reasons: list[str], line: str) -> None:
    assert line in printed(flow(), fidelity={"verdict": verdict, "reasons": reasons})


def test_a_long_route_is_abridged() -> None:
    route = [f"n{i}" for i in range(1, 502)]
    assert any(line.endswith("n1 ... n501 (500 links)") for line in printed(flow(route=route)))


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (999, "999 B"), (999.6, "1 kB"), (1500, "1.5 kB"), (999_600, "1 MB"), (2e18, "2e+03 PB")],
)
def test_sizes_have_three_digits(number: float, text: str) -> None:
    assert size(number) == text
    assert rate(1_234_567_890) == "1.23 Gbit/s"
    assert [seconds(time) for time in (2e-8, 0.0015, 0.25, 1.5, 2000)] == [
        *("20 ns", "1.5 ms", "250 ms", "1.5 s", "2e+03 s")
    ]
    assert [share(part) for part in (0, 0.00125, 1)] == ["0 %", "0.125 %", "100 %"]


def shown(line: ProgressLine) -> str:
    file = io.StringIO()
    Console(file=file, width=120).print(line.render())
    return file.getvalue()


def test_the_progress_line_tells_phase_flows_and_rate() -> None:
    now = [100.0]
    line = ProgressLine(lambda: now[0])
    line.phase("starting the database")
    assert "starting the database" in shown(line)
    state = Progress(connected=1, waiting=0, flows=10, ended=0, failed=0, delivered=0)
    line.flows_started(lambda: state)
    assert "0 s: 0 of 10 flows ended, 0 B delivered, 0 bit/s" in shown(line)
    now[0], state = 102.0, Progress(1, 0, 10, 4, 1, 5_000_000)
    assert "2 s: 4 of 10 flows ended (1 failed), 5 MB delivered, 20 Mbit/s" in shown(line)
    now[0], state = 102.5, Progress(1, 0, 10, 9, 1, 9_000_000)
    assert "9 MB delivered, 20 Mbit/s" in shown(line)
    line.phase("stopping")
    assert "stopping" in shown(line)


def test_progress_is_for_terminals() -> None:
    file = io.StringIO()
    with progress_on(file) as observer:
        assert isinstance(observer, Silent)
        observer.phase("starting the database")
    assert file.getvalue() == ""


def test_on_a_terminal_the_line_is_gone_at_the_end() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    file = Terminal()
    with progress_on(file) as observer:
        observer.phase("starting the database")
    text = file.getvalue()
    assert "starting the database" in text
    # The last thing that is written is that the line is erased.
    assert text.rstrip("\x1b[?25h").endswith("\x1b[2K")


def demand(name: str = "web", **changes: Any) -> dict[str, Any]:
    times = {"p50": 0.012, "p95": 0.2, "p99": 0.34, "mean": 0.05}
    slow = {"p50": 1.25, "p95": 2.0, "p99": 12.345}
    measured = {"completion_seconds": times, "slowdown": slow}
    one = {"sizes": "at most 100 kB", "flows": 1200, "completed": 1199, **measured}
    none = {"sizes": "more than 10 MB", "flows": 0, "completed": 0, **dict.fromkeys(measured)}
    return {
        **{"name": name, "flows": 1500, "completed": 1499, "failed": 1, "stopped": 0, "bytes": 10**9},
        **{"offered_bps": 10**9, "carried_bps": 999_000_000, **measured, "sizes": [one, none]},
    } | changes


def test_demands_have_a_row_each_and_one_for_each_class_of_sizes() -> None:
    constant = demand("flat", offered_bps=None, completion_seconds=None, slowdown=None, sizes=[])
    lines = printed(flow(), demands=[demand(), constant])
    at = next(place for place, line in enumerate(lines) if line.startswith("Demand"))
    assert [re.split(r"\s{2,}", line.strip()) for line in lines[at : at + 4]] == [
        [
            *("Demand", "Flows", "Completed", "Offered", "Carried"),
            *("Time p50", "p99", "mean", "Slowdown p50", "p99"),
        ],
        ["web", "1,500", "1,499", "1 Gbit/s", "999 Mbit/s", "12 ms", "340 ms", "50 ms", "1.25", "12.3"],
        ["at most 100 kB", "1,200", "1,199", "12 ms", "340 ms", "50 ms", "1.25", "12.3"],
        ["flat", "1,500", "1,499", "999 Mbit/s"],
    ]


def test_many_demands_are_told_in_part() -> None:
    lines = printed(flow(), demands=[demand(f"d{number}", sizes=[]) for number in range(13)])
    assert "... and 3 more demands, see result.json" in lines
    assert sum(line.startswith("d") for line in lines) == 10


def test_algorithms_are_shown_with_why_they_failed() -> None:
    fine = {"name": "detour", "status": "stopped", "restarts": 0, "decisions": 1200, "reason": None}
    broken = {
        "name": "[odd]",
        "status": "failed",
        "restarts": 5,
        "decisions": 0,
        "reason": "on_start: KeyError",
    }
    lines = printed(flow(), algorithms=[fine, broken])
    assert lines[-4:-1] == [
        "Algorithm  Status   Restarts  Decisions",
        "detour     stopped         0      1,200",
        "[odd]      failed          5          0  on_start: KeyError",
    ]
