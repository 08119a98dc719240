"""Events of a controller that goes on for one that was killed, at any moment of what they do."""

from __future__ import annotations

import asyncio
import pickle
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from nextmini.controller import Controller, Settings
from nextmini.store import Store

from .fake_dataplane import FOREVER, FakeDataplane

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nextmini.controller.events import Journal

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]

LINE = f"""
[topology]
kind = "line"
nodes = 3
[topology.link]
rate = "10 Mbit/s"
[[flows]]
name = "f"
source = "n1"
destination = "n3"
size = "{FOREVER} B"
[[events]]
at = "0 s"
"""
LINKS = "SELECT id, up, forward, backward FROM links ORDER BY id"
NODES = "SELECT id, up FROM nodes ORDER BY id"
EVENTS = {
    "down": 'link = ["n1", "n2"]\ndown = true\nduration = "100 ms"',
    "set": 'link = ["n2", "n1"]\nset = { delay = "5 ms" }\nduration = "100 ms"',
    "trace": 'link = ["n1", "n2"]\nset = { trace = [["0 s", "1 Mbit/s"]] }\nduration = "100 ms"',
    "rate": 'link = ["n1", "n2"]\nset = { rate = "1 Mbit/s" }\ndirection = "forward"\nduration = "100 ms"',
    "crash": 'node = "n3"\ncrash = true\nduration = "100 ms"',
    "flap": 'link = ["n1", "n2"]\nflap = { period = "40 ms" }\nduration = "80 ms"',
}
MOMENTS = [(number, noted) for number in range(1, 5) for noted in (True, False)]
"""When it is killed: at which note of what it does, after it was written or before."""


class Killed:
    """Notes journals as a controller does, up to the moment at which it is killed."""

    def __init__(self, number: int, noted: bool) -> None:
        self.number, self.noted = number, noted
        self.kept: bytes | None = None
        self.over = asyncio.Event()
        self._times = 0

    def keep(self, journal: Journal) -> None:
        if self.over.is_set():
            raise asyncio.CancelledError
        if self._times < self.number or self.noted:
            self.kept = pickle.dumps(journal)
        if self._times == self.number:
            self.over.set()
            raise asyncio.CancelledError  # of what does events: there is no more of it
        self._times += 1

    def journal(self) -> Journal | None:
        found: Journal | None = None if self.kept is None else pickle.loads(self.kept)
        return found


@asynccontextmanager
async def another(dsn: str, experiment: str, journal: Journal | None, *indices: int) -> AsyncIterator[Any]:
    """A controller that goes on, with processes that come back, and what it keeps."""
    kept: list[Journal] = []
    settings = Settings(
        *(experiment, "run-1", 7, "127.0.0.1:0", 0.05, 3600.0, 1, "secret", "ab" * 32),
        keep_events=lambda journal: kept.append(pickle.loads(pickle.dumps(journal))),
    )
    async with await Store.open(dsn, experiment) as store:
        controller = Controller(store, settings)
        await controller.resume(None, journal)
        await controller.listen()
        fakes = [FakeDataplane(controller.url, "secret", index) for index in indices]
        try:
            for fake in fakes:
                await fake.start()
            yield controller, fakes, kept
        finally:
            await controller.close()
            for fake in fakes:
                await fake.close()


@pytest.mark.parametrize("what", EVENTS)
@pytest.mark.parametrize(("number", "noted"), MOMENTS)
async def test_an_event_is_done_and_undone_though_its_controller_was_killed(
    lab: Any, dsn: str, experiment: str, what: str, number: int, noted: bool
) -> None:
    death = Killed(number, noted)
    async with lab(LINE + EVENTS[what], keep_events=death.keep) as made:
        before = await made.rows(LINKS), await made.rows(NODES)
        await made.connect(0)
        await death.over.wait()
        await made.controller.close()
        async with another(dsn, experiment, death.journal(), 0) as (controller, _, kept):
            await made.until_rows("SELECT status FROM event_state", [("undone",)])
            assert (await made.rows(LINKS), await made.rows(NODES)) == before
            outcome = controller.events.outcomes()[1]
            assert (outcome.status, outcome.reason) == ("applied", None)
        assert all(not journal.begun for journal in kept[-1:])


