"""The controller between a real database and processes that confirm everything."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import ConnectionClosed

from nextmini.controller import controller as controller_module
from nextmini.controller import flow_desk
from nextmini.controller.flow_names import FIRST_ALIAS
from nextmini.errors import RunError
from nextmini.protocol import (
    Applied,
    Apply,
    BrokenLink,
    ClassRecord,
    Datagrams,
    Error,
    Fidelity,
    FlowChange,
    FlowCounters,
    FlowState,
    Hello,
    LinkBroken,
    LinkChange,
    LinkMark,
    LinkState,
    Metrics,
    ProcessFidelity,
    Quantiles,
    RoutesWanted,
    SocksRecord,
    TraceRecord,
)
from nextmini.scenario.network import Routing

from .fake_dataplane import FOREVER, MISMATCH, PANIC

if TYPE_CHECKING:
    from collections.abc import Callable

    from .fake_dataplane import FakeDataplane

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(30)]

ON_DEMAND = Routing(mode="reactive")
LINE = """
processes = 2
[topology]
kind = "line"
nodes = 4
"""
FLOW = """
[[flows]]
name = "{name}"
source = "{source}"
destination = "{destination}"
size = "{size} B"
"""


def flow(source: str, destination: str, size: int = 5000, name: str = "f") -> str:
    return FLOW.format(source=source, destination=destination, size=size, name=name)


def seen(fake: FakeDataplane, what: Callable[[Apply], Any]) -> list[Any]:
    """What `what` picks from each apply, where it picks anything."""
    return [picked for picked in map(what, fake.applies) if picked]


async def wait_until_started(lab: Any) -> None:
    async with asyncio.timeout(10):
        await lab.controller.until_started()


async def wait_until_finished(lab: Any) -> None:
    async with asyncio.timeout(10):
        await lab.controller.until_finished()


async def test_processes_are_told_of_pipes_names_and_entrances(lab: Any) -> None:
    socks = '[[socks]]\nnode = "n1"\nexit = "n4"\nlisten = 9050\n'
    async with lab(LINE + socks, pipe=65_536) as made:
        first, second = await made.connect(0, 1)
        await wait_until_started(made)
        assert first.welcome is not None
        assert first.welcome.pipe == 65_536
        (entrance,) = first.applies[0].nodes[0].socks
        assert entrance == SocksRecord("127.0.0.1:9050", "max", 4, (), 4096)
        assert [one.name for one in second.applies[0].addresses] == ["n1", "n2", "n3", "n4"]


async def test_a_network_from_rows_to_results(lab: Any) -> None:
    async with lab(LINE + flow("n1", "n4")) as made:
        first, second = await made.connect(0, 1)
        await wait_until_started(made)
        await wait_until_finished(made)
        known = made.controller.flows.flows[1]
        assert (known.status, known.bytes, known.path) == ("completed", 5000, (1, 2, 3, 4))
        assert first.welcome is not None
        assert (first.welcome.key, first.welcome.seed, first.welcome.interval_ms) == ("ab" * 32, 7, 50)
        assert seen(first, lambda apply: [node.id for node in apply.nodes]) == [[1, 2]]
        assert seen(second, lambda apply: [link.id for link in apply.links]) == [[2, 3]]
        assert [(link.dial, link.peer) for link in first.applies[0].links] == [
            (False, None),
            (True, "127.0.0.1:9001"),
        ]
        assert seen(second, lambda apply: apply.flows) == []
        await made.until_rows(
            "SELECT status, bytes, route, reason FROM flow_state", [("completed", 5000, 1, None)]
        )
        await made.until_rows("SELECT node, process, status FROM node_state WHERE node = 3", [(3, 1, "up")])
        await made.until_rows("SELECT DISTINCT status FROM link_state", [("up",)])
        progress = made.controller.progress()
        assert (progress.connected, progress.waiting, progress.ended, progress.delivered) == (2, 0, 1, 5000)


async def test_flows_wait_for_every_node_and_link(lab: Any) -> None:
    async with lab(LINE + flow("n1", "n2")) as made:
        (first,) = await made.connect(0)
        await first.until(lambda: first.applies)
        second = made.process(1)
        second.links_up = False
        await second.start()
        await second.until(lambda: second.applies)
        await made.until_rows("SELECT status FROM link_state WHERE link = 2", [("pending",)])
        assert made.controller.describe_waiting() == "link n2 - n3 (not confirmed)"
        assert seen(first, lambda apply: apply.flows) == []
        await second.say(LinkState((LinkChange(2, "up"),)))
        await wait_until_finished(made)
        assert len(seen(first, lambda apply: apply.flows)) == 1


async def test_a_route_is_confirmed_along_its_path_before_its_source_has_it(lab: Any) -> None:
    async with lab(LINE + flow("n1", "n4"), routing=ON_DEMAND) as made:
        first, second = await made.connect(0, 1)
        await first.until(lambda: seen(first, lambda apply: apply.nodes))
        await second.until(lambda: seen(second, lambda apply: apply.nodes))
        second.confirming.clear()
        await first.until(lambda: seen(first, lambda apply: apply.flows))
        # The way back starts at n4, so the first process has that already, and not yet the way there.
        await first.until(lambda: first.routes)
        assert [route.path for route in first.routes.values()] == [(4, 3, 2, 1)]
        second.confirming.set()
        await wait_until_finished(made)
        assert {route.path for route in first.routes.values()} == {(1, 2, 3, 4), (4, 3, 2, 1)}


async def test_routes_on_demand_are_rows_and_asked_for_once(lab: Any) -> None:
    async with lab(LINE + flow("n1", "n4")) as made:
        first, _ = await made.connect(0, 1)
        await wait_until_finished(made)
        query = "SELECT path, weight, origin FROM routes ORDER BY path"
        rows = [([1, 2, 3, 4], 1, "computed"), ([4, 3, 2, 1], 1, "computed")]
        assert await made.rows(query) == rows
        await first.say(RoutesWanted(((1, 4), (4, 1), (1, 4), (2, 3))))
        await first.until(lambda: any(route.path == (2, 3) for route in first.routes.values()))
        assert await made.rows(query) == sorted([*rows, ([2, 3], 1, "computed"), ([3, 2], 1, "computed")])


async def test_a_pair_with_routes_of_its_own_is_given_no_other(lab: Any) -> None:
    ring = LINE.replace("line", "ring") + '[[routes]]\npath = ["n1", "n4", "n3"]\n' + flow("n1", "n3")
    async with lab(ring) as made:
        first, _ = await made.connect(0, 1)
        await wait_until_finished(made)
        await first.say(RoutesWanted(((1, 3), (2, 4))))
        await first.until(lambda: any(route.path[0] == 2 for route in first.routes.values()))
        assert await made.rows("SELECT path FROM routes WHERE path[1] = 1") == [([1, 4, 3],)]
        assert made.controller.flows.flows[1].path == (1, 4, 3)


async def test_a_flow_that_no_path_leads_to_fails_with_the_reason(lab: Any) -> None:
    async with lab(LINE + flow("n1", "n4"), strict=False) as made:
        state = "SELECT link FROM link_state WHERE link = 2"
        await made.until_rows(state, [(2,)])
        await made.sql.execute("DELETE FROM links WHERE id = 2")
        await made.until_rows(state, [])
        await made.connect(0, 1)
        await wait_until_finished(made)
        known = made.controller.flows.flows[1]
        assert (known.verdict.status, known.verdict.reason) == ("failed", "there is no path from n1 to n4")


async def test_rows_that_somebody_changes_take_effect(lab: Any) -> None:
    async with lab(LINE + flow("n1", "n2", FOREVER)) as made:
        first, second = await made.connect(0, 1)
        await wait_until_started(made)
        await made.sql.execute(
            "INSERT INTO nodes (name, address, hop_limit, process) VALUES ('new', '10.9.9.9', 9, 1)"
        )
        await made.sql.execute("INSERT INTO links (a, b, transport) VALUES (1, 5, 'tcp')")
        await made.sql.execute("INSERT INTO flows (name, source, destination, size) VALUES ('g', 5, 1, 70)")
        await second.until(lambda: 2 in second.flows)
        await made.until_rows("SELECT status, bytes FROM flow_state WHERE flow = 2", [("completed", 70)])
        assert made.controller.flows.flows[2].path == (5, 1)

        await made.sql.execute("UPDATE flows SET rate = 1000 WHERE id = 1")
        await first.until(lambda: first.flows[1].rate == 1000)

        await made.sql.execute("DELETE FROM flows WHERE id = 1")
        await first.until(lambda: 1 not in first.flows)
        await made.until_rows(
            "SELECT status, reason FROM flow_state WHERE flow = 1", [("stopped", "the flow was removed")]
        )

        await made.sql.execute("DELETE FROM nodes WHERE name = 'new'")
        await second.until(lambda: seen(second, lambda apply: apply.remove_nodes) == [(5,)])
        await made.until_rows("SELECT node FROM node_state WHERE node = 5", [])
        await made.until_rows(
            "SELECT DISTINCT status, reason FROM route_state JOIN routes ON id = route WHERE 5 = ANY (path)",
            [("rejected", "there is no node 5")],
        )


async def test_a_changed_path_is_a_new_route_that_is_there_before_the_old_one_goes(lab: Any) -> None:
    ring = LINE.replace("line", "ring") + '[[routes]]\npath = ["n1", "n2", "n3"]\nboth = false\n'
    async with lab(ring + flow("n1", "n3", FOREVER)) as made:
        first, second = await made.connect(0, 1)
        await first.until(lambda: 1 in first.running)
        await made.sql.execute("UPDATE routes SET path = '{1,4,3}' WHERE id = 1")
        await first.until(lambda: 1 not in first.routes)
        told = seen(first, lambda apply: ([r.path for r in apply.routes], list(apply.remove_routes)))
        assert [step for step in told if step != ([], [])] == [
            ([(1, 2, 3)], []),
            # No flow takes the old one any more.
            ([(1, 4, 3), (1, 2, 3)], []),
            ([], [1]),
        ]
        await second.until(lambda: 1 not in second.routes)
        await made.until_rows("SELECT route, status FROM route_state WHERE route = 1", [(1, "installed")])
        await first.say(FlowState((FlowChange(1, "source", "running", 0, 0, 0, 0, None, max(first.routes)),)))
        await made.until_rows("SELECT route FROM flow_state", [(1,)])
        assert made.controller.flows.flows[1].path == (1, 4, 3)


async def test_nonsense_in_a_row_is_that_rows_state_and_harms_nothing_else(lab: Any) -> None:
    async with lab(LINE + flow("n1", "n2"), strict=False) as made:
        await made.sql.execute("INSERT INTO routes (path) VALUES ('{1,4}'), ('{1,9}')")
        await made.sql.execute(
            "INSERT INTO flows (name, source, destination, kind) VALUES ('g', 1, 2, 'carrier pigeon')"
        )
        await made.connect(0, 1)
        await wait_until_finished(made)
        await made.until_rows(
            "SELECT status, reason FROM route_state WHERE route < 3 ORDER BY route",
            [("rejected", "there is no link between n1 and n4"), ("rejected", "there is no node 9")],
        )
        await made.until_rows(
            "SELECT flow, status, reason FROM flow_state ORDER BY flow",
            [(1, "completed", None), (2, "failed", "kind 'carrier pigeon' is not in this version")],
        )


class TestLinksThatChange:
    async def test_a_link_that_makes_no_sense_stays_as_it_was_and_says_so(self, lab: Any) -> None:
        async with lab(LINE + flow("n1", "n2", FOREVER)) as made:
            first, _ = await made.connect(0, 1)
            await wait_until_started(made)
            set_forward = "UPDATE links SET forward = $1 WHERE id = 1"
            await made.sql.execute(set_forward, '{"rate": "5 Mbit/s"}')
            await first.until(lambda: first.links[1].forward.rate == 5_000_000)
            await made.sql.execute(set_forward, '{"rate": "5 Mbit"}')
            state = "SELECT status, left(reason, 32) FROM link_state WHERE link = 1"
            await made.until_rows(state, [("rejected", 'forward.rate: "Mbit" is not a un')])
            await made.sql.execute(
                "INSERT INTO flows (name, source, destination, size) VALUES ('g', 1, 3, 70)"
            )
            await made.until_rows("SELECT status FROM flow_state WHERE flow = 2", [("completed",)])
            await made.sql.execute("UPDATE links SET cost = 3 WHERE id = 2")
            await first.until(lambda: first.links[2].cost == 3)
            assert first.links[1].forward.rate == 5_000_000
            await made.sql.execute(set_forward, '{"rate": "6 Mbit/s"}')
            await first.until(lambda: first.links[1].forward.rate == 6_000_000)
            await made.until_rows(state, [("up", None)])

    async def test_where_links_stood_is_offered_to_who_wants_to_know(self, lab: Any) -> None:
        async with lab(LINE) as made:
            marks: asyncio.Queue[tuple[LinkMark, ...]] = asyncio.Queue()
            made.controller.events.marked = marks.put_nowait
            await made.connect(0, 1)
            await wait_until_started(made)
            await made.sql.execute("""UPDATE links SET backward = '{"loss": "5 %"}' WHERE id IN (1, 2)""")
            found = {mark for _ in range(2) for mark in await marks.get()}
            assert found == {LinkMark(1, 1, 7), LinkMark(2, 2, 7)}

    async def test_chunks_of_routes_follow_their_links(self, lab: Any) -> None:
        async with lab(LINE + flow("n1", "n4", FOREVER)) as made:
            first, second = await made.connect(0, 1)
            await wait_until_started(made)
            chunks = {"first": 65_536}

            def there(fake: FakeDataplane) -> bool:
                return {r.path: r.chunk for r in fake.routes.values()} == {
                    (1, 2, 3, 4): chunks["first"],
                    (4, 3, 2, 1): 65_536,
                }

            await first.until(lambda: there(first))
            await made.sql.execute("""UPDATE links SET forward = '{"loss": "5 %"}' WHERE id = 3""")
            chunks["first"] = 1460
            await first.until(lambda: there(first))
            await second.until(lambda: there(second))

    async def test_a_node_that_goes_down_takes_its_links_along(self, lab: Any) -> None:
        async with lab(LINE) as made:
            first, second = await made.connect(0, 1)
            await wait_until_started(made)
            await made.sql.execute("UPDATE nodes SET up = false WHERE id = 3")
            await second.until(lambda: not second.links[2].up and not second.links[3].up)
            await first.until(lambda: not first.links[2].up)
            assert first.links[1].up
            assert [n.up for apply in second.applies for n in apply.nodes if n.id == 3] == [True, False]

    async def test_traces_and_classes_come_before_what_needs_them_and_again(self, lab: Any) -> None:
        scenario = """
