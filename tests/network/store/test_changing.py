"""Changes to what is desired: links, nodes and flows while an experiment runs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from nextmini.errors import DatabaseError, ScenarioError
from nextmini.scenario import Direction
from nextmini.store import Change, EventState, LinkUpdate

from .networks import ring, with_everything_optional

if TYPE_CHECKING:
    from nextmini.store.connection import Connection
    from nextmini.store.store import Store

pytestmark = pytest.mark.asyncio


def direction(**texts: Any) -> Direction:
    return Direction.model_validate(texts)


class TestLinks:
    async def test_a_change_says_what_was_and_what_is(self, store: Store) -> None:
        await store.begin_run("r", ring(4), "")
        updates = [
            LinkUpdate(3, forward={"rate": "10 Mbit/s"}),
            LinkUpdate(1, up=False),
            LinkUpdate(2, backward={"delay": "5 ms"}, forward={"loss": "1 %"}),
        ]
        changed = await store.set_links(updates)
        links = (await store.desired()).links
        assert [after for _, after in changed] == [links[3], links[1], links[2]]
        assert [before for before, _ in changed] == [ring(4).links[at] for at in (2, 0, 1)]
        assert links[3] == replace(ring(4).links[2], forward=direction(rate="10 Mbit/s"))
        assert links[1] == replace(ring(4).links[0], up=False)
        assert (links[2].forward, links[2].backward) == (direction(loss="1 %"), direction(delay="5 ms"))

    async def test_keys_that_are_not_named_stay_and_none_takes_one_away(self, store: Store) -> None:
        await store.begin_run("r", ring(3), "")
        await store.set_links([LinkUpdate(1, forward={"rate": "1 Gbit/s", "delay": "1 ms", "loss": "1 %"})])
        await store.set_links([LinkUpdate(1, forward={"rate": None, "loss": "0 %", "delay": "2 ms"})])
        assert (await store.desired()).links[1].forward == direction(delay="2 ms")

    async def test_a_rate_takes_the_place_of_a_trace(self, store: Store) -> None:
        await store.begin_run("r", with_everything_optional(), "")
        _, after = (await store.set_links([LinkUpdate(1, backward={"rate": "5 Mbit/s"})]))[0]
        assert (after.backward.rate, after.backward.trace) == (5_000_000, None)
        _, after = (await store.set_links([LinkUpdate(1, backward={"trace": 2})]))[0]
        assert (after.backward.rate, after.backward.trace) == (None, 2)

    async def test_of_several_changes_the_later_come_on_top(self, store: Store) -> None:
        await store.begin_run("r", ring(3), "")
        both = [LinkUpdate(1, forward={"delay": "9 ms"}), LinkUpdate(1, up=False, forward={"jitter": "9 ms"})]
        (_, one), (_, other) = await store.set_links(both)
        assert one == other
        assert (one.up, one.forward) == (False, direction(delay="9 ms", jitter="9 ms"))

    async def test_they_are_one_announcement(self, store: Store) -> None:
        await store.begin_run("r", ring(100), "")
        changes = store.changes()
        await anext(changes)
        await store.set_links([LinkUpdate(id, up=False) for id in range(1, 101)])
        assert await anext(changes) == {Change("links", "update", frozenset(range(1, 101)))}

    @pytest.mark.parametrize(
        ("said", "told"),
        [
            (
                {"jitter": "5 ms"},
                (
                    "link n2 - n3: forward: jitter: 5 ms is more than the delay, 0 s: packets would arrive"
                    ' before they left; write a longer delay, or jitter = { amount = "5 ms", reorder = true }'
                ),
            ),
            ({"delya": "1 ms"}, "link n2 - n3: forward: delya: unknown key; did you mean delay?"),
            (
                {"loss": "101 %"},
                'link n2 - n3: forward: loss: "101 %" is more than all; write at most 100 %',
            ),
        ],
    )
    async def test_what_cannot_be_is_refused_and_changes_nothing(
        self, store: Store, said: dict[str, Any], told: str
    ) -> None:
        await store.begin_run("r", ring(3), "")
        with pytest.raises(ScenarioError) as caught:
            await store.set_links([LinkUpdate(1, up=False), LinkUpdate(2, forward=said)])
        assert str(caught.value) == told
        assert tuple((await store.desired()).links.values()) == ring(3).links

    async def test_a_link_that_is_not_there(self, store: Store) -> None:
        await store.begin_run("r", ring(3), "")
        with pytest.raises(DatabaseError, match="there is no link 4"):
            await store.set_links([LinkUpdate(1, up=False), LinkUpdate(4, up=False)])
        assert (await store.desired()).links[1].up

    async def test_none_is_fine(self, store: Store) -> None:
        assert await store.set_links([]) == []


class TestRowsOfOthers:
    @pytest.mark.parametrize(
        ("forward", "flaw"),
        [
            ({"rate": 5}, 'forward.rate: 5 has no unit; write the unit, as in "5 Mbit/s"'),
            ({"jitter": {"amount": "x"}}, 'forward.jitter.amount: "x" is not a time'),
            ({"ecn": True}, "forward.ecn: only `red` and `codel` mark packets"),
            ([1], "forward: is not a table of settings"),
        ],
    )
    async def test_a_link_that_makes_no_sense_has_a_flaw(
        self, store: Store, sql: Connection, forward: object, flaw: str
    ) -> None:
        await store.begin_run("r", ring(3), "")
        await sql.execute("UPDATE links SET forward = $1 WHERE id = 2", json.dumps(forward))
        links = (await store.desired()).links
        assert links[2].flaw is not None
        assert links[2].flaw.startswith(flaw)
        assert links[2].forward == Direction()
        assert links[1].flaw is links[3].flaw is None

    async def test_a_change_of_a_key_can_mend_it(self, store: Store, sql: Connection) -> None:
        await store.begin_run("r", ring(3), "")
        await sql.execute("""UPDATE links SET forward = '{"rate": 5, "delay": "1 ms"}' WHERE id = 2""")
        _, after = (await store.set_links([LinkUpdate(2, forward={"rate": "5 bit/s"})]))[0]
        assert (after.flaw, after.forward) == (None, direction(rate="5 bit/s", delay="1 ms"))

    async def test_an_unknown_arrival_process_stays_visible(self, store: Store, sql: Connection) -> None:
        await store.begin_run("r", ring(3), "")
        await sql.execute(
            "INSERT INTO flows (id, name, source, destination, arrival)"
            """ VALUES (9, 'odd', 1, 2, '{"process": "never"}')"""
        )
        flow = (await store.desired()).flows[9]
        assert "never" in flow.arrival.process

    async def test_psql_may_write_less_than_everything(self, store: Store, sql: Connection) -> None:
        await store.begin_run("r", ring(4), "")
        await sql.execute("INSERT INTO links (a, b, transport, forward) VALUES (1, 3, 'memory', '{}')")
        await sql.execute("INSERT INTO flows (name, source, destination, kind) VALUES ('u', 1, 3, 'udp')")
        desired = await store.desired()
        assert (desired.links[5].up, desired.links[5].mtu, desired.links[5].forward) == (
            True,
            1500,
            Direction(),
        )
        assert desired.flows[5].arrival.process == "constant"


async def test_nodes_that_are_so_already_are_not_announced(store: Store) -> None:
    await store.begin_run("r", ring(5), "")
    changes = store.changes()
    await anext(changes)
    await store.set_nodes_up([2, 3], False)
    assert await anext(changes) == {Change("nodes", "update", frozenset({2, 3}))}
    await store.set_nodes_up([1, 2, 5], False)
    assert await anext(changes) == {Change("nodes", "update", frozenset({1, 5}))}
    await store.set_nodes_up([1], True)
    up = {id: node.up for id, node in (await store.desired()).nodes.items()}
    assert up == {1: True, 2: False, 3: False, 4: True, 5: False}


async def test_flows_come_back_with_their_numbers(store: Store) -> None:
    await store.begin_run("r", with_everything_optional(), "")
    asked = [replace(flow, name=f"{flow.name}-2", id=99) for flow in with_everything_optional().flows]
    added = await store.add_flows(asked)
    assert added == [replace(flow, id=5 + place) for place, flow in enumerate(asked)]
    assert list((await store.desired()).flows.values())[4:] == added
    with pytest.raises(DatabaseError, match="duplicate key"):
        await store.add_flows([replace(asked[0], name="new"), asked[1]])
    assert len((await store.desired()).flows) == 8
    await store.remove_flows([5, 6, 77])
    assert list((await store.desired()).flows) == [1, 2, 3, 4, 7, 8]
    assert await store.add_flows([]) == []


async def test_what_became_of_events(store: Store) -> None:
    states = [EventState(1, "applied", 2.5, 0.75, 12, None), EventState(2, "failed", reason="no such link")]
    await store.write_event_states(states)
    await store.write_event_states([replace(states[0], status="undone")])
    found = (await store.states()).events
    assert found == {1: replace(states[0], status="undone"), 2: states[1]}
    await store.begin_run("r", ring(3), "")
    assert (await store.states()).events == {}
