"""Events of a scenario, between a real database and processes that confirm everything."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nextmini.protocol import Drops, LinkCounters, Metrics

from .fake_dataplane import FOREVER, FakeDataplane

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(30)]

LINE = """
[topology]
kind = "line"
nodes = 4
"""


def event(at: str, what: str) -> str:
    return f'[[events]]\nat = "{at}"\n{what}\n'


def flow(name: str, source: str, destination: str, more: str = "") -> str:
    return (
        f'[[flows]]\nname = "{name}"\nsource = "{source}"\ndestination = "{destination}"\n'
        f'size = "{FOREVER} B"\n{more}\n'
    )


async def until_statuses(made: Any, *statuses: str) -> None:
    await made.until_rows("SELECT status FROM event_state ORDER BY event", [(one,) for one in statuses])


def ups(fake: FakeDataplane, id: int) -> list[bool]:
    """What a process was told of a link, one after the other."""
    return [link.up for apply in fake.applies for link in apply.links if link.id == id]


async def test_an_event_takes_effect_is_counted_and_undone(lab: Any) -> None:
    down = event("50 ms", 'link = ["n2", "n1"]\ndown = true\nduration = "50 ms"')
    async with lab(LINE + down) as made:
        fake = made.process(0)
        fake.entering = 30
        await fake.start()
        await until_statuses(made, "undone")
        assert ups(fake, 1) == [True, False, True]
        found = made.controller.events.outcomes()[1]
        assert (found.at, found.what, found.status) == (0.05, "link n1 - n2 down for 50 ms", "applied")
        assert (found.packets_affected, found.without_effect, found.reason) == (30, False, None)
        assert found.applied_after_ms > 0
        ((applied, late, packets),) = await made.rows(
            "SELECT applied, applied_after_ms, packets_affected FROM event_state"
        )
        assert applied >= 0.05
        assert (late, packets) == (found.applied_after_ms, 30)


async def test_every_phase_of_a_flap_is_told_and_its_down_phases_count(lab: Any) -> None:
    flaps = event(
        "0 s", 'link = ["n1", "n2"]\nflap = { period = "20 ms", duty = "25 %" }\nduration = "60 ms"'
    )
    async with lab(LINE + flaps) as made:
        fake = made.process(0)
        fake.entering = 10
        await fake.start()
        await until_statuses(made, "undone")
        assert ups(fake, 1) == [True, *[False, True] * 3]
        assert made.controller.events.outcomes()[1].packets_affected == 30


async def test_settings_come_back_as_they_were(lab: Any) -> None:
    scenario = (
        LINE
        + 'link = { rate = "10 Mbit/s" }\n'
        + event("0 s", 'link = ["n1", "n2"]\nset = { delay = "5 ms" }\ndirection = "forward"')
        + event("20 ms", 'link = ["n1", "n2"]\nset = { trace = [["0 s", "1 Mbit/s"]] }\nduration = "60 ms"')
        + event("40 ms", 'link = ["n1", "n2"]\nset = { delay = "7 ms" }\nduration = "20 ms"')
    )
    async with lab(scenario) as made:
        (fake,) = await made.connect(0)
        await until_statuses(made, "applied", "undone", "undone")
        told = [link.forward for apply in fake.applies for link in apply.links if link.id == 1]
        assert [(way.rate, way.trace, way.delay_ns) for way in told] == [
            (10_000_000, None, 0),
            (10_000_000, None, 5_000_000),
            (None, 1, 5_000_000),
            (None, 1, 7_000_000),
            (None, 1, 5_000_000),
            (10_000_000, None, 5_000_000),
        ]
        assert fake.links[1].backward.delay_ns == 0


async def test_events_of_one_moment_are_one_change(lab: Any) -> None:
    cut = event("10 ms", 'partition = [["n1"], ["n2"]]')
    async with lab(LINE + cut + event("10 ms", 'link = ["n3", "n4"]\ndown = true')) as made:
        (fake,) = await made.connect(0)
        await until_statuses(made, "applied", "applied")
        (changed,) = [apply for apply in fake.applies if any(not link.up for link in apply.links)]
        assert {link.id for link in changed.links} == {1, 3}


async def test_of_a_link_each_change_takes_effect_though_they_are_due_together(lab: Any) -> None:
    ends = 'link = ["n1", "n2"]\n'
    scenario = LINE + event("0 s", f"{ends}down = true") + event("0 s", f"{ends}up = true")
    async with lab(scenario) as made:
        fake = made.process(0)
        fake.entering = 5
        await fake.start()
        await until_statuses(made, "applied", "applied")
        assert ups(fake, 1) == [True, False, True]
        # What comes after `up` counts for it, as the newest counters say.
        await fake.say(Metrics((LinkCounters(1, 1, 0, 0, 0, Drops(), fake.entered + 40),)))
        await made.controller.close()
        outcomes = made.controller.events.outcomes()
        assert [outcomes[id].packets_affected for id in (1, 2)] == [5, 45]


async def test_a_crash_fails_flows_that_begin_or_end_there(lab: Any) -> None:
    udp = 'kind = "udp"\nrate = "1 Mbit/s"'
    scenario = (
        LINE
        + flow("passes", "n1", "n3")
        + flow("begins", "n2", "n4")
        + flow("ends", "n1", "n2")
        + flow("lost", "n1", "n2", udp)
        + flow("silent", "n2", "n1", udp)
        + event("100 ms", 'node = "n2"\ncrash = true\nduration = "50 ms"')
    )
    async with lab(scenario) as made:
        (fake,) = await made.connect(0)
        await fake.until(lambda: fake.running == {1, 2, 3, 4, 5})
        await until_statuses(made, "undone")
        assert [node.up for apply in fake.applies for node in apply.nodes if node.id == 2] == [
            True,
            False,
            True,
        ]
        await fake.until(lambda: fake.flows.keys() == {1, 4})
        flows = made.controller.flows.flows
        assert {flow.flow.name: flow.status for flow in flows.values()} == {
            **{"passes": "running", "begins": "failed", "ends": "failed"},
            **{"lost": "running", "silent": "failed"},
        }
        assert flows[2].verdict.reason == "node n2 crashed"


async def test_what_cannot_be_done_fails_with_the_reason_and_the_rest_is_done(lab: Any) -> None:
    other = event("0 s", 'link = ["n2", "n3"]\ndown = true')
    scenario = LINE + "".join([event("0 s", 'link = ["n1", "n2"]\ndown = true')] * 3) + other
    async with lab(scenario, strict=False) as made:
        for id, what in (
            (1, '{"link": ["n1", "n2"], "set": {"rate": "5 Mbit"}}'),
            (2, '{"link": ["n3", "n4"], "down": true}'),
            (3, '{"link": ["n1", "n2"], "down": "often"}'),
        ):
            await made.sql.execute("UPDATE events SET what = $2 WHERE id = $1", id, what)
        await made.until_rows("SELECT link FROM link_state WHERE link = 3", [(3,)])
        await made.sql.execute("DELETE FROM links WHERE id = 3")
        await made.until_rows("SELECT link FROM link_state WHERE link = 3", [])
        await made.connect(0)
        await until_statuses(made, "failed", "failed", "failed", "applied")
        outcomes = made.controller.events.outcomes()
        assert "is not a unit" in outcomes[1].reason
        assert outcomes[2].reason == "there is no link between n3 and n4"
        assert "cannot be understood" in outcomes[3].reason
        assert (outcomes[3].what, outcomes[3].applied_after_ms) == ("event 3", None)


async def test_what_a_process_refuses_fails(lab: Any) -> None:
    async with lab(LINE + event("0 s", 'link = ["n1", "n2"]\ndown = true'), strict=False) as made:
        fake = made.process(0)
        fake.reject["link", 1] = "no"
        await fake.start()
        await until_statuses(made, "failed")
        assert made.controller.events.outcomes()[1].reason == "dataplane process 0: no"


async def test_what_was_not_reached_says_so(lab: Any) -> None:
    later = event("1 h", 'link = ["n1", "n2"]\ndown = true\nrequire_effect = true')
    async with lab(LINE + later) as made:
        await made.connect(0)
        await until_statuses(made, "pending")
        await made.controller.stop_processes()
        outcome = made.controller.events.outcomes()[1]
        assert (outcome.status, outcome.packets_affected, outcome.require_effect) == (
            "not_reached",
            None,
            True,
        )
        assert not outcome.without_effect


async def test_an_event_waits_for_a_process_that_is_away(lab: Any) -> None:
    scenario = "processes = 2\n" + LINE + event("100 ms", 'partition = [["n1", "n3"], ["n2", "n4"]]')
    async with lab(scenario) as made:
        first, second = await made.connect(0, 1)
        async with asyncio.timeout(10):
            await made.controller.until_started()
        await second.close()
        await first.until(lambda: not first.links[1].up)
        assert made.controller.events.outcomes()[1].status == "not_reached"
        again = made.process(1)
        again.pid = second.pid
        await again.start()
        await until_statuses(made, "applied")
        assert ups(again, 2) == ups(again, 3) == [False]
