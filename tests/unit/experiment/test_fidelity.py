"""The verdict on a run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nextmini.controller.fidelity import FidelityReports
from nextmini.controller.view import NetworkView
from nextmini.experiment.asked import Asked, asked_of
from nextmini.experiment.fidelity import judge
from nextmini.protocol import Fidelity, LinkFidelity, ProcessFidelity, Quantiles
from nextmini.scenario import Direction, Network, loads, resolve

SECOND = 1_000_000_000
WELL = ProcessFidelity(Quantiles(100, 50_000, 90_000, 200_000), 0.01, 0)
ASKED = Asked("a", "b", {"rate": "10 Mbit/s", "delay": "10 ms"}, longest_time=0.010)
TRUE = LinkFidelity(
    link=1,
    node=1,
    lateness=Quantiles(5000, 40_000, 90_000, 300_000),
    busy_ns=SECOND,
    busy_bits=9_990_000,
    asked_bits=10_000_000,
    tried=10_000,
    lost=105,
    expected_lost=100.0,
    variance=99.0,
)


def late(milliseconds: float) -> Quantiles:
    return Quantiles(1000, 1000, round(milliseconds * 1e6), round(milliseconds * 2e6))


def judged(link: LinkFidelity | None = TRUE, asked: Asked = ASKED, **process: Any) -> dict[str, Any]:
    links = {} if link is None else {(link.link, link.node): link}
    return judge(links, {0: replace(WELL, **process)}, {(1, 1): asked}, 1)


def test_a_run_that_did_what_was_asked_is_faithful_and_shows_its_numbers() -> None:
    assert judged() == {
        "verdict": "faithful",
        "reasons": [],
        "links": [
            {
                "from": "a",
                "to": "b",
                "asked": {"rate": "10 Mbit/s", "delay": "10 ms"},
                "lateness_us": {"p50": 40.0, "p99": 90.0, "max": 300.0, "count": 5000},
                "rate_bps": {"asked": 10_000_000, "measured": 9_990_000, "error": -0.001},
                "loss": {"asked": 0.01, "measured": 0.0105, "packets": 10_000},
                "faithful": True,
            }
        ],
        "timer_us": {"p50": 50.0, "p99": 90.0, "max": 200.0},
        "cpu_pressure": 0.01,
        "overruns": 0,
    }


@pytest.mark.parametrize(
    ("changes", "verdict", "said"),
    [
        ({"busy_bits": 9_810_000}, "faithful", None),
        ({"busy_bits": 9_700_000}, "degraded", "9.7 Mbit/s instead of 10 Mbit/s (-3.0%)"),
        ({"busy_bits": 10_300_000}, "degraded", "10.3 Mbit/s instead of 10 Mbit/s (+3.0%)"),
        ({"busy_bits": 8_000_000}, "invalid", "8 Mbit/s instead of 10 Mbit/s (-20.0%)"),
        ({"busy_bits": 0, "busy_ns": SECOND // 10}, "faithful", None),
        ({"busy_bits": 0, "asked_bits": 0}, "faithful", None),
        ({"lateness": late(0.9)}, "faithful", None),
        ({"lateness": late(1.5)}, "degraded", "packets were up to 1.5 ms late (p99)"),
        ({"lateness": late(12)}, "invalid", "packets were up to 12 ms late (p99)"),
        ({"lost": 145}, "faithful", None),
        ({"lost": 160}, "degraded", "1.6 % of 10,000 packets lost instead of 1 %"),
        ({"lost": 40}, "degraded", "0.4 % of 10,000 packets lost instead of 1 %"),
        ({"lost": 205}, "invalid", "2.05 % of 10,000 packets lost instead of 1 %"),
        ({"tried": 99, "lost": 99, "expected_lost": 1.0, "variance": 1.0}, "faithful", None),
        ({"tried": 100, "lost": 100, "expected_lost": 1.0, "variance": 1.0}, "invalid", "100 % of 100"),
    ],
)
def test_a_link_is_judged_by_its_rate_its_lateness_and_its_losses(
    changes: dict[str, Any], verdict: str, said: str | None
) -> None:
    found = judged(replace(TRUE, **changes))
    assert found["verdict"] == verdict
    assert found["links"][0]["faithful"] == (verdict == "faithful")
    if said is None:
        assert found["reasons"] == []
    else:
        (reason,) = found["reasons"]
        assert reason.startswith("link a -> b: ")
        assert said in reason


@pytest.mark.parametrize(
    ("longest", "milliseconds", "verdict"),
    [
        (0.100, 4.0, "faithful"),
        (0.100, 6.0, "degraded"),
        (0.100, 24.0, "degraded"),
        (0.100, 26.0, "invalid"),
        (None, 500.0, "faithful"),
    ],
)
def test_lateness_is_read_against_the_time_that_was_to_be_kept(
    longest: float | None, milliseconds: float, verdict: str
) -> None:
    asked = replace(ASKED, longest_time=longest)
    assert judged(replace(TRUE, lateness=late(milliseconds)), asked)["verdict"] == verdict


def test_a_pattern_need_not_come_to_its_end() -> None:
    pattern = replace(TRUE, tried=150, lost=50, expected_lost=75.0, variance=0.0)
    assert judged(pattern, replace(ASKED, pattern_losses=50))["verdict"] == "faithful"
    assert judged(pattern)["verdict"] == "invalid"


@pytest.mark.parametrize(
    ("process", "said"),
    [
        ({"overruns": 1}, "dataplane process 0 dropped 1 packet that"),
        ({"overruns": 7}, "dataplane process 0 dropped 7 packets that"),
        ({"timer": late(2.5)}, "the machine is busy: a bare timer of dataplane process 0 was up to 2.5 ms"),
    ],
)
def test_a_process_that_could_not_keep_up_degrades_the_run(process: dict[str, Any], said: str) -> None:
    found = judged(**process)
    assert found["verdict"] == "degraded"
    assert found["reasons"][0].startswith(said)
    assert found["links"][0]["faithful"]


def test_the_machine_comes_first_then_the_worst_reason_and_the_worst_process_is_shown() -> None:
    busy = ProcessFidelity(late(3), None, 2)
    bad = replace(TRUE, link=2, busy_bits=5_000_000, lateness=late(3))
    found = judge(
        {(1, 1): TRUE, (2, 1): bad},
        {0: WELL, 1: busy},
        {(1, 1): ASKED, (2, 1): replace(ASKED, target="c")},
        3,
    )
    assert found["verdict"] == "invalid"
    assert [reason.split(":")[0] for reason in found["reasons"]] == [
        "dataplane process 1 dropped 2 packets that it had no room for",
        "the machine is busy",
        "link a -> c",
        "link a -> c",
        "dataplane process 2 has not said how true it was",
    ]
    assert "instead of" in found["reasons"][2]
    assert [link["faithful"] for link in found["links"]] == [True, False]
    assert (found["timer_us"]["p99"], found["cpu_pressure"], found["overruns"]) == (3000.0, 0.01, 2)


@pytest.mark.parametrize(
    ("links", "processes", "said"),
    [
        ({}, {0: WELL}, "no link has a rate, a delay or losses"),
        (
            {(1, 1): replace(TRUE, lateness=Quantiles(), tried=0, busy_ns=0)},
            {0: WELL},
            "no packet crossed a link with a rate, a delay or losses",
        ),
        ({}, {}, "no dataplane process has said how true it was"),
    ],
)
def test_where_nothing_was_measured_nothing_is_claimed(links: Any, processes: Any, said: str) -> None:
    found = judge(links, processes, {(1, 1): ASKED}, 1)
    assert (found["verdict"], found["reasons"]) == ("not_measured", [said])


def test_a_link_that_is_gone_is_not_judged() -> None:
    assert judge({(9, 1): TRUE}, {0: WELL}, {(1, 1): ASKED}, 1)["links"] == []


def test_reports_come_in_parts() -> None:
    reports = FidelityReports()
    reports.take(0, Fidelity(WELL, (TRUE,)))
    reports.take(0, Fidelity(WELL, (replace(TRUE, link=2),)))
    reports.take(1, Fidelity(replace(WELL, overruns=3), (replace(TRUE, node=2),)))
    assert reports.links.keys() == {(1, 1), (2, 1), (1, 2)}
    assert [reports.processes[process].overruns for process in (0, 1)] == [0, 3]


SCENARIO = """
[experiment]
name = "small"
[topology]
kind = "line"
nodes = 3
link = { rate = "12 Mbit/s", delay = "4 ms" }
[[links]]
ends = ["n3", "n1"]
[links.forward]
loss = { pattern = "0011" }
[[events]]
at = "1 s"
link = ["n1", "n3"]
set = { delay = "40 ms" }
direction = "forward"
[[events]]
at = "1 s"
link = ["n2", "n3"]
set = { trace = [["0 s", "1 Mbit/s"], ["5 s", "2 Mbit/s"]] }
"""


def view_of(network: Network, **forward: Any) -> NetworkView:
    """The network at its end, when somebody has changed its first link."""
    view, links = NetworkView(), {link.id: link for link in network.links}
    links[1] = replace(links[1], forward=Direction.model_validate(forward))
    traces = {trace.id: trace for trace in network.traces}
    view.replace({node.id: node for node in network.nodes}, dict(links), {}, {}, {}, dict(traces))
    return view


def test_what_was_asked_is_what_the_scenario_its_events_and_others_said() -> None:
    network = resolve(loads(SCENARIO))
    asked = asked_of(network, view_of(network, loss="1 %"))
    assert asked[1, 1] == Asked("n1", "n2", {"loss": "1 %"}, 0.004)
    assert asked[2, 2].longest_time == pytest.approx(0.006)  # 1,500 bytes at 2 Mbit/s, the most that it was
    pattern = asked[3, 3]
    assert (pattern.source, pattern.target, pattern.pattern_losses) == ("n3", "n1", 2)
    assert (pattern.longest_time, asked[3, 1].longest_time) == (None, 0.04)
