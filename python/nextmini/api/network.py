"""A network: described, started, worked with, stopped."""

from __future__ import annotations

import json
import tomllib
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from nextmini.api.background import BackgroundRun
from nextmini.api.flows import Flow
from nextmini.api.links import Direction, Link
from nextmini.api.nodes import Node
from nextmini.api.removal import without_node
from nextmini.api.routes import Route
from nextmini.errors import RunError
from nextmini.experiment import RunOptions
from nextmini.hosts.iperf import Measurement
from nextmini.hosts.namespaces import clear
from nextmini.hosts.probes import Pace
from nextmini.live import flows, links, routes, topology
from nextmini.live.attached import Attached
from nextmini.live.choice import LiveError, choose
from nextmini.live.handles import NetHandle
from nextmini.scenario import Scenario, dump, load, loads, resolve
from nextmini.store import FlowState, StateFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from nextmini.hosts.commands import Place
    from nextmini.hosts.iperf import Bandwidth
    from nextmini.hosts.probes import Outcome
    from nextmini.store import Registration
    from nextmini.store.live import LiveStore


class Network:
    """A network that a program builds or reads, starts and stops. As a context, it is stopped at its end.

    Not for several threads at once. While it runs, nodes, links and flows that are added or changed are in
    force when the method returns.
    """

    def __init__(
        self,
        name: str = "network",
        *,
        isolation: str = "namespace",
        topology: Mapping[str, Any] | None = None,
        options: RunOptions | None = None,
        **tables: Any,
    ) -> None:
        """`topology` and `tables` are tables of a scenario, as in `topology={"kind": "ring", "nodes": 4}` or
        `network={"mtu": 9000}`; `isolation` is a key of `network`. `options` say where results and state lie.

        Raises ScenarioError if they make no sense.
        """
        network = {"isolation": isolation, **tables.pop("network", {})}
        self._said: dict[str, Any] = {"experiment": {"name": name}, "network": network, **tables}
        self._options = replace(options or RunOptions(), until="stopped")
        self._nodes: dict[str, Node] = {}
        self._run: BackgroundRun | None = None
        self._stack = ExitStack()
        self._attached: Attached | None = None
        self.result: dict[str, Any] | None = None
        """The result document, once it has been stopped."""
        if topology is not None:
            self._take({**self._said, "topology": dict(topology)})

    @classmethod
    def from_scenario(cls, source: Path | str, options: RunOptions | None = None) -> Self:
        """The network of a scenario: the path of a file, or its text in TOML.

        Raises ScenarioError with everything that is wrong with it.
        """
        text = isinstance(source, str) and "\n" in source
        scenario = loads(str(source)) if text else load(Path(source))
        network = cls(scenario.experiment.name, options=options)
        network._said = tomllib.loads(dump(scenario))
        network._follow_nodes()
        return network

    def to_scenario(self) -> str:
        """The scenario of this network, resolved, in TOML: with nodes and links that came while it ran,
        without changes to what there was. Raises ScenarioError."""
        return dump(self._scenario())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # Its life.

    @property
    def running(self) -> bool:
        """Whether it is in force."""
        return self._attached is not None

    def start(self) -> Self:
        """Starts it; returns when every node and link is in force.

        Raises ScenarioError, PrerequisiteError, DatabaseError, ControllerError or RunError if that is not
        possible; then nothing is left.
        """
        if self._run is not None:
            raise LiveError("this network runs already", "stop it before you start it again")
        network = resolve(self._scenario())
        run = self._run = BackgroundRun(network, self._options)
        try:
            run.start()
            state = StateFolder.locate(self._options.state_dir, clear)
            handle = NetHandle(self._adopt)
            attached = Attached(state, choose(state, network.name), handle)
            self._attached = self._stack.enter_context(attached)
        except BaseException:
            self._run = None
            run.stop()
            raise
        return self

    def stop(self) -> dict[str, Any] | None:
        """Stops it, and everything that was started in it; returns its result, None if it was not running."""
        run = self._run
        if run is None:
            return None
        try:
            self._stack.close()
        finally:
            self._attached = self._run = None
            self.result = run.stop()
        return self.result

    # What there is.

    @property
    def nodes(self) -> dict[str, Node]:
        """All nodes by their names."""
        return dict(self._nodes)

    def __getitem__(self, name: str) -> Node:
        """The node of this name. Raises KeyError if there is none."""
        return self._nodes[name]

    @property
    def links(self) -> list[Link]:
        """All links."""
        if self._attached is not None:
            joined = self._attached.wiring().links
            return [Link(self, *(end.node for end in link.ends)) for link in joined]
        return [Link(self, *entry["ends"]) for entry in self._said.get("links", ())]

    # Nodes and links.

    def add_node(self, name: str, address: str | None = None, **keys: Any) -> Node:
        """Adds a node; `keys` are those of [[nodes]] in a scenario, before the network runs.

        Raises LiveError or ScenarioError if there can be no such node.
        """
        if self._attached is not None:
            self._none_of(keys)
            self._do(lambda store, run: topology.add_node(store, run.run, name, address))
        self._append("nodes", {"name": name, "address": address, **keys})
        return self._nodes.setdefault(name, Node(self, name))

    def remove_node(self, node: Node | str) -> None:
        """Takes a node away with its links, flows, programs and entrances, and all else that needs it.

        Raises LiveError if there is none.
        """
        name = self._known(str(node))
        if self._attached is not None:
            self._do(lambda store, _: topology.remove_node(store, name))
        self._said = without_node(self._said, name)
        self._nodes.pop(name, None)

    def add_link(self, a: Node | str, b: Node | str, **settings: Any) -> Link:
        """Joins two nodes; `settings` are keys of [[links]] in a scenario, as in `rate="10 Mbit/s"`.

        Raises LiveError or ScenarioError if there can be no such link.
        """
        one, other = self._known(str(a)), self._known(str(b))
        if self._attached is not None:
            self._do(lambda store, _: topology.add_link(store, one, other, settings))
        self._append("links", {"ends": [one, other], **settings})
        return Link(self, one, other)

    def link(self, a: Node | str, b: Node | str) -> Link:
        """The link between two nodes. Raises LiveError if there is none."""
        for link in self.links:
            if {link.a, link.b} == {str(a), str(b)}:
                return Link(self, str(a), str(b))
        raise LiveError(f"there is no link between {a} and {b}", "add one with add_link")

    def remove_link(self, link: Link) -> None:
        """Takes a link away. Raises LiveError if there is none."""
        if self._attached is not None:
            self._do(lambda store, _: topology.remove_link(store, link.a, link.b))
        self._keep("links", lambda entry: set(entry["ends"]) != {link.a, link.b})

    def set_link(self, link: Link, direction: Direction, settings: Mapping[str, Any]) -> dict[str, Any]:
        """See Link.set."""

        async def work(store: LiveStore, _: Registration) -> dict[str, Any]:
            named = await links.Named.find(store, link.a, link.b)
            return await links.set_link(store, named, settings, direction)

        return self.live.do(work)

    def set_link_up(self, link: Link, up: bool) -> None:
        """See Link.up and Link.down."""
        self.live.set_up(link.a, link.b, up)

    def show_link(self, link: Link) -> dict[str, Any]:
        """See Link.show."""

        async def work(store: LiveStore, found: Registration) -> dict[str, Any]:
            return await links.show(store, await links.Named.find(store, link.a, link.b), found.run)

        return self.live.do(work)

    def metrics(self) -> list[dict[str, Any]]:
        """Settings, state and counters of every link, as `Link.show` has them."""
        return [link.show() for link in self.links]

    # Flows.

    def add_flow(self, source: Node | str, destination: Node | str, **keys: Any) -> Flow:
        """Adds a flow; `keys` are those of [[flows]] in a scenario, as in `size="1 MB"`.

        In a network that runs it has begun when this returns. Raises LiveError, ScenarioError or RunError.
        """
        said = {"source": str(source), "destination": str(destination), **keys}
        if self._attached is None:
            said.setdefault("name", f"flow-{len(self._said.get('flows', ())) + 1}")
            self._append("flows", said)
            return Flow(self, said["name"])
        done = self.live.do(lambda store, _: flows.add_flow(store, said, wait=False))
        return Flow(self, done["name"])

    def flow(self, name: str) -> Flow:
        """The flow of this name."""
        return Flow(self, name)

    def flow_state(self, flow: Flow) -> FlowState | None:
        """See Flow.state."""

        async def work(store: LiveStore, _: Registration) -> FlowState | None:
            found = flows.find_flow(await store.desired(), flow.name)
            return await store.state(FlowState, found.id)

        return self.live.do(work)

    def wait_for_flow(self, flow: Flow) -> FlowState:
        """See Flow.wait."""
        return self.live.do(lambda store, _: flows.wait_for_flow(store, flow.name))

    def stop_flow(self, flow: Flow) -> FlowState:
        """See Flow.stop."""
        return self.live.do(lambda store, _: flows.stop_flow(store, flow.name))[0]

    def pin_flow(self, flow: Flow, route: Route | None) -> None:
        """See Flow.pin and Flow.unpin."""
        self.live.do(lambda store, _: flows.pin_flow(store, flow.name, None if route is None else route.id))

    # Routes of a network that runs.

    def add_route(self, *path: Node | str, weight: int = 1) -> Route:
        """Adds a route along these nodes, in one direction; it is in force when this returns.

        Raises LiveError if there can be no such route, or if the network does not run; RunError.
        """
        names = [str(node) for node in path]
        (made,) = self.live.do(lambda store, _: routes.add_route(store, names, weight, False))
        return Route(self, made["id"])

    def route(self, id: int) -> Route:
        """The route with this number."""
        return Route(self, id)

    def routes(self) -> list[dict[str, Any]]:
        """All routes with their numbers, paths, weights, origins and states."""

        async def work(store: LiveStore, _: Registration) -> list[dict[str, Any]]:
            return routes.route_entries(await store.desired(), await store.states())

        return self.live.do(work)

    # Measurements.

    def ping(self, source: Node | str, destination: Node | str, count: int = 1) -> Outcome:
        """Pings one node from another, once a second. Raises LiveError or RunError."""
        (outcome,) = self.ping_all([(str(source), str(destination))], count)
        return outcome

    def ping_all(self, pairs: Sequence[tuple[str, str]] | None = None, count: int = 1) -> list[Outcome]:
        """Pings between all nodes, or these pairs, many at once. Raises LiveError or RunError."""
        if pairs is None:
            pairs = [(a, b) for a in self._nodes for b in self._nodes if a != b]
        outcomes: list[Outcome] = []
        tasks = self.live.pings(pairs, Pace(count))
        self.live.ping(tasks, outcomes.append)
        order = {pair: place for place, pair in enumerate(pairs)}
        return sorted(outcomes, key=lambda one: order[one.pair.source, one.pair.destination])

    def iperf(
        self, client: Node | str, server: Node | str, seconds: float = 5.0, udp: str | None = None
    ) -> Bandwidth:
        """What `server` receives from `client`, in bit/s: of TCP, or of UDP sent at the rate `udp`.

        Raises LiveError, PrerequisiteError or RunError.
        """
        if udp is None:
            wanted = Measurement("tcp", seconds)
        else:
            wanted = Measurement("udp", seconds, udp)
        return self.live.bandwidth(str(client), str(server), wanted)

    # Behind all of that.

    @property
    def live(self) -> Attached:
        """The network that runs. Raises LiveError if it does not, RunError if it has ended by itself."""
        if self._attached is None:
            raise LiveError("this network does not run", "start it with start()")
        if self._run is not None and self._run.ended:
            raise RunError("this network has ended by itself", "stop() says why")
        return self._attached

    def _do(self, work: Any) -> None:
        """Changes which nodes or links there are."""
        self.live.do(work)
        self.live.look()
        self._nodes = {name: self._nodes[name] for name in self.live.net if name in self._nodes}

    def _adopt(self, name: str, address: str, place: Place | None) -> Node:
        """The node that a program has in hand, as it runs now."""
        node = self._nodes.setdefault(name, Node(self, name))
        node.attach(address, place)
        return node

    def _scenario(self) -> Scenario:
        topology = {"kind": "custom"} if "topology" not in self._said else self._said["topology"]
        return _understood({**self._said, "topology": topology})

    def _take(self, said: dict[str, Any]) -> None:
        """Takes a description over with all that its topology generates."""
        self._said = tomllib.loads(dump(_understood(said)))
        self._follow_nodes()

    def _follow_nodes(self) -> None:
        self._nodes = {entry["name"]: Node(self, entry["name"]) for entry in self._said["nodes"]}

    def _append(self, table: str, entry: dict[str, Any]) -> None:
        kept = {key: value for key, value in entry.items() if value is not None}
        self._said[table] = [*self._said.get(table, ()), kept]

    def _keep(self, table: str, wanted: Callable[[dict[str, Any]], bool]) -> None:
        self._said[table] = [entry for entry in self._said.get(table, ()) if wanted(entry)]

    def _known(self, name: str) -> str:
        if name not in self._nodes:
            raise LiveError(f"there is no node {name!r}", "add it first")
        return name

    def _none_of(self, keys: Mapping[str, Any]) -> None:
        for key in keys:
            raise LiveError(f"{key} cannot be given to a node of a network that runs", f"leave out {key}")


def _understood(said: Mapping[str, Any]) -> Scenario:
    """Raises ScenarioError with everything that is wrong with it."""
    return loads(json.dumps(said), "json", file=str(said["experiment"]["name"]))