async def test_what_was_to_happen_meanwhile_happens_then_and_what_has_ended_is_left(
    lab: Any, dsn: str, experiment: str
) -> None:
    more = (
        'link = ["n1", "n2"]\nset = { loss = "1%" }\n'
        '[[events]]\nat = "200 ms"\nnode = "n3"\ncrash = true\n'
        '[[events]]\nat = "1 h"\nnode = "n3"\nrestart = true\n'
    )
    death = Killed(2, True)
    async with lab(LINE + more, keep_events=death.keep) as made:
        await made.connect(0)
        await death.over.wait()
        await made.controller.close()
        # By hand, while there is no controller.
        await made.sql.execute("UPDATE links SET forward = forward - 'loss' WHERE id = 1")
        journal = death.journal()
        assert journal is not None
        async with another(dsn, experiment, journal, 0) as (controller, (fake,), _):
            statuses = [("applied",), ("applied",), ("pending",)]
            await made.until_rows("SELECT status FROM event_state ORDER BY event", statuses)
            assert controller.events.outcomes()[2].applied_after_ms > 0
            assert controller.flows.flows[1].verdict.reason == "node n3 crashed"
            assert await made.rows("SELECT forward ? 'loss', backward ? 'loss' FROM links WHERE id = 1") == [
                (False, True)
            ]
            # Rows that come from now on are heard of.
            await made.sql.execute("UPDATE events SET at = 0 WHERE id = 3")
            await made.until_rows("SELECT status FROM event_state WHERE event = 3", [("applied",)])
            assert [node.up for apply in fake.applies for node in apply.nodes if node.id == 3][-1]


async def test_nothing_happens_until_all_processes_are_back(lab: Any, dsn: str, experiment: str) -> None:
    death = Killed(1, True)
    async with lab(LINE + EVENTS["down"], keep_events=death.keep) as made:
        await made.connect(0)
        await death.over.wait()
        await made.controller.close()
        async with another(dsn, experiment, death.journal()) as (controller, _, kept):
            await controller.until_loaded()
            await controller.until_confirmed(())
            assert kept == []
            fake = FakeDataplane(controller.url, "secret", 0)
            await fake.start()
            await made.until_rows("SELECT status FROM event_state", [("undone",)])
            assert [link.up for apply in fake.applies for link in apply.links if link.id == 1] == [
                *(True, False, True)
            ]
            await fake.close()


async def test_events_of_a_network_without_flows_do_not_happen_twice(
    lab: Any, dsn: str, experiment: str
) -> None:
    head, _, rest = LINE.partition("[[flows]]")
    scenario = f"{head}[[events]]{rest.partition('[[events]]')[2]}"
    death = Killed(2, True)
    async with lab(scenario + EVENTS["crash"].replace("100 ms", "1 h"), keep_events=death.keep) as made:
        await made.connect(0)
        await death.over.wait()
        await made.controller.close()
        (before,) = await made.rows("SELECT applied, applied_after_ms FROM event_state")
        async with another(dsn, experiment, death.journal(), 0) as (controller, (fake,), kept):
            await fake.until(lambda: any(node.id == 3 for apply in fake.applies for node in apply.nodes))
            await controller.until_confirmed(())
            assert kept == []
        assert await made.rows("SELECT applied, applied_after_ms FROM event_state") == [before]


async def test_flows_that_were_not_handed_out_are_held_by_the_next(
    lab: Any, dsn: str, experiment: str
) -> None:
    async with lab(LINE + EVENTS["down"], holds_flows=True) as made:
        await made.connect(0)
        await made.controller.until_in_force()
        await made.controller.close()
        async with another(dsn, experiment, None, 0) as (_, (fake,), kept):
            # As at the beginning of any run, events included.
            await fake.until(lambda: fake.running == {1})
            await made.until_rows("SELECT status FROM event_state", [("undone",)])
            assert kept[0].records == {}
