"""What change notices mean, and what of it has to be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from nextmini.controller.changes import TABLES, DesiredReader, changed_rows, ids_by_table
from nextmini.controller.flows import FlowTracker
from nextmini.controller.view import Dirty, NetworkView
from nextmini.errors import DatabaseError
from nextmini.store import RESYNC, Change, Desired, Store

from .rows import flow, link, node, route

if TYPE_CHECKING:
    from collections.abc import Iterable


def change(table: str, *ids: int, op: str = "update") -> Change:
    return Change(table, op, frozenset(ids))


def test_ids_of_a_table_are_gathered_and_other_tables_do_not_matter() -> None:
    changes = [change("nodes", 1), change("nodes", 2, op="insert"), change("events", 3)]
    assert ids_by_table(changes, set()) == {"nodes": frozenset({1, 2})}


@pytest.mark.parametrize("order", [1, -1])
def test_a_change_that_names_no_ids_means_all(order: int) -> None:
    changes = [change("links", 1), Change("links", "truncate", None)]
    assert ids_by_table(changes[::order], set()) == {"links": None}


def test_a_resync_means_everything() -> None:
    own = {5}
    found = ids_by_table([change("nodes", 1), RESYNC], own)
    assert found == dict.fromkeys(TABLES)
    assert own == set()


def test_routes_that_the_controller_made_itself_are_not_read_when_they_are_announced() -> None:
    own = {5, 6, 9}
    assert ids_by_table([change("routes", 5, 6, op="insert")], own) == {}
    assert own == {9}
    assert ids_by_table([change("routes", 9, 10, op="insert")], own) == {"routes": frozenset({10})}
    assert ids_by_table([change("routes", 9)], own) == {"routes": frozenset({9})}


def test_only_what_differs_has_changed() -> None:
    known, read = {1: "a", 2: "b", 3: "c"}, {1: "a", 2: "B", 4: "d"}
    assert changed_rows(known, read, None) == {2: "B", 3: None, 4: "d"}
    assert changed_rows(known, read, frozenset({1, 3, 8})) == {3: None}


class FakeStore:
    """Gives what it is told to; remembers what was asked for."""

    def __init__(self) -> None:
        self.rows = Desired()
        self.asked: list[frozenset[Change]] = []
        self.failure: DatabaseError | None = None

    async def refresh(self, desired: Desired, changes: Iterable[Change]) -> Desired:
        assert desired == Desired()
        self.asked.append(frozenset(changes))
        if self.failure is not None:
            raise self.failure
        return self.rows


def reader() -> tuple[DesiredReader, FakeStore, NetworkView, FlowTracker]:
    store, view, flows = FakeStore(), NetworkView(), FlowTracker()
    return DesiredReader(cast("Store", store), view, flows), store, view, flows


async def load(made: tuple[DesiredReader, FakeStore, NetworkView, FlowTracker], rows: Any) -> Any:
    made[1].rows = rows
    made[0].announce({RESYNC})
    return await made[0].read()


@pytest.mark.asyncio
async def test_reading_brings_the_view_up_to_date_and_tells_what_is_dirty() -> None:
    made = reader()
    desired, store, view, flows = made
    news = await load(
        made,
        Desired(
            nodes={1: node(1), 2: node(2)},
            links={1: link(1, 1, 2)},
            routes={1: route(1, 1, 2)},
            flows={1: flow(1, 1, 2)},
        ),
    )
    assert (news.dirty, news.topology, desired.loaded) == (Dirty({1, 2}, {1}, {1}, {1}), True, True)
    assert flows.unfinished == {1}

    store.rows = Desired()
    desired.announce({change("flows", 1, op="delete"), change("routes", 1, op="delete")})
    news = await desired.read()
    assert (news.dirty, news.ended_flows, news.topology) == (Dirty(routes={1}, flows={1}), [1], False)
    assert (view.routes, view.flows) == ({}, {})
    assert view.nodes.keys() == {1, 2}


@pytest.mark.asyncio
async def test_an_announcement_that_changes_nothing_makes_nothing_dirty() -> None:
    made = reader()
    rows = Desired(nodes={1: node(1)})
    await load(made, rows)
    made[0].announce({change("nodes", 1)})
    assert not (await made[0].read()).dirty
    assert not (await load(made, rows)).dirty


@pytest.mark.asyncio
async def test_nothing_announced_means_nothing_read() -> None:
    desired, store, _, _ = reader()
    assert not (await desired.read()).dirty
    assert store.asked == []
    assert not desired.loaded


@pytest.mark.asyncio
async def test_what_could_not_be_read_is_read_the_next_time() -> None:
    made = reader()
    desired, store, view, _ = made
    store.failure = DatabaseError("away")
    desired.announce({change("nodes", 1)})
    with pytest.raises(DatabaseError):
        await desired.read()
    desired.announce({change("nodes", 2)})
    store.failure, store.rows = None, Desired(nodes={1: node(1), 2: node(2)})
    assert (await desired.read()).dirty.nodes == {1, 2}
    assert store.asked[-1] == {change("nodes", 1, 2)}
    assert view.nodes.keys() == {1, 2}


@pytest.mark.asyncio
async def test_a_flood_of_announcements_is_one_question_however_long_nobody_reads() -> None:
    desired, store, _, _ = reader()
    for number in range(20_000):
        desired.announce({change("links", number % 7), change("routes", number, op="delete")})
    await desired.read()
    everything = Change("routes", "delete", None)
    assert store.asked == [{change("links", *range(7)), everything}]
