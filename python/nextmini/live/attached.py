"""A running experiment for those who do one thing after the other, as the interactive shell does."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, TypeVar

from nextmini.hosts.files import allow_files
from nextmini.hosts.iperf import measure
from nextmini.hosts.namespaces import places
from nextmini.hosts.pinging import Pinger
from nextmini.hosts.probes import Pair, Round
from nextmini.live.bandwidth import by_flow
from nextmini.live.echoing import PATIENCE, FlowPinger
from nextmini.live.handles import NetHandle
from nextmini.live.links import Named, set_link, set_up
from nextmini.live.session import session
from nextmini.live.wiring import Wiring
from nextmini.live.words import parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Sequence
    from types import TracebackType

    from nextmini.hosts.iperf import Bandwidth, Measurement
    from nextmini.hosts.probes import Outcome, Pace
    from nextmini.store import Registration, StateFolder
    from nextmini.store.live import LiveStore

T = TypeVar("T")

_FILES_OF_A_NODE = 8
"""Those of its shell, and a socket."""


class Attached:
    """The experiment with its nodes, as a context; what it started in nodes ends with it."""

    def __init__(self, state: StateFolder, found: Registration, net: NetHandle | None = None) -> None:
        self._state = state
        self._found = found
        self.net = NetHandle() if net is None else net
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()

    def __enter__(self) -> Self:
        """Raises DatabaseError, PrerequisiteError."""
        try:
            self._store = self._runner.run(self._stack.enter_async_context(session(self._state, self._found)))
            self.look()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.net.close()
        finally:
            self._leave()

    def _leave(self) -> None:
        try:
            self._runner.run(self._stack.aclose())
        finally:
            self._runner.close()

    def look(self) -> None:
        """Takes in which nodes there are now. Raises DatabaseError, PrerequisiteError."""
        self._places = places(self._state.folder(self._found.name), self._found.name)
        self.net.follow(self.wiring().addresses, self._places)
        allow_files(len(self.net) * _FILES_OF_A_NODE)

    def do(self, work: Callable[[LiveStore, Registration], Coroutine[Any, Any, T]]) -> T:
        """The result of `work` on the experiment's rows."""
        return self._runner.run(work(self._store, self._found))

    def wiring(self) -> Wiring:
        """How nodes are joined now. Raises DatabaseError."""
        return Wiring.of(self._runner.run(self._store.desired()))

    def set_up(self, a: str, b: str, up: bool) -> None:
        """Takes a link down or up again; it is so when this returns. Raises LiveError, RunError."""

        async def work() -> None:
            await set_up(self._store, await Named.find(self._store, a, b), up)

        self._runner.run(work())

    def set_link(self, a: str, b: str, words: Sequence[str]) -> None:
        """Changes settings of both directions of a link, given as KEY=VALUE.

        Raises LiveError, ScenarioError or RunError.
        """

        async def work() -> None:
            await set_link(self._store, await Named.find(self._store, a, b), parsed(words), "both")

        self._runner.run(work())

    def pings(self, pairs: Iterable[tuple[str, str]], pace: Pace) -> Round:
        """Pings between nodes, to be done with `ping`."""
        wanted = [Pair(self.net.find(a).name, b, self.net.find(b).IP()) for a, b in pairs]
        if not self._places:
            pace = replace(pace, patience=PATIENCE)
        return Round(wanted, pace, time.monotonic())

    def ping(self, tasks: Round, heard: Callable[[Outcome], None] = lambda _: None) -> None:
        """Does all pings of a round; `heard` gets each pair's outcome. Raises RunError, DatabaseError.

        From inside the nodes, or by flows where nothing runs inside.
        """
        if not self._places:
            return self._runner.run(FlowPinger(self._store, tasks, heard).run())
        there = {source: self.net.find(source).place for source in tasks.sources}
        Pinger(there, tasks, heard).run()

    def bandwidth(self, client: str, server: str, wanted: Measurement) -> Bandwidth:
        """What `server` receives from `client`: by iperf3, or by a flow if nodes have no namespaces.

        Raises LiveError, PrerequisiteError or RunError.
        """
        source, sink = self.net.find(client), self.net.find(server)
        if not self._places:
            return self._runner.run(by_flow(self._store, client, server, wanted))
        return measure(source.place, sink.place, sink.IP(), wanted)
