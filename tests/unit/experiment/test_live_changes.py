"""Changes to a running experiment, with a real controller and fake dataplane processes that confirm them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from controller.fake_dataplane import FOREVER

from experiment.test_run import Watcher, scenario
from nextmini.errors import RunError, ScenarioError
from nextmini.experiment import Interrupt, Outcome, RunOptions, run_scenario
from nextmini.live.choice import LiveError, choose_ready
from nextmini.live.flows import add_flow, stop_flow
from nextmini.live.links import Named, set_link, set_up, show
from nextmini.live.routes import add_route, route_entries
from nextmini.live.session import session, until_confirmed
from nextmini.store import LinkUpdate, StateFolder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from nextmini.controller import Progress
    from nextmini.scenario import Scenario
    from nextmini.store.live import LiveStore

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]

TRACES = '[[traces]]\nname = "lte"\nrates = [["0 s", "10 Mbit/s"], ["5 s", "2 Mbit/s"]]\n'


class Lab:
    """An experiment that runs; `outcome` is there once it has ended."""

    def __init__(self, store: LiveStore, run: str) -> None:
        self.store = store
        self.run = run
        self.outcome: Outcome | None = None


class _Ready(Watcher):
    def __init__(self) -> None:
        super().__init__()
        self.event = asyncio.Event()

    def flows_started(self, progress: Callable[[], Progress]) -> None:
        self.event.set()


@asynccontextmanager
async def lab(options: RunOptions, made: Scenario | None = None) -> AsyncIterator[Lab]:
    interrupt, ready = Interrupt(), _Ready()
    background = replace(options, until="stopped", how="up")
    run = asyncio.create_task(
        run_scenario(made or scenario(FOREVER, processes=2), background, interrupt, ready)
    )
    await ready.event.wait()
    state = StateFolder.locate(options.state_dir)
    found = choose_ready(state, None)
    try:
        async with session(state, found) as store:
            entered = Lab(store, found.run)
            yield entered
    finally:
        interrupt.request()
        outcome = await run
    entered.outcome = outcome


async def test_a_link_is_set_as_it_is_named(options: RunOptions) -> None:
    async with lab(options) as entered:
        store = entered.store
        turned = await Named.find(store, "n3", "n2")
        said = {"rate": "5 Mbit/s", "delay": "50 ms"}
        document = await set_link(store, turned, said, "forward")
        assert document["changed"]
        assert document["seconds"] > 0
        assert document["status"] == "up"
        assert document["forward"] == {"from": "n3", "to": "n2", "settings": said}
        assert document["backward"] == {"from": "n2", "to": "n3", "settings": {}}
        straight = await Named.find(store, "n2", "n3")
        assert straight.link.forward.rate is None
        assert straight.link.backward.rate == 5_000_000
        both = await set_link(store, straight, {"delay": "10 ms"}, "both")
        assert both["forward"]["settings"] == {"delay": "10 ms"}
        assert both["backward"]["settings"] == said | {"delay": "10 ms"}
        shown = await show(store, await Named.find(store, "n2", "n3"), entered.run)
        assert shown["backward"]["settings"] == both["backward"]["settings"]
        assert shown["forward"]["counters"].keys() == {
            *("bytes", "packets", "queue", "marked", "duplicated", "datagrams", "oversized", "drops")
        }


async def test_what_is_so_already_is_no_change(options: RunOptions) -> None:
    async with lab(options) as entered:
        named = await Named.find(entered.store, "n1", "n2")
        for said in ({"delay": "0 s"}, {"loss": None}, {"discipline": "fifo"}):
            document = await set_link(entered.store, named, said, "both")
            assert (document["changed"], document["seconds"]) == (False, 0.0)
        assert not (await set_up(entered.store, named, True))["changed"]


async def test_a_link_goes_down_and_up_again(options: RunOptions) -> None:
    async with lab(options) as entered:
        named = await Named.find(entered.store, "n1", "n2")
        for up in (False, True):
            document = await set_up(entered.store, named, up)
            assert (document["up"], document["changed"]) == (up, True)


async def test_a_link_of_a_node_that_is_down_is_not_waited_for(options: RunOptions) -> None:
    async with lab(options) as entered:
        store = entered.store
        await store.set_nodes_up([1], False)
        named = await Named.find(store, "n1", "n2")
        document = await set_up(store, named, False)
        assert (document["changed"], document["up"]) == (True, False)
        assert document["note"].startswith("node n1 is down, and its links with it")


async def test_a_change_that_cannot_be_changes_nothing(options: RunOptions) -> None:
    async with lab(options) as entered:
        named = await Named.find(entered.store, "n1", "n2")
        with pytest.raises(ScenarioError, match=r"link n1 - n2: forward: .*rate"):
            await set_link(entered.store, named, {"rate": "5 MB"}, "forward")
        with pytest.raises(ScenarioError, match="did you mean delay"):
            await set_link(entered.store, named, {"dealy": "5 ms"}, "both")
        with pytest.raises(ScenarioError, match="jitter"):
            await set_link(entered.store, named, {"jitter": "5 ms", "delay": "1 ms"}, "both")
        with pytest.raises(LiveError, match="n1 has links to n2"):
            await Named.find(entered.store, "n1", "n4")
        assert (await Named.find(entered.store, "n1", "n2")).link == named.link


async def test_a_trace_of_the_scenario_is_named(options: RunOptions) -> None:
    async with lab(options, scenario(FOREVER, more=TRACES)) as entered:
        named = await Named.find(entered.store, "n1", "n2")
        document = await set_link(entered.store, named, {"trace": "lte"}, "both")
        assert document["forward"]["settings"] == {"trace": "lte"}
        with pytest.raises(LiveError, match="no trace 'umts'; its traces are lte"):
            await set_link(entered.store, named, {"trace": "umts"}, "both")


async def test_flows_are_added_and_stopped_and_are_in_the_result(options: RunOptions) -> None:
    async with lab(options) as entered:
        store = entered.store
        added = await add_flow(store, {"source": "n1", "destination": "n3", "size": "7 kB"}, wait=True)
        assert (added["name"], added["status"], added["bytes"]) == ("flow-1", "completed", 7000)
        endless = {"source": "n2", "destination": "n4", "name": "endless"}
        begun = await add_flow(store, endless, wait=False)
        assert begun["status"] == "running"
        later = {"source": "n2", "destination": "n4", "name": "later", "size": "1 kB", "start": "1 h"}
        assert (await add_flow(store, later, wait=False))["status"] == "waiting"
        state, stopped = await stop_flow(store, "endless")
        assert (state.status, stopped) == ("stopped", True)
        state, stopped = await stop_flow(store, "flow-1")
        assert (state.status, stopped) == ("completed", False)
    assert entered.outcome is not None
    flows = {flow["name"]: (flow["status"], flow["reason"]) for flow in entered.outcome.document["flows"]}
    assert flows["flow-1"] == ("completed", None)
    assert flows["endless"] == ("stopped", "the flow was removed")
    assert flows["f0"] == ("stopped", "the experiment was taken down")
    series = (entered.outcome.folder / "series" / "flows.csv").read_text()
    assert '"flow-1"' in series
    assert "#" not in series


async def test_a_flow_that_cannot_arrive_fails(options: RunOptions) -> None:
    made = scenario(FOREVER)
    async with lab(options, made) as entered:
        store = entered.store
        named = await Named.find(store, "n1", "n2")
        await _remove_link(store, named.link.id)
        with pytest.raises(RunError, match="no path from n1 to n2"):
            await add_flow(store, {"source": "n1", "destination": "n2", "size": "1 kB"}, wait=True)


async def _remove_link(store: LiveStore, link: int) -> None:
    async with store._connection("the test cannot remove a link") as connection:
        await connection.execute("DELETE FROM links WHERE id = $1", link)


async def test_routes_are_added(options: RunOptions) -> None:
    async with lab(options) as entered:
        made = await add_route(entered.store, ["n4", "n3", "n2"], 5, both=True)
        assert [(route["path"], route["weight"], route["status"]) for route in made] == [
            (["n4", "n3", "n2"], 5, "installed"),
            (["n2", "n3", "n4"], 5, "installed"),
        ]
        entries = route_entries(await entered.store.desired(), await entered.store.states())
        assert [entry for entry in entries if entry["origin"] == "live"] == made


async def test_a_row_that_somebody_has_spoilt_is_told_of(options: RunOptions) -> None:
    async with lab(options) as entered:
        named = await Named.find(entered.store, "n1", "n2")
        with pytest.raises(ScenarioError):
            await entered.store.set_links([LinkUpdate(named.link.id, forward={"nonsense": 1})])

        async def up() -> dict[str, Any] | None:
            shown = await show(entered.store, named, entered.run)
            return shown if shown["status"] != "pending" else None

        # States are written a little after what they tell.
        shown, _ = await until_confirmed(entered.store, up, "the link")
        assert shown["status"] == "up"