processes = 2
[topology]
kind = "line"
nodes = 4
[[links]]
ends = ["n1", "n2"]
trace = [["0 s", "10 Mbit/s"], ["5 s", "2 Mbit/s"]]
[[classes]]
match = { protocol = "udp" }
weight = 3
"""
        async with lab(scenario) as made:
            first, second = await made.connect(0, 1)
            await wait_until_started(made)
            wanted = TraceRecord(1, "rates", 0, 2, 0, ((0, 10_000_000), (5_000_000_000, 2_000_000)))
            classes = (ClassRecord(1, protocol=17, weight=3),)
            assert seen(first, lambda apply: apply.traces) == [(wanted,)]
            assert seen(second, lambda apply: apply.traces) == []
            for fake in (first, second):
                assert seen(fake, lambda apply: apply.classes) == [classes]
            first_with_link = next(at for at, apply in enumerate(first.applies) if apply.links)
            assert first.applies[first_with_link].traces or first.applies[first_with_link - 1].traces
            await made.sql.execute("UPDATE traces SET times = '{0}', \"values\" = '{7}'")
            await first.until(lambda: len(seen(first, lambda apply: apply.traces)) == 2)
            assert first.applies[-1].links
            await made.sql.execute("UPDATE classes SET weight = 4")
            again = replace(classes[0], weight=4)
            await second.until(lambda: seen(second, lambda apply: apply.classes)[-1] == (again,))
            await made.sql.execute("DELETE FROM classes")
            await second.until(lambda: second.applies[-1].classes == ())

            await first.close()
            back = made.process(0)
            back.pid = first.pid
            await back.start()
            await back.until(lambda: back.links and back.applies[-1].links)
            assert seen(back, lambda apply: apply.traces) == [(TraceRecord(1, "rates", 0, 1, 0, ((0, 7),)),)]
            assert back.applies[0].classes == ()


async def test_a_udp_flow_that_nobody_heard_of_ends(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_desk, "SILENCE_SECONDS", 0.0)
    udp = flow("n1", "n2", FOREVER) + 'kind = "udp"\nrate = "1 Mbit/s"\n'
    async with lab(LINE + udp) as made:
        first, _ = await made.connect(0, 1)
        await wait_until_started(made)
        sent = FlowChange(1, "source", "completed", 100, 1.0, 0, 0, datagrams=Datagrams(3))
        await first.say(FlowState((sent,)))
        await wait_until_finished(made)
        known = made.controller.flows.flows[1]
        assert known.verdict.status == "completed"
        assert (known.datagrams.sent, known.datagrams.received) == (3, 0)


async def test_what_a_process_says_of_itself_is_kept(lab: Any) -> None:
    async with lab(LINE) as made:
        first, _ = await made.connect(0, 1)
        await wait_until_started(made)
        said = Fidelity(ProcessFidelity(Quantiles(5, 6, 7, 8), None, 0))
        await first.say(said)
        await first.say(RoutesWanted(((1, 2),)))
        await first.until(lambda: first.routes)
        assert made.controller.fidelity.processes == {0: said.process}


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (("node", 2), "node n2 cannot be set up: dataplane process 0: no"),
        (("link", 2), "link n2 - n3 cannot be set up: dataplane process 0: no"),
        (("route", 1), "route 1 from n1 to n4 cannot be set up: dataplane process 0: no"),
    ],
)
async def test_what_a_process_rejects_at_the_start_is_the_end(
    lab: Any, record: tuple[str, int], message: str
) -> None:
    async with lab(LINE + '[[routes]]\npath = ["n1", "n2", "n3", "n4"]\n' + flow("n1", "n4")) as made:
        fake = made.process(0)
        fake.reject[record] = "no"
        await fake.start()
        await made.connect(1)
        with pytest.raises(RunError) as caught:
            await wait_until_started(made)
        assert str(caught.value) == message


async def test_a_flow_that_a_process_rejects_has_failed_and_the_others_go_on(lab: Any) -> None:
    async with lab(LINE + flow("n1", "n2", name="a") + flow("n2", "n1", name="b")) as made:
        fake = made.process(0)
        fake.reject["flow", 1] = "no room"
        await fake.start()
        await made.connect(1)
        await wait_until_finished(made)
        reasons = [known.verdict.reason for known in made.controller.flows.flows.values()]
        assert reasons == ["dataplane process 0: no room", None]


async def test_a_process_that_comes_back_is_told_everything_again(lab: Any) -> None:
    async with lab(LINE + flow("n1", "n4", FOREVER)) as made:
        first, second = await made.connect(0, 1)
        await first.until(lambda: 1 in first.running)
        await second.close()
        await made.until_rows("SELECT DISTINCT status FROM node_state WHERE process = 1", [("down",)])
        await made.sql.execute("DELETE FROM links WHERE id = 3")
        await made.until_rows("SELECT link FROM link_state WHERE link = 3", [])
        again = made.process(1)
        again.pid += 1
        again.listen = "127.0.0.1:9999"
        await again.start()
        await made.until_rows("SELECT DISTINCT status FROM node_state WHERE process = 1", [("up",)])
        assert {n.id for apply in again.applies for n in apply.nodes} == {3, 4}
        assert {x.id for apply in again.applies for x in apply.links} == {2}
        # It may still have the link that went while it was away, and the routes over that.
        await again.until(lambda: seen(again, lambda apply: apply.remove_links) == [(3,)])
        assert {id for apply in again.applies for id in apply.remove_routes} == {1, 2}
        # The other end dials the new address.
        await first.until(lambda: seen(first, lambda a: [x.peer for x in a.links])[-1] == ["127.0.0.1:9999"])


async def test_a_process_whose_old_connection_is_not_found_dead_yet_may_come_back(lab: Any) -> None:
    async with lab(LINE + flow("n1", "n2", FOREVER)) as made:
        first, _ = await made.connect(0, 1)
        await first.until(lambda: 1 in first.running)
        again = made.process(0)
        await again.start()
        await again.until(lambda: 1 in again.running)
        await first.until(lambda: first.errors)
        assert first.errors == ["this process has connected again"]
        assert made.controller.progress().connected == 2


@pytest.mark.parametrize(
    ("index", "reason"),
    [
        (0, "dataplane process 0 is connected already"),
        (2, "has no dataplane process 2; use --process 0 to 1"),
    ],
)
async def test_processes_that_have_no_business_here(lab: Any, index: int, reason: str) -> None:
    async with lab(LINE + flow("n1", "n2", FOREVER)) as made:
        await made.connect(0, 1)
        await wait_until_started(made)
        stranger = made.process(index)
        stranger.pid = 1
        await stranger.start()
        await stranger.until(lambda: stranger.errors)
        assert stranger.errors[0].endswith(reason)
        assert made.controller.progress().connected == 2


async def test_a_dead_process_fails_the_flows_that_touch_its_nodes_and_no_others(lab: Any) -> None:
    flows = [
        flow("n1", "n2", FOREVER, "inside"),
        flow("n2", "n3", FOREVER, "to"),
        flow("n4", "n1", FOREVER, "from"),
        flow("n3", "n4", FOREVER, "there"),
    ]
    async with lab(LINE + "".join(flows)) as made:
        first, second = await made.connect(0, 1)
        await first.until(lambda: len(first.running) == 2)
        await second.until(lambda: len(second.running) == 2)
        made.controller.process_died(1, "dataplane process 1 was killed by SIGKILL")
        statuses = {known.flow.name: known.status for known in made.controller.flows.flows.values()}
        assert statuses == {"inside": "running", "to": "failed", "from": "failed", "there": "failed"}
        await first.until(lambda: 2 not in first.flows)
        await made.until_rows(
            "SELECT DISTINCT reason FROM flow_state WHERE status = 'failed'",
            [("dataplane process 1 was killed by SIGKILL",)],
        )


async def test_a_process_that_is_lost_and_stays_away_ends_a_strict_run(
    lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controller_module, "COME_BACK_SECONDS", 0.2)
    async with lab(LINE + flow("n1", "n4", FOREVER)) as made:
        first, second = await made.connect(0, 1)
        await first.until(lambda: 1 in first.running)
        await second.close()
        with pytest.raises(RunError, match=r"^dataplane process 1: the connection closed .* 0\.2 seconds$"):
            async with asyncio.timeout(10):
                await made.controller.until_failed()
        assert made.controller.flows.flows[1].verdict.reason.endswith("did not come back within 0.2 seconds")


async def test_a_process_that_came_back_is_not_given_up(lab: Any) -> None:
    async with lab(LINE + flow("n1", "n4", FOREVER)) as made:
        first, second = await made.connect(0, 1)
        await first.until(lambda: 1 in first.running)
        await second.close()
        await made.connect(1)
        await made.until_rows("SELECT DISTINCT status FROM node_state WHERE process = 1", [("up",)])
        # What the clock does when the time for coming back is over.
        made.controller._give_up(1, "dataplane process 1 was lost")
        failure = asyncio.create_task(made.controller.until_failed())
        await asyncio.sleep(0)
        assert not failure.done()
        assert made.controller.flows.flows[1].status == "running"
        failure.cancel()


async def test_a_node_that_fails_takes_its_flows_along(lab: Any) -> None:
    async with lab(LINE + flow("n1", "n2", PANIC, "a") + flow("n3", "n4", name="b")) as made:
        await made.connect(0, 1)
        await wait_until_finished(made)
        verdicts = [known.verdict for known in made.controller.flows.flows.values()]
        assert [(verdict.status, verdict.reason) for verdict in verdicts] == [
            ("failed", "node n1 failed: told to panic"),
            ("completed", None),
        ]
        await made.until_rows(
            "SELECT status, reason FROM node_state WHERE node = 1", [("failed", "told to panic")]
        )


async def test_checksums_that_differ_fail_the_flow(lab: Any) -> None:
    async with lab(LINE + flow("n1", "n2", MISMATCH)) as made:
        await made.connect(0, 1)
        await wait_until_finished(made)
        known = made.controller.flows.flows[1]
        assert (known.status, known.checksum) == ("failed", None)
        assert known.verdict.reason.startswith("checksum mismatch: xxh3:")


async def test_a_broken_link_is_told_to_every_process_with_its_ends(lab: Any) -> None:
    async with lab(LINE + flow("n1", "n2", FOREVER)) as made:
        first, second = await made.connect(0, 1)
        await wait_until_started(made)
        broken = LinkBroken((BrokenLink(2, 2, 3),))
        await second.say(LinkState((LinkChange(2, "down", "reset"),)))
        for fake in (first, second):
            await fake.until(lambda fake=fake: broken in fake.received)
        await made.until_rows("SELECT status, reason FROM link_state WHERE link = 2", [("down", "reset")])
        await second.say(LinkState((LinkChange(2, "up"),)))
        await first.until(lambda: first.received.count(broken) == 2)


async def test_stopping_ends_flows_and_says_why(lab: Any) -> None:
    async with lab(LINE + flow("n1", "n2", FOREVER)) as made:
        first, _ = await made.connect(0, 1)
        await first.until(lambda: 1 in first.running)
        async with asyncio.timeout(10):
            await made.controller.stop_processes()
        made.controller.end_flows("that is enough")
        known = made.controller.flows.flows[1]
        assert (known.status, known.verdict.reason, known.bytes) == ("stopped", "that is enough", FOREVER)
        late = made.process(0)
        await late.start()
        await late.until(lambda: late.errors)
        assert late.errors[0].endswith("is stopping")


async def test_metrics_are_stored_with_what_they_are_of(lab: Any) -> None:
    async with lab(LINE + flow("n1", "n2")) as made:
        await made.connect(0, 1)
        await wait_until_finished(made)
        await made.controller.stop_processes()
        await made.controller.close()
        assert await made.rows("SELECT run, flow, bytes, acknowledged FROM flow_metrics") == [
            ("run-1", 1, 5000, 5000)
        ]
        links = await made.rows("SELECT link, node, bytes, drops->>'down' FROM link_metrics")
        assert links == [(1, 1, 5000, "1")]
        assert made.controller.lost_metrics == 0


async def test_an_error_of_a_process_ends_a_strict_run(lab: Any) -> None:
    async with lab(LINE + flow("n1", "n2", FOREVER)) as made:
        first, _ = await made.connect(0, 1)
        await wait_until_started(made)
        await first.say(Error("what is an apply?"))
        with pytest.raises(RunError, match="dataplane process 0 reports an error: what is an apply"):
            async with asyncio.timeout(10):
                await made.controller.until_failed()


async def test_a_confirmation_of_what_was_never_sent_changes_nothing(lab: Any) -> None:
    async with lab(LINE + flow("n1", "n2", FOREVER)) as made:
        first, _ = await made.connect(0, 1)
        await wait_until_started(made)
        await first.say(Applied(10**9))
        await first.say(Hello(1, 0, 1, "x:1"))
        await first.until(lambda: first.errors)
        assert first.errors == ["Hello is not for the controller"]


async def test_hundreds_of_routes_on_demand_cost_few_statements_and_messages(lab: Any) -> None:
    torus = """
