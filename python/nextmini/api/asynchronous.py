"""The same network for programs with an event loop: each method of Network, to be awaited."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

from nextmini.api.network import Network

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from nextmini.api.links import Direction
    from nextmini.api.nodes import Completed
    from nextmini.experiment import RunOptions
    from nextmini.hosts.iperf import Bandwidth
    from nextmini.hosts.probes import Outcome
    from nextmini.store import FlowState

T = TypeVar("T")


class AsyncNetwork:
    """A network whose methods are coroutines; see Network for what they do, return and raise.

    Nodes and flows are named, routes have their numbers. Changes and measurements come one after the other,
    in the order in which they are awaited; commands in nodes run beside them, and beside each other where
    they are in different nodes. What was awaited and is cancelled goes on to its end.
    """

    def __init__(self, name: str = "network", **said: Any) -> None:
        """As Network."""
        self._take(Network(name, **said))

    @classmethod
    def from_scenario(cls, source: Path | str, options: RunOptions | None = None) -> Self:
        """As Network.from_scenario."""
        made = cls.__new__(cls)
        made._take(Network.from_scenario(source, options))
        return made

    def _take(self, network: Network) -> None:
        self._network = network
        # One thread: a network is not for several at once.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="network")

    def to_scenario(self) -> str:
        """As Network.to_scenario."""
        return self._network.to_scenario()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        self._thread.shutdown()

    async def start(self) -> Self:
        """As Network.start."""
        await self._do(self._network.start)
        return self

    async def stop(self) -> dict[str, Any] | None:
        """As Network.stop."""
        return await self._do(self._network.stop)

    @property
    def nodes(self) -> list[str]:
        """The names of all nodes."""
        return list(self._network.nodes)

    def address(self, node: str) -> str:
        """The IPv4 address of a node, while the network runs. Raises KeyError if there is none."""
        return self._network[node].IP()

    async def add_node(self, name: str, address: str | None = None, **keys: Any) -> None:
        """As Network.add_node."""
        await self._do(self._network.add_node, name, address, **keys)

    async def remove_node(self, name: str) -> None:
        """As Network.remove_node."""
        await self._do(self._network.remove_node, name)

    async def add_link(self, a: str, b: str, **settings: Any) -> None:
        """As Network.add_link."""
        await self._do(self._network.add_link, a, b, **settings)

    async def remove_link(self, a: str, b: str) -> None:
        """As Link.remove."""
        await self._do(lambda: self._network.link(a, b).remove())

    async def set_link(
        self, a: str, b: str, direction: Direction = "both", **settings: Any
    ) -> dict[str, Any]:
        """As Link.set."""
        return await self._do(lambda: self._network.link(a, b).set(direction, **settings))

    async def set_link_up(self, a: str, b: str, up: bool) -> None:
        """As Link.up and Link.down."""
        await self._do(lambda: self._network.set_link_up(self._network.link(a, b), up))

    async def metrics(self) -> list[dict[str, Any]]:
        """As Network.metrics."""
        return await self._do(self._network.metrics)

    async def add_flow(self, source: str, destination: str, **keys: Any) -> str:
        """As Network.add_flow; returns the flow's name."""
        return (await self._do(self._network.add_flow, source, destination, **keys)).name

    async def flow_state(self, name: str) -> FlowState | None:
        """As Flow.state."""
        return await self._do(lambda: self._network.flow(name).state)

    async def stop_flow(self, name: str) -> FlowState:
        """As Flow.stop."""
        return await self._do(lambda: self._network.flow(name).stop())

    async def wait_for_flow(self, name: str) -> FlowState:
        """As Flow.wait."""
        return await self._do(lambda: self._network.flow(name).wait())

    async def pin_flow(self, name: str, route: int) -> None:
        """As Flow.pin."""
        await self._do(lambda: self._network.flow(name).pin(self._network.route(route)))

    async def unpin_flow(self, name: str) -> None:
        """As Flow.unpin."""
        await self._do(lambda: self._network.flow(name).unpin())

    async def add_route(self, *path: str, weight: int = 1) -> int:
        """As Network.add_route; returns the route's number."""
        return (await self._do(lambda: self._network.add_route(*path, weight=weight))).id

    async def set_route(self, id: int, *path: str, weight: int | None = None) -> dict[str, Any]:
        """As Route.set."""
        return await self._do(lambda: self._network.route(id).set(*path, weight=weight))

    async def remove_route(self, id: int) -> None:
        """As Route.remove."""
        await self._do(lambda: self._network.route(id).remove())

    async def routes(self) -> list[dict[str, Any]]:
        """As Network.routes."""
        return await self._do(self._network.routes)

    async def ping(self, source: str, destination: str, count: int = 1) -> Outcome:
        """As Network.ping."""
        return await self._do(self._network.ping, source, destination, count)

    async def ping_all(self, pairs: Sequence[tuple[str, str]] | None = None, count: int = 1) -> list[Outcome]:
        """As Network.ping_all."""
        return await self._do(self._network.ping_all, pairs, count)

    async def iperf(
        self, client: str, server: str, seconds: float = 5.0, udp: str | None = None
    ) -> Bandwidth:
        """As Network.iperf."""
        return await self._do(self._network.iperf, client, server, seconds, udp)

    async def cmd(self, node: str, text: str) -> str:
        """As Node.cmd."""
        return await asyncio.to_thread(self._network[node].cmd, text)

    async def exec(self, node: str, *command: str, input: str | None = None) -> Completed:
        """As Node.exec."""
        return await asyncio.to_thread(self._network[node].exec, *command, input=input)

    async def _do(self, work: Callable[..., T], *arguments: Any, **named: Mapping[str, Any]) -> T:
        future = asyncio.get_running_loop().run_in_executor(self._thread, partial(work, *arguments, **named))
        return await asyncio.shield(future)
