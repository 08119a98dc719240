"""One experiment's place in PostgreSQL: the only thing that the controller and algorithms share."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Self, TypeVar

import asyncpg

from nextmini.errors import DatabaseError
from nextmini.store import changing, growing, reading, writing
from nextmini.store.claim import Claim, close_connection
from nextmini.store.connection import FAILURES, connect, database_errors, server_settings
from nextmini.store.guard import Guard
from nextmini.store.listener import Listener
from nextmini.store.migrate import migrate
from nextmini.store.naming import Naming
from nextmini.store.patience import AGAIN_SECONDS, patiently

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
    from types import TracebackType

    from nextmini.scenario.network import Flow, Link, Network, Node, Route
    from nextmini.store.connection import Connection
    from nextmini.store.naming import Topic
    from nextmini.store.rows import (
        Actual,
        AlgorithmState,
        Change,
        Desired,
        EventState,
        FlowMetric,
        LinkMetric,
        LinkUpdate,
        Run,
    )

T = TypeVar("T")

# With the claim and a listener a controller takes six connections.
_MOST_CONNECTIONS = 4
# Nothing here takes long; a server that hangs must not hang us.
_COMMAND_SECONDS = 60.0
_CLOSE_SECONDS = 5.0


async def _nothing_to_reset(_connection: object) -> None:
    """Nothing here changes a session beyond its transaction, which asyncpg has ended by then."""


class Store:
    """Reads and writes an experiment's rows.

    Every method raises DatabaseError if PostgreSQL cannot be used, at once if it has died; `patiently` does
    again what cannot wait for another time. Each reads one snapshot or writes one transaction, and may be
    called while others run.
    """

    def __init__(
        self, dsn: str, naming: Naming, pool: asyncpg.Pool[asyncpg.Record], guard: Guard | None = None
    ) -> None:
        """For `open`, which see."""
        self._dsn = dsn
        self._naming = naming
        self._pool = pool
        self._guard = guard or Guard()
        self._claim = Claim(dsn, naming, self._resync)
        self._claimed = False
        self._listeners: list[Listener] = []

    @classmethod
    async def open(cls, dsn: str, experiment: str, guard: Guard | None = None) -> Self:
        """Connects, and makes the experiment's schema or brings it up to date.

        `guard` is that of the embedded server, if it is one.

        Raises DatabaseError if the server cannot be reached, refuses, or holds a newer schema.
        """
        naming = Naming.of(experiment)
        connection = await connect(dsn, server_settings(naming, "migration"))
        try:
            await migrate(connection, naming)
        except BaseException:
            connection.terminate()
            raise
        await close_connection(connection)
        with database_errors("the experiment's database cannot be used"):
            pool = await asyncpg.create_pool(
                dsn,
                min_size=1,
                max_size=_MOST_CONNECTIONS,
                command_timeout=_COMMAND_SECONDS,
                server_settings=server_settings(naming, "store"),
                reset=_nothing_to_reset,
            )
        return cls(dsn, naming, pool, guard)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends all connections, changes() and the claim. Closing twice does nothing."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        try:
            await self._claim.close()
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._pool.close()
        except FAILURES:
            pass  # it is cut off below; what a dead server could say does not matter any more
        finally:
            self._pool.terminate()

    async def claim(self) -> None:
        """Makes this the experiment's only controller, until closed.

        If the connection is lost, changes() takes the claim again before it goes on, or raises
        ControllerError. Raises ControllerError if there is another controller.
        """
        await self._claim.renew()
        self._claimed = True

    def changes(self, *topics: Topic) -> Listener:
        """Sets of changes from now on: of what is desired, unless other topics are named.

        The first set, and the first after a break, is {RESYNC}: read everything then. Ends when the store
        is closed. Raises DatabaseError when the server is gone for good, or has been away for 30 s.
        """
        listener = Listener(self._dsn, self._naming, topics or ("desired",), self._renew_claim, self._guard)
        self._listeners.append(listener)
        return listener

    async def patiently(self, work: Callable[[], Awaitable[T]], seconds: float = AGAIN_SECONDS) -> T:
        """The result of `work`, which is done again as long as a server that died may come back.

        Raises DatabaseError if it does not within so many seconds, or refuses what is asked.
        """
        return await patiently(work, seconds, self._guard)

    async def begin_run(self, run_id: str, network: Network, scenario_text: str) -> None:
        """Makes `network` what is desired, instead of whatever was; metrics and results of runs stay."""
        async with self._connection("the run cannot be written") as connection:
            await writing.write_run(connection, self._naming.schema, run_id, network, scenario_text)

    async def finish_run(self, run_id: str, status: str, result_json: str) -> None:
        """Writes down how a run ended; `result_json` is its result document."""
        async with self._connection("the end of the run cannot be written") as connection:
            if not await writing.end_run(connection, run_id, status, result_json):
                raise DatabaseError(f"the run {run_id} is not in the table runs: somebody removed it")

    async def runs(self) -> list[Run]:
        """All runs of the experiment, newest first."""
        async with self._connection("the runs cannot be read") as connection:
            return await reading.read_runs(connection)

    async def desired(self) -> Desired:
        """All that is desired."""
        async with self._connection("the desired network cannot be read") as connection:
            return await reading.read_desired(connection)

    async def refresh(self, desired: Desired, changes: Iterable[Change]) -> Desired:
        """What `desired` has become, reading no more than the changed rows."""
        async with self._connection("the desired network cannot be read") as connection:
            return await reading.reread(connection, desired, changes)

    async def add_routes(
        self, paths: Sequence[tuple[Sequence[int], int]], origin: str = "computed"
    ) -> list[Route]:
        """Adds a route for each (path, weight), all with one announcement; returns them in the same order."""
        async with self._connection("routes cannot be added") as connection:
            return await writing.insert_routes(connection, paths, origin)

    async def set_route(self, id: int, path: Sequence[int] | None, weight: int | None) -> Route:
        """Gives a route another path, weight or both (None: as it was), and returns it.

        Nobody else moves it from then on. Raises DatabaseError if there is no such route.
        """
        async with self._connection("the route cannot be changed") as connection:
            return await changing.update_route(connection, id, path, weight)

    async def remove_routes(self, ids: Iterable[int]) -> None:
        """Takes routes away, and pins to them: flows that run take the other routes of their pairs."""
        async with self._connection("routes cannot be removed") as connection:
            await changing.delete_routes(connection, ids)

    async def pin_flow(self, flow: int, route: int | None) -> None:
        """Has a flow take this route, whatever the weights say; None: as the weights say."""
        async with self._connection("the flow cannot be pinned") as connection:
            await changing.pin_flow(connection, flow, route)

    async def move_routes(self, moves: Sequence[tuple[int, Sequence[int], Sequence[int]]]) -> list[Route]:
        """Gives computed routes (number, path before, path) other paths, all with one announcement.

        Returns them as they are then. Those that somebody has changed meanwhile stay, and are left out.
        """
        async with self._connection("routes cannot be moved") as connection:
            return await writing.update_routes(connection, moves)

    async def give_up_routes(self, ids: Sequence[int]) -> None:
        """Somebody else has changed these computed routes: they are theirs from now on."""
        async with self._connection("routes cannot be changed") as connection:
            await writing.give_up_routes(connection, ids)

    async def set_links(self, updates: Sequence[LinkUpdate]) -> list[tuple[Link, Link]]:
        """Changes links, all with one announcement; returns each as it was and as it is, in the same order.

        Raises ScenarioError if one of them cannot be as it is asked to be; then none is changed.
        """
        async with self._connection("links cannot be changed") as connection:
            return await changing.update_links(connection, updates)

    async def set_nodes_up(self, ids: Sequence[int], up: bool) -> None:
        """Says of nodes whether they work."""
        async with self._connection("nodes cannot be changed") as connection:
            await changing.update_nodes_up(connection, ids, up)

    async def add_node(self, node: Node) -> Node:
        """Adds a node with a new number, which it has when it is returned."""
        async with self._connection("the node cannot be added") as connection:
            return await growing.insert_node(connection, node)

    async def remove_nodes(self, ids: Iterable[int]) -> None:
        """Takes nodes away, with their links, and the routes and flows that need them."""
        async with self._connection("nodes cannot be removed") as connection:
            await growing.delete_nodes(connection, ids)

    async def add_link(self, link: Link) -> Link:
        """Adds a link with a new number, which it has when it is returned."""
        async with self._connection("the link cannot be added") as connection:
            return await growing.insert_link(connection, link)

    async def remove_links(self, ids: Iterable[int]) -> None:
        """Takes links away, with the routes that were computed over them."""
        async with self._connection("links cannot be removed") as connection:
            await growing.delete_links(connection, ids)

    async def add_flows(self, flows: Sequence[Flow]) -> list[Flow]:
        """Adds flows with new numbers, all with one announcement; returns them in the same order."""
        async with self._connection("flows cannot be added") as connection:
            return await changing.insert_flows(connection, flows)

    async def remove_flows(self, ids: Iterable[int]) -> None:
        """Takes flows away: their sources stop."""
        async with self._connection("flows cannot be removed") as connection:
            await changing.delete_flows(connection, ids)

    async def write_event_states(self, states: Iterable[EventState]) -> None:
        """Writes what became of events, whole rows."""
        await self.write_states(states)

    async def states(self) -> Actual:
        """All that is confirmed."""
        async with self._connection("the states cannot be read") as connection:
            return await reading.read_actual(connection)

    async def write_states(self, states: Iterable[writing.State]) -> None:
        """Writes states of any kind, whole rows; of several about the same thing the last one counts."""
        async with self._connection("states cannot be written") as connection:
            await writing.upsert_states(connection, states)

    async def remove_states(self, kind: type[writing.State], ids: Iterable[int]) -> None:
        """Forgets the states of things that are no more."""
        async with self._connection("states cannot be removed") as connection:
            await writing.delete_states(connection, kind, list(ids))

    async def write_algorithm_state(self, state: AlgorithmState) -> None:
        """Notes what became of an algorithm; what is counted of its decisions stays as it is."""
        async with self._connection("the state of an algorithm cannot be written") as connection:
            await writing.upsert_algorithm(connection, state)

    async def algorithm_states(self) -> list[AlgorithmState]:
        """What is known of all algorithms, by name."""
        async with self._connection("the states of algorithms cannot be read") as connection:
            return await reading.read_algorithms(connection)

    async def write_link_metrics(self, rows: Sequence[LinkMetric]) -> None:
        """Appends samples; a batch costs little more than one."""
        async with self._connection("link metrics cannot be written") as connection:
            await writing.copy_link_metrics(connection, self._naming.schema, rows)

    async def write_flow_metrics(self, rows: Sequence[FlowMetric]) -> None:
        """Appends samples; a batch costs little more than one."""
        async with self._connection("flow metrics cannot be written") as connection:
            await writing.copy_flow_metrics(connection, self._naming.schema, rows)

    async def trim_metrics(self, keep_seconds: float) -> None:
        """Removes samples, of any run, older than `keep_seconds`."""
        async with self._connection("old metrics cannot be removed") as connection:
            await writing.delete_old_metrics(connection, keep_seconds)

    async def link_metrics(self, run_id: str) -> AsyncGenerator[list[LinkMetric], None]:
        """All samples of a run, oldest first, in slices. Who does not read to the end closes it."""
        async with self._connection("link metrics cannot be read") as connection:
            async with aclosing(reading.link_metric_slices(connection, run_id)) as slices:
                async for rows in slices:
                    yield rows

    async def flow_metrics(self, run_id: str) -> AsyncGenerator[list[FlowMetric], None]:
        """All samples of a run, oldest first, in slices. Who does not read to the end closes it."""
        async with self._connection("flow metrics cannot be read") as connection:
            async with aclosing(reading.flow_metric_slices(connection, run_id)) as slices:
                async for rows in slices:
                    yield rows

    @asynccontextmanager
    async def _connection(self, failure: str) -> AsyncIterator[Connection]:
        with database_errors(failure):
            async with self._pool.acquire() as connection:
                yield connection  # type: ignore[misc]

    async def _renew_claim(self) -> None:
        if self._claimed:
            await self._claim.renew()

    def _resync(self) -> None:
        for listener in self._listeners:
            listener.resync()