[topology]
kind = "torus"
dimensions = [30, 30]
[[flows]]
name = "f"
between = "random"
count = 300
size = "1 kB"
"""
    async with lab(torus, routing=ON_DEMAND) as made:
        (fake,) = await made.connect(0)
        await wait_until_finished(made)
        progress = made.controller.progress()
        assert (progress.ended, progress.failed) == (300, 0)
        assert len(fake.applies) < 40
        inserted = await made.rows("SELECT count(*), count(DISTINCT xmin::text) FROM routes")
        assert inserted[0][0] > 500
        assert inserted[0][1] < 20


async def test_closing_ends_every_connection_and_can_be_done_twice(lab: Any) -> None:
    async with lab(LINE + flow("n1", "n2", FOREVER)) as made:
        first, _ = await made.connect(0, 1)
        await wait_until_started(made)
        await made.controller.close()
        await made.controller.close()
        assert first.task is not None
        await first.task
        with pytest.raises(ConnectionClosed):
            await first.say(Applied(1))


def of_source(flow_id: int, status: str, reason: str | None = None) -> FlowState:
    return FlowState((FlowChange(flow_id, "source", status, 0, 0.0, 0, 0, None, None, reason),))  # type: ignore[arg-type]


ACROSS = [
    flow("n1", "n2", FOREVER, "inside"),
    flow("n1", "n4", FOREVER, "to"),
    flow("n3", "n1", FOREVER, "from"),
]
"""Of LINE: n1 and n2 are in process 0."""


async def test_flows_with_an_end_in_a_process_that_is_replaced_begin_again(lab: Any) -> None:
    async with lab(LINE + "".join(ACROSS), restarts=True) as made:
        first, second = await made.connect(0, 1)
        await first.until(lambda: len(first.running) == 2)
        await second.until(lambda: len(second.running) == 1)
        made.controller.process_restarts(1, "dataplane process 1 was killed by SIGKILL")
        await second.close()
        await first.until(lambda: set(first.flows) == {1})
        # Late words about what is over.
        await first.say(of_source(2, "failed", "its link broke"))
        third = made.process(1)
        third.pid += 1
        await third.start()
        await first.until(lambda: set(first.flows) == {1, FIRST_ALIAS})
        await third.until(lambda: set(third.running) == {FIRST_ALIAS + 1})
        assert third.flows[FIRST_ALIAS + 1].source == 3
        flows = made.controller.flows.flows
        assert {known.flow.name: (known.status, known.restarts) for known in flows.values()} == {
            "inside": ("running", 0),
            "to": ("running", 1),
            "from": ("running", 1),
        }
        await third.say(of_source(FIRST_ALIAS + 1, "failed", "it has no more to say"))
        await made.until_rows(
            "SELECT flow, reason FROM flow_state WHERE status = 'failed'", [(3, "it has no more to say")]
        )


async def test_what_broke_because_a_process_died_is_not_held_against_flows_that_begin_again(lab: Any) -> None:
    async with lab(LINE + "".join(ACROSS), restarts=True) as made:
        first, second = await made.connect(0, 1)
        await first.until(lambda: len(first.running) == 2)
        await first.say(of_source(2, "failed", "its link broke"))
        await first.say(Metrics(flows=(FlowCounters(2, 5, 5, 0, 0, 0),)))
        await made.until_rows("SELECT DISTINCT flow FROM flow_metrics WHERE acknowledged = 5", [(2,)])
        made.controller.process_restarts(1, "dataplane process 1 was killed by SIGKILL")
        known = made.controller.flows.flows[2]
        assert (known.status, known.restarts, known.bytes) == ("running", 1, 0)
        await second.close()


async def test_a_process_that_somebody_else_started_anew_is_found_out(lab: Any) -> None:
    async with lab(LINE + "".join(ACROSS), strict=False) as made:
        first, second = await made.connect(0, 1)
        await first.until(lambda: len(first.running) == 2)
        await second.until(lambda: len(second.running) == 1)
        await second.close()
        third = made.process(1)
        third.pid += 1
        await third.start()
        await third.until(lambda: len(third.running) == 1)
        assert min(third.running) >= FIRST_ALIAS
        assert [known.restarts for known in made.controller.flows.flows.values()] == [0, 1, 1]
