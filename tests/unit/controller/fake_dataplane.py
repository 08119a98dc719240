"""A dataplane process that forwards nothing: it speaks the control protocol and confirms what it is told.

As a program it takes the options of `python -m nextmini.dataplane`; its flows complete at once. A flow's size
chooses what goes wrong with it:

- MISMATCH: the two ends report different checksums;
- CRASH: the process ends with status 3 and a message in its log;
- FOREVER: it runs until it is stopped;
- PANIC: the flow's source node fails.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from nextmini.protocol import (
    VERSION,
    Applied,
    Apply,
    Bye,
    Drops,
    Error,
    FlowChange,
    FlowCounters,
    FlowRecord,
    FlowState,
    Hello,
    LinkChange,
    LinkCounters,
    LinkMark,
    LinkRecord,
    LinkState,
    Message,
    Metrics,
    NodeFailed,
    Rejection,
    RouteRecord,
    RoutesWanted,
    Stop,
    Welcome,
    decode,
    encode,
)

MISMATCH, CRASH, FOREVER, PANIC = 1001, 1002, 1003, 1004
CHECKSUM = "xxh3:00000000000000aa"


class FakeDataplane:
    """One connection of a fake process."""

    def __init__(self, url: str, token: str, process: int, *, listen: str = "127.0.0.1:9") -> None:
        self.url, self.token, self.process, self.listen = url, token, process, listen
        self.pid = os.getpid()
        self.welcome: Welcome | None = None
        self.applies: list[Apply] = []
        self.received: list[Message] = []
        self.errors: list[str] = []
        self.links: dict[int, LinkRecord] = {}
        self.routes: dict[int, RouteRecord] = {}
        self.flows: dict[int, FlowRecord] = {}
        self.forests: dict[int, set[int]] = {}
        """The nodes whose rows of a forest it was told."""
        self.forest: int | None = None
        self.claims: tuple[int, ...] = ()
        """Forests that it says it has."""
        self.running: set[int] = set()
        self.reject: dict[tuple[str, int], str] = {}
        """Records to reject, and why."""
        self.confirming = asyncio.Event()
        """While clear, nothing is confirmed."""
        self.confirming.set()
        self.links_up = True
        self.entered = 7
        """Packets that links were given when they changed; each time so many more."""
        self.entering = 0
        self._connection: ClientConnection | None = None
        self._news = asyncio.Condition()
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connects and serves the connection in a task."""
        await self.open()
        self.task = asyncio.create_task(self.serve())

    async def open(self) -> None:
        """Connects and is welcomed, or raises."""
        headers = {"Authorization": f"Bearer {self.token}"}
        self._connection = await connect(
            self.url, additional_headers=headers, compression=None, max_size=2**20
        )
        await self.say(Hello(VERSION, self.process, self.pid, self.listen, forests=self.claims))

    async def say(self, message: Message) -> None:
        assert self._connection is not None
        await self._connection.send(encode(message))

    async def close(self) -> None:
        """Drops the connection, as a process does that ends."""
        if self._connection is not None:
            await self._connection.close()
        if self.task is not None:
            await self.task

    async def until(self, condition: object) -> None:
        """Waits until `condition()` holds after some message."""
        assert callable(condition)
        async with asyncio.timeout(10), self._news:
            await self._news.wait_for(condition)

    async def serve(self) -> None:
        assert self._connection is not None
        with contextlib.suppress(ConnectionClosed):
            while True:
                message = decode(await self._connection.recv(decode=False))
                self.received.append(message)
                await self.handle(message)
                async with self._news:
                    self._news.notify_all()
                if isinstance(message, Stop):
                    await self.say(Bye())
                    await self._connection.close()
                    break

    async def handle(self, message: Message) -> None:
        match message:
            case Welcome():
                self.welcome = message
            case Apply():
                await self.confirming.wait()
                await self.apply(message)
            case Stop():
                await self.stop_flows()
            case Error():
                self.errors.append(message.reason)
            case _:
                pass

    async def apply(self, message: Apply) -> None:
        self.applies.append(message)
        for id in message.remove_routes:
            self.routes.pop(id, None)
        for id in message.remove_flows:
            self.flows.pop(id, None)
            self.running.discard(id)
        for number in message.remove_forests:
            self.forests.pop(number, None)
        for forest in message.forests:
            self.forests.setdefault(forest.id, set())
        for row in message.forest_rows:
            self.forests[row.forest].add(row.node)
        self.forest = self.forest if message.forest is None else message.forest
        self.routes.update((route.id, route) for route in message.routes)
        self.flows.update((flow.id, flow) for flow in message.flows)
        rejected = [Rejection(kind, id, why) for (kind, id), why in self.reject.items()]  # type: ignore[arg-type]
        named = {("node", n.id) for n in message.nodes} | {("link", x.id) for x in message.links}
        named |= {("route", r.id) for r in message.routes} | {("flow", f.id) for f in message.flows}
        marks = tuple(
            LinkMark(link.id, link.a, self.entered)
            for link in message.links
            if self.links.get(link.id, link) != link
        )
        self.entered += self.entering if marks else 0
        self.links.update((link.id, link) for link in message.links)
        refused = tuple(r for r in rejected if (r.kind, r.id) in named)
        await self.say(Applied(message.generation, refused, marks))
        ups = tuple(LinkChange(link.id, "up") for link in message.links if link.transport != "memory")
        if ups and self.links_up:
            await self.say(LinkState(ups))
        await self.start_flows()

    async def start_flows(self) -> None:
        waiting = [flow for flow in self.flows.values() if flow.id not in self.running]
        wanted = set()
        for flow in waiting:
            ids = [
                r.id
                for r in self.routes.values()
                if (r.path[0], r.path[-1]) == (flow.source, flow.destination)
            ]
            if ids:
                self.running.add(flow.id)
                await self.run_flow(flow, min(ids))
            else:
                wanted.add((flow.source, flow.destination))
        if wanted:
            await self.say(RoutesWanted(tuple(sorted(wanted))))

    async def run_flow(self, flow: FlowRecord, route: int) -> None:
        await self.say(FlowState((FlowChange(flow.id, "source", "running", 0, 0.0, 0, 0, None, route),)))
        if flow.size == CRASH:
            sys.stderr.write("boom: the fake was told to crash\n")
            sys.stderr.flush()
            os._exit(3)
        if flow.size == PANIC:
            await self.say(NodeFailed(flow.source, "told to panic"))
        if (flow.size is None and flow.duration is None) or flow.size in (FOREVER, PANIC):
            return
        await self.end_flow(flow, route, "completed")

    async def end_flow(self, flow: FlowRecord, route: int, status: str) -> None:
        size = flow.size or 10_000
        other = "xxh3:00000000000000bb" if flow.size == MISMATCH else CHECKSUM
        first = self.routes[route].path[0]
        link = LinkCounters(1, first, size, 1 + size // 65536, 0, Drops(down=1))
        counters = FlowCounters(flow.id, size, size, 2, 250, 65536)
        await self.say(Metrics((link,), (counters,)))
        await self.say(
            FlowState(
                (
                    FlowChange(flow.id, "source", status, size, 0.5, 2, 0, CHECKSUM, route),  # type: ignore[arg-type]
                    FlowChange(flow.id, "sink", status, size, 0.4, 0, 1, other, route),  # type: ignore[arg-type]
                )
            )
        )

    async def stop_flows(self) -> None:
        for flow in self.flows.values():
            if flow.id in self.running and (flow.size in (None, FOREVER) and flow.duration is None):
                routes = [
                    r.id
                    for r in self.routes.values()
                    if (r.path[0], r.path[-1]) == (flow.source, flow.destination)
                ]
                await self.end_flow(flow, min(routes), "stopped")


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--controller", required=True)
    parser.add_argument("--token-file", type=Path, required=True)
    parser.add_argument("--process", type=int, required=True)
    parser.add_argument("--listen", default="127.0.0.1:0")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--captures", type=Path)
    parser.add_argument("--exit-with-parent", action="store_true")
    options = parser.parse_args()
    sys.stderr.write(f"fake process {options.process} starts\n")
    fake = FakeDataplane(options.controller, options.token_file.read_text().strip(), options.process)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, lambda: os._exit(0))
    if options.exit_with_parent:
        loop.add_reader(sys.stdin.fileno(), lambda: os._exit(0) if not os.read(0, 1) else None)
    await fake.open()
    await fake.serve()


if __name__ == "__main__":
    asyncio.run(main())
